#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A text as a C string: embed.py NAME INPUT OUTPUT

Its SPDX comment, if it begins with one, is left out.
"""
import json
import re
import sys


def main():
    name, source, target = sys.argv[1:4]
    with open(source, encoding="utf-8") as file:
        text = re.sub(r"^(<!doctype html>\n)?<!-- SPDX[^>]*-->\n", r"\1", file.read())
    lines = [f"\t{json.dumps(line)}" for line in text.splitlines(keepends=True)]
    with open(target, "w", encoding="utf-8") as file:
        file.write(f"/* Made by embed.py. */\nstatic const char {name}[] =\n" + "\n".join(lines) + ";\n")


if __name__ == "__main__":
    main()
