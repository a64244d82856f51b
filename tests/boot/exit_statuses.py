#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every exit status arrives: exit_statuses.py KERNEL APP

A sample of 0 to 255, through each way to end; all of them if CHECK_LONG is set.
"""
import os
import sys

sys.dont_write_bytecode = True
from run_guest import Guest, boot  # noqa: E402


def main():
    kernel, app = sys.argv[1:3]
    sample = [0, 1, 2, 3, 42, 63, 64, 77, 99, 126, 127, 128, 129, 200, 254, 255]
    wrong = []
    cases = [("return", n, n) for n in (range(256) if os.environ.get("CHECK_LONG") else sample)]
    cases += [(way, n, n & 255) for way in ("exit", "api") for n in (0, 7, 255, 256, 511, -1)]
    for way, status, expected in cases:
        result = boot(Guest(kernel=kernel, initrd=app, append=f"{way} {status}", timeout=60))
        if result.outcome != f"exit:{expected}" or f"about to end by {way}" not in result.output:
            wrong.append(f"{way} {status}: {result.outcome}, output {result.output!r}")
    print("\n".join(wrong))
    print(f"{len(cases)} boots, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
