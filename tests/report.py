# SPDX-License-Identifier: MIT
"""Count what `meson test` ran: report.py BUILDDIR STATUS-OF-MESON-TEST SUITE…

Reads Meson's log of the run. A test that speaks TAP counts once for each of its
subtests, any other once; a SUITE without any test is a failure. Lists what failed,
and what was skipped with its reason; the last line is "N passed, N failed".
Exit status 0 only if something passed and nothing failed.

What `meson test --logbase again` ran a second time counts with its second outcome;
what failed only the first time is listed as unsteady.

report.py --failed BUILDDIR prints the names of the tests that failed, a line each.
"""
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

TAP_LINE = re.compile(r"(not )?ok\b\s*\d*\s*(?:- )?(.*?)(?:\s+#\s*(SKIP|TODO)\b\S*\s*(.*))?", re.I)
PROJECT = "baremetal-sdk:"
GOOD = ("OK", "EXPECTEDFAIL", "SKIP")


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


def outcomes(test, tap):
    """(name, outcome, reason) of all that one line of Meson's log stands for."""
    name, result, output = test["name"].removeprefix(PROJECT), test["result"], test.get("stdout", "")
    if tuple(test["command"]) in tap:
        bad = False
        for subtest, outcome, reason in subtests(output):
            bad |= outcome == "failed"
            yield f"{name}: {subtest}", outcome, reason
        if result not in GOOD and not bad:
            yield f"{name}: {result.lower()}", "failed", ""
    elif result == "SKIP":
        yield name, "skipped", (output.strip().splitlines() or ["no reason given"])[-1]
    elif result in GOOD:
        yield name, "passed", ""
    else:
        yield f"{name}: {result.lower()}", "failed", ""


def read_log(build, base):
    """The tests of a run, by name and command."""
    log = build / "meson-logs" / f"{base}.json"
    tests = map(json.loads, log.read_text().splitlines() if log.exists() else [])
    return {(test["name"], *test["command"]): test for test in tests}


def main():
    if sys.argv[1] == "--failed":
        for test in read_log(Path(sys.argv[2]), "testlog").values():
            if test["result"] not in GOOD:
                print(test["name"].split(" / ", 1)[1])  # without "project:suite / "
        return 0
    build, status, suites = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    planned = json.loads((build / "meson-info" / "intro-tests.json").read_text())
    tap = {tuple(test["cmd"]) for test in planned if test["protocol"] == "tap"}
    first, again = read_log(build, "testlog"), read_log(build, "again")
    passed, failed, skipped = 0, [], defaultdict(list)
    for test in (first | again).values():
        for name, outcome, reason in outcomes(test, tap):
            if outcome == "passed":
                passed += 1
            elif outcome == "failed":
                failed.append(name)
            else:
                skipped[reason].append(name)
    unsteady = [
        name
        for key in again
        for name, outcome, _ in outcomes(first[key], tap)
        if outcome == "failed" and name not in failed
    ]
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
    for name in unsteady:
        print(f"UNSTEADY: {name} (failed, then passed on its own: find out why)")
    for name in failed:
        print(f"FAILED: {name}")
    if failed or unsteady:
        print(f"what they said: {build / 'meson-logs'}/testlog.txt and again.txt")
    if skipped:
        print(f"{sum(map(len, skipped.values()))} skipped, for the reasons above")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
