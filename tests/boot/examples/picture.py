#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""picture.py HOST_RAYTRACER RUN_GUEST ARGUMENTS… APP: each pixel must be as the same source draws it on the host.

A small picture is compared as a whole, a larger one by its checksum.
"""
import os
import re
import subprocess
import sys

host, run_guest, *words = sys.argv[1:]


def draw(*arguments):
    return subprocess.run([host, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


def guest(arguments, *patterns):
    expected = [word for pattern in patterns for word in ("--expect-output", pattern)]
    status = subprocess.run([sys.executable, run_guest, *expected, "--append", " ".join(arguments), *words],
                            check=False).returncode
    if status:
        sys.exit(status)


small, large = ("48", "36", "base64"), ("101", "75")
lines = draw(*small).split("BEGIN\n")[1].split("END\n")[0].split()
assert sum(map(len, lines)) == (3 * 48 * 36 + len("P6\n48 36\n255\n") + 2) // 3 * 4
guest(small, r"^BEGIN\s+" + r"\s+".join(map(re.escape, lines)) + r"\s+END$")
checksum = re.search(r"checksum [0-9a-f]{16}", draw(*large)).group()
guest(large, checksum, r" times as fast$")
