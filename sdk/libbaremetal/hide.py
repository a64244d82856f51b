#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rename the library's internal functions, so that a program may use their names.

    hide.py --ar AR --nm NM --objcopy OBJCOPY --headers DIR… [--names FILE] [--cut TEXT]
            [--join COMPILER WORD…] --input ARCHIVE --output ARCHIVE

A static library has one space of names with the program that it is linked to. What the
installed headers declare stays; so do names that begin with "_" or "bm_", which are ours by
the C standard and by the API's rule. All others get the prefix "__bm_". --names is the list of
another library that was treated so, and whose internal functions this one calls. --join makes one
member of all, which were compiled for link-time optimisation: calls between them are inlined then,
and what a program does not use is still left out, function by function, constructors aside; but a program's
own function of the same name as one of these is refused by the linker.
"""
import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PREFIX = "__bm_"


def words(folders):
    found = set()
    for folder in folders:
        for path in Path(folder).rglob("*.h"):
            found.update(re.findall(r"[A-Za-z_]\w*", path.read_text(errors="replace")))
    return found


def internal_names(nm, archive, declared):
    listing = subprocess.run([nm, "-g", "--defined-only", "-f", "posix", archive], check=True,
                             capture_output=True, text=True).stdout
    names = {line.split()[0] for line in listing.splitlines() if len(line.split()) >= 2}
    return sorted(name for name in names if not name.startswith(("_", "bm_"))
                  and name not in declared)


def join(command, ar, archive, target):
    """An archive of one member, linked from all."""
    Path(target).unlink(missing_ok=True)
    members = subprocess.run([ar, "t", archive], check=True, capture_output=True,
                             text=True).stdout.splitlines()
    with tempfile.TemporaryDirectory() as work:
        one = str(Path(work, Path(target).name.split(".")[0] + ".o"))
        subprocess.run([*command, "-r", "-nostdlib", "-flto", "-flto-partition=one", "-flinker-output=nolto-rel",
                        "-o", one, *members], check=True)
        subprocess.run([ar, "rcsD", target, one], check=True)


def whole(ar, archive, target, cut):
    """A copy with the members inside: Meson's archives that are not installed only name them.

    A member's name is the path of its source: up to `cut`, that is a folder of this machine.
    """
    Path(target).unlink(missing_ok=True)
    members = subprocess.run([ar, "t", archive], check=True, capture_output=True,
                             text=True).stdout.splitlines()
    with tempfile.TemporaryDirectory() as work:
        for index, member in enumerate(members):
            name = Path(member).name
            if cut and cut in name:
                members[index] = f"{work}/{name.split(cut, 1)[1]}"
                shutil.copyfile(member, members[index])
        subprocess.run([ar, "rcsD", target, *members], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("ar", "nm", "objcopy", "input", "output"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--headers", nargs="+", required=True)
    parser.add_argument("--names")
    parser.add_argument("--cut")
    # All after "--join" are the compiler's words; none where it cannot (sdk/meson.build).
    words_given = sys.argv[1:]
    at = words_given.index("--join") if "--join" in words_given else len(words_given)
    options = parser.parse_args(words_given[:at])
    made = options.output + ".new"
    if words_given[at + 1:]:
        join(words_given[at + 1:], options.ar, options.input, made)
    else:
        whole(options.ar, options.input, made, options.cut)
    declared = words(options.headers)
    if "printf" not in declared:
        sys.exit("hide.py: there is no C library's header in " + ", ".join(options.headers))
    names = internal_names(options.nm, made, declared)
    table = Path(options.output + ".names")
    lines = [f"{name} {PREFIX}{name}\n" for name in names]
    if options.names:
        lines = sorted({*lines, *Path(options.names).read_text().splitlines(keepends=True)})
    table.write_text("".join(lines))
    subprocess.run([options.objcopy, "--enable-deterministic-archives",
                    f"--redefine-syms={table}", made], check=True)
    shutil.move(made, options.output)


if __name__ == "__main__":
    main()
