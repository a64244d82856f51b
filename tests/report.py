# SPDX-License-Identifier: MIT
"""Count what `meson test` ran: report.py BUILDDIR STATUS-OF-MESON-TEST SUITE…

Reads Meson's log of the run. A test that speaks TAP counts once for each of its
subtests, any other once; a SUITE without any test is a failure. Lists what failed,
and what was skipped with its reason; the last line is "N passed, N failed[, N
skipped]". Exit status 0 only if something passed and nothing failed.
"""
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

TAP_LINE = re.compile(r"(not )?ok\b\s*\d*\s*(?:- )?(.*?)(?:\s+#\s*(SKIP|TODO)\b\S*\s*(.*))?", re.I)


def subtests(text):
    """(name, "passed"|"failed"|"skipped", reason) of each TAP line."""
    for line in text.splitlines():
        match = TAP_LINE.fullmatch(line)
        if not match:
            continue
        bad, name, directive, reason = match.groups()
        if directive:
            yield name, "skipped", reason
        else:
            yield name, "failed" if bad else "passed", ""


def main():
    build, status, suites = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    planned = json.loads((build / "meson-info" / "intro-tests.json").read_text())
    tap = {tuple(test["cmd"]) for test in planned if test["protocol"] == "tap"}
    log = build / "meson-logs" / "testlog.json"
    passed, failed, skipped = 0, [], defaultdict(list)
    for line in log.read_text().splitlines() if log.exists() else []:
        test = json.loads(line)
        name, result = test["name"].removeprefix("baremetal-sdk:"), test["result"]
        output = test.get("stdout", "")
        if tuple(test["command"]) in tap:
            before = len(failed)
            for subtest, outcome, reason in subtests(output):
                if outcome == "passed":
                    passed += 1
                elif outcome == "failed":
                    failed.append(f"{name}: {subtest}")
                else:
                    skipped[reason].append(f"{name}: {subtest}")
            if result not in ("OK", "SKIP") and len(failed) == before:
                failed.append(f"{name}: {result.lower()}")
        elif result in ("OK", "EXPECTEDFAIL"):
            passed += 1
        elif result == "SKIP":
            skipped[(output.strip().splitlines() or ["no reason given"])[-1]].append(name)
        else:
            failed.append(f"{name}: {result.lower()}")
    have = {suite.split(":")[-1] for test in planned for suite in test["suite"]}
    failed += [f"{suite}: this suite has no tests" for suite in suites if suite not in have]
    if status and not failed:
        failed.append(f"meson test: ended with status {status}")
    if not passed and not failed:
        failed.append("nothing ran")

    print()
    for reason, names in sorted(skipped.items()):
        print(f"skipped: {reason or 'no reason given'}")
        for name in names:
            print(f"    {name}")
    for name in failed:
        print(f"FAILED: {name}")
    if failed:
        print(f"what they said: {build / 'meson-logs' / 'testlog.txt'}")
    skips = sum(map(len, skipped.values()))
    print(f"{passed} passed, {len(failed)} failed" + (f", {skips} skipped" if skips else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
