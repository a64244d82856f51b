#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A public header as doxygen wants it: doxygen_filter.py HEADER

The headers keep plain C comments where these say enough. On its way to doxygen
the banner becomes the file's description, a comment behind a member becomes that
member's, and the list of error codes is spelled out. Line numbers stay as they are.
"""
import re
import sys

BANNER = re.compile(r"\A(/\*.*SPDX-License-Identifier.*\*/\n)/\*\n \* ")
MEMBER = re.compile(r"^(\s+[^/*\s][^/]*[,;]\s*)/\* (?=[^\n]*\*/$)", re.MULTILINE)
CODE = re.compile(r'^\tX\((BM_E\w+), (\d+), "([^"\n]*)"\)', re.MULTILINE)
CODES_MACRO = re.compile(r"^#(define|undef) BM_ERROR_ENUM.*$", re.MULTILINE)
CONSTANT = re.compile(r"^(#define BM_\w+ +[^/\n]+)/\* (?=[^\n]*\*/$)", re.MULTILINE)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    text = BANNER.sub(r"\1/** @file\n * ", text, count=1)
    text = MEMBER.sub(r"\1/**< ", text)
    text = CONSTANT.sub(r"\1/**< ", text)
    codes = " ".join(f"{name} = {number}, /**< {meaning} */" for name, number, meaning in CODE.findall(text))
    text = CODES_MACRO.sub("", text).replace("\tBM_ERROR_LIST(BM_ERROR_ENUM)", codes)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
