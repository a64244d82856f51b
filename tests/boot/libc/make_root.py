#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The folder that bootfs.c reads: make_root.py STAMP DIR"""
import os
import shutil
import sys

stamp, root = sys.argv[1:3]
shutil.rmtree(root, ignore_errors=True)
for folder in ("sub/deeper", "tmp/sub", "dev/sub"):
    os.makedirs(f"{root}/{folder}")
for name, text in {"file.txt": "first line\nsecond line\n", "empty": "", "sub/n\u00e4me": "utf-8\n",
                   "sub/deeper/a file with spaces.txt": "inner", "tmp/sub/given": "given",
                   "dev/sub/given": "given", "dev/null": "not shown"}.items():
    with open(f"{root}/{name}", "w", encoding="utf-8") as file:
        file.write(text)
for name, target in {"link": "sub/deeper", "dangling": "missing", "absolute": "/file.txt"}.items():
    os.symlink(target, f"{root}/{name}")
with open(stamp, "w", encoding="utf-8") as file:
    file.write(root + "\n")
