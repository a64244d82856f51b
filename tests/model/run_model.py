#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Search all states of one model: run_model.py MODEL holds|broken [DEFINE…]

holds: the search must be complete and find nothing. broken: an assertion must fail, or
the model could not tell a right queue from a wrong one. Where the model fails, its trace
is printed. At most 1 GiB of memory.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MEMORY_MIB = 1000
DEPTH = 1000000  # steps of one run; a longer one counts as a failure


def run(command, folder):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout


def main():
    model, expect, defines = Path(sys.argv[1]).resolve(), sys.argv[2], [f"-D{d}" for d in sys.argv[3:]]
    # With a process that waits for `timeout`, any state may be the last one: it judges.
    judged = ["-E"] if "timeout;" in model.read_text() else []
    with tempfile.TemporaryDirectory(prefix="bm-model-") as work:
        # spin includes from the current folder only.
        for source in model.parent.glob("*.pml"):
            Path(work, source.name).write_bytes(source.read_bytes())
        for command in (["spin", "-a", *defines, model.name],
                        ["cc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE",
                         f"-DMEMLIM={MEMORY_MIB}", "-o", "pan", "pan.c"]):
            status, output = run(command, work)
            if status:
                print(output)
                print(f"FAILED: {' '.join(command)}: status {status}")
                return 1
        status, output = run(["./pan", f"-m{DEPTH}", *judged], work)
        errors = re.search(r"errors: (\d+)", output)
        states = re.search(r"(\d+) states, stored", output)
        whole = not re.search(r"max search depth too small|MEMLIM|out of memory|Search not completed", output)
        asserted = re.search(r"assertion violated (.*) \(at depth", output)
        if status or not errors or not states:
            print(output)
            print(f"FAILED: the search ended with status {status}")
            return 1
        if expect == "broken" and asserted:
            print(f"found broken after {states[1]} states: {asserted[1]}")
            return 0
        if expect == "holds" and whole and errors[1] == "0":
            print(f"holds in all of {states[1]} states")
            return 0
        print(output)
        if errors[1] != "0":
            print("--- the end of the trace ---")
            print("\n".join(run(["spin", "-t", "-p", "-g", "-l", *defines, model.name], work)[1].splitlines()[-150:]))
        print(f"FAILED: {model.name} {' '.join(defines)}: expected that it " +
              ("holds" if expect == "holds" else "is found broken"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
