#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each public header compiles alone: check_headers.py INCLUDEDIR

With gcc and clang, as C and as C++, warnings being errors; and twice in one file, for the guards.
"""
import subprocess
import sys
from pathlib import Path

LANGUAGES = [("c", "gnu11"), ("c", "gnu17"), ("c++", "gnu++11"), ("c++", "gnu++17")]
COMPILERS = {"gcc": {"c": "gcc", "c++": "g++"}, "clang": {"c": "clang", "c++": "clang++"}}


def main():
    include = Path(sys.argv[1])
    headers = sorted(p.relative_to(include) for p in include.glob("baremetal/*.h"))
    if len(headers) < 5:
        sys.exit(f"{include} holds {len(headers)} headers: not the SDK's include folder")
    failures = 0
    for header in headers:
        text = f"#include <{header}>\n" * 2
        for compiler in COMPILERS.values():
            for language, standard in LANGUAGES:
                command = [compiler[language], "-x", language, f"-std={standard}", "-Wall", "-Wextra",
                           "-Wpedantic", "-Wstrict-prototypes" if language == "c" else "-Wall",
                           "-Werror", "-fsyntax-only", f"-I{include}", "-"]
                done = subprocess.run(command, input=text, text=True, capture_output=True)
                if done.returncode:
                    failures += 1
                    print(" ".join(command), f"<<< '#include <{header}>'", done.stderr, sep="\n")
    print(f"{len(headers)} headers, {failures} compilations failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
