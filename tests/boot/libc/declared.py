#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every function that the sysroot's headers declare is in its libraries: declared.py CC STAGE

A program that a header lets compile must link. What is known to be missing is listed here, each
with its reason; an entry that is no longer missing is an error as well.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MISSING = {
    r"ruserok|iruserok|rresvport|getpeereid|revoke|vhangup": "networks and terminals of BSD",
    r"\w*usershell|crypt|encrypt|setkey|ctermid|cuserid|getpass|setdtablesize|setpassent": "users and passwords",
    r"(set|end|get)(pw|gr)ent": "users and passwords",
    r"iconv\w*|_iconv\w*": "conversion of character sets is left out for its size",
    r"initstate|setstate": "random() has one state",
    r"sigpause": "its other name, __xpg_sigpause, is the one that programs get",
}
# lwIP's own headers: not each compiles alone, and some declare what its options leave out.
LWIP = ("lwip/", "netif/", "arch/", "lwipopts.h", "net_hooks.h")
MBEDTLS = ("mbedtls/",)  # these declare what its configuration leaves out, too
OPTIONAL = re.compile(r"^(_\w+_r|__\w+|_\w+)$")  # names of the library's own


def main():
    compiler, stage = sys.argv[1], Path(sys.argv[2]).resolve()
    include, library = stage / "sysroot/usr/include", stage / "sysroot/usr/lib"
    skip = {"newlib.h", "_newlib_version.h", "_syslist.h", "regdef.h", "threads.h", "complex.h"}
    names = [str(p.relative_to(include)) for p in sorted(include.rglob("*.h"))]
    names = [n for n in names if n not in skip and not n.startswith(("machine/", "bits/", "ssp/", *LWIP, *MBEDTLS))
             and not re.match(r"sys/_|sys/(custom_file|iconvnls)", n)]
    declared, broken = {}, []
    with tempfile.TemporaryDirectory() as work:
        source, info = Path(work, "all.c"), Path(work, "info")
        for name in [*names, "complex.h"]:
            source.write_text(f"#include <stdio.h>\n#include <{name}>\nint x;\n")
            done = subprocess.run([compiler, "-D_GNU_SOURCE", "-U__linux__", "-D__baremetal__=1", "-w",
                                   f"--sysroot={stage}/sysroot", "-aux-info", str(info), "-c", str(source),
                                   "-o", f"{work}/all.o"], capture_output=True, text=True)
            if done.returncode:
                broken.append(f"{name} does not compile: {done.stderr.splitlines()[0]}")
                continue
            for line in info.read_text().splitlines():
                match = re.match(rf"/\* {re.escape(str(include))}/(\S+?):\d+:.*?\*/ extern .*?(\w+) \(", line)
                if match:
                    declared.setdefault(match[2], match[1])
    holders = {}
    for archive in sorted(library.glob("*.a")):
        symbols = subprocess.run(["nm", "-g", "--defined-only", str(archive)], capture_output=True, text=True).stdout
        for kind, name in re.findall(r" ([A-Za-z]) (\w+)$", symbols, re.M):
            holders.setdefault(name, {})[archive.name] = kind
    defined = set(holders)
    # Which of two is taken depends on what else a program calls; both, and it does not link.
    double = sorted((n, a) for n, a in holders.items() if "libbaremetal.a" in a and len(a) > 1
                    and set(a.values()) <= set("TDBR"))
    missing = sorted(n for n in declared if n not in defined and not OPTIONAL.match(n))
    unknown = [n for n in missing if not any(re.fullmatch(p, n) for p in MISSING)]
    idle = [p for p in MISSING if not any(re.fullmatch(p, n) for n in missing)]
    for text in broken:
        print(text)
    for name, archives in double:
        print(f"{name}() is in {' and in '.join(archives)}")
    for name in unknown:
        print(f"{name}() is declared in <{declared[name]}> and in no library")
    for pattern in idle:
        print(f"nothing is missing for the listed {pattern}")
    print(f"{len(declared)} functions declared, {len(missing)} known to be missing or not found")
    return 1 if broken or double or unknown or idle or len(declared) < 500 else 0


if __name__ == "__main__":
    sys.exit(main())
