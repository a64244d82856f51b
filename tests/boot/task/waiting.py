#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A core that waits over and over for a moment halts: waiting.py KERNEL APP HOW

Counts the instructions of a guest that waits for a second (waiting.c), in which its clock counts
instructions as well: one that spins executes 1,000,000,000. Of the 20,000,000 allowed, the looks
before it tries the timer take half.
"""
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2] / "bench")]
sys.dont_write_bytecode = True
from counting import build_plugin, count  # noqa: E402
from run_guest import Guest  # noqa: E402

LIMIT = 20_000_000


def main():
    kernel, app, how = sys.argv[1:4]
    guest = Guest(kernel=kernel, initrd=app, append=how, icount=True)
    with tempfile.TemporaryDirectory(prefix="bm-waiting-") as work:
        report, _ = count(build_plugin(Path(work)), guest)
    total = sum(report.ends.values())
    print(f"{total:,} instructions in a second of {how}")
    if not 0 < total < LIMIT:
        print(f"FAILED: not below {LIMIT:,}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
