#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The source tree's own rules: check_tree.py TREE BUILD

Each text file that is kept carries an SPDX line near its top, and none names a folder
of the machine it was written on.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

# No room for a comment, or text that belongs to the user of the SDK.
WITHOUT_SPDX = re.compile(r"(^|/)(LICENSE|\.gitignore|\.clang-format|\.editorconfig)$|\.(md|json|patch)$"
                          r"|^templates/.*/root/")
FOREIGN = re.compile(r"(^|[\s\"'(=:])/(home/[a-z]|root/\.|Users/|mnt/[a-z])")


def files(tree):
    """What git would keep; in a copy without git, all but build results."""
    done = subprocess.run(["git", "-C", tree, "ls-files", "-z", "--cached", "--others",
                           "--exclude-standard"], capture_output=True)
    if done.returncode == 0:
        return [name for name in os.fsdecode(done.stdout).split("\0") if name]
    names = []
    for folder, folders, here in os.walk(tree):
        folders[:] = [f for f in folders if not re.match(r"\.|build|prefix|__pycache__", f)]
        names += [os.path.relpath(os.path.join(folder, name), tree) for name in here]
    return names


def main():
    tree, build = sys.argv[1:3]
    paths = {os.path.realpath(p) + "/" for p in (tree, build)}
    wrong, checked = [], 0
    for name in sorted(files(tree)):
        path = Path(tree, name)
        if path.is_symlink() or not path.is_file():
            continue
        data = path.read_bytes()
        if not data or b"\0" in data[:8000]:
            continue
        checked += 1
        text = data.decode("utf-8", "replace")
        top = "\n".join(text.splitlines()[:6])
        if "SPDX-License-Identifier: " not in top and not WITHOUT_SPDX.search(name):
            wrong.append(f"{name}: has no SPDX line in its first 6 lines")
        for number, line in enumerate(text.splitlines(), 1):
            if FOREIGN.search(line) or any(p in line for p in paths):
                wrong.append(f"{name}:{number}: names a folder of one machine: {line.strip()[:100]}")
    print("\n".join(wrong))
    print(f"{checked} files, {len(wrong)} complaints")
    return 1 if wrong or checked < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
