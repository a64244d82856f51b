#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run doxygen into a fresh folder: make_reference.py DOXYGEN DOXYFILE FOLDER

The folder appears only when doxygen had nothing to complain about, so that a
build that failed is not taken for a finished one.
"""
import shutil
import subprocess
import sys


def main():
    doxygen, doxyfile, folder = sys.argv[1:]
    shutil.rmtree(folder, ignore_errors=True)
    status = subprocess.run([doxygen, doxyfile]).returncode
    if status:
        shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
