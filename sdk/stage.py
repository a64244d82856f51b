#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Put together the folder that is installed as PREFIX/lib/baremetal.

    stage.py --stamp FILE --stage DIR --newlib SYSROOT --headers DIR FILES…
    stage.py --install DIR FOLDER       (as a Meson install script)

Files that have not changed keep their times, so that nothing is compiled again for them.
"""
import argparse
import filecmp
import os
import shutil
import sys
from pathlib import Path

# For Makefiles that name them; their contents are in libc.a and libbaremetal.a. libgomp.a is empty
# if it is not built: else the linker would take the host's.
EMPTY = ("libg.a", "librt.a", "libpthread.a", "libdl.a", "libgomp.a")
NO_MEMBERS = b"!<arch>\n"


def copy(source, target, seen):
    seen.add(target)
    if target.is_file() and filecmp.cmp(source, target, shallow=False):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def copy_tree(source, target, seen, without=()):
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if path.is_file() and not {"meson.build", *without} & {name.as_posix(), *name.parts}:
            copy(path, target / path.relative_to(source), seen)


def stage(options):
    root = Path(options.stage)
    include, library = root / "sysroot/usr/include", root / "sysroot/usr/lib"
    headers = Path(options.headers)
    seen = set()
    # The compilers have their own stdatomic.h; clang prefers the C library's, and Newlib's is not for it.
    copy_tree(Path(options.newlib) / "usr/include", include, seen, without=("stdatomic.h",))
    copy_tree(headers / "libc", include, seen)
    copy_tree(headers / "baremetal", include / "baremetal", seen)
    for folder, place in options.more:
        copy_tree(Path(folder), include / place, seen, without=options.without)
    for path in map(Path, options.files):
        if path.suffix == ".ld":
            copy(path, root / path.name, seen)
        elif path.name == "ld":
            copy(path, root / "bin/ld", seen)
            (root / "bin/ld").chmod(0o755)
        elif path.suffix in (".a", ".o"):
            copy(path, library / path.name, seen)
        elif path.name == "omp.h":
            copy(path, include / path.name, seen)
    # Meson's static libraries may be thin in the build tree: copies must stand alone.
    for path in library.glob("*.a"):
        if path.read_bytes()[:7] == b"!<thin>":
            sys.exit(f"stage: {path.name} is a thin archive and cannot be installed")
    for path in (library / name for name in EMPTY):
        if path not in seen and (not path.exists() or path.stat().st_size != len(NO_MEMBERS)):
            path.write_bytes(NO_MEMBERS)
        seen.add(path)
    for path in root.rglob("*"):
        if path.is_file() and path not in seen:
            path.unlink()
    Path(options.stamp).write_text("/* The stage is complete. */\n")


def install(source, folder):
    target = Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"]) / folder
    for path in sorted(Path(source).rglob("*")):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            place.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
    if not os.environ.get("MESON_INSTALL_QUIET"):
        print(f"Installing the sysroot to {target}")


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--install":
        install(sys.argv[2], sys.argv[3])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("stamp", "stage", "newlib", "headers"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--more", nargs=2, action="append", default=[], help="folder of headers, and where in include")
    parser.add_argument("--without", action="append", default=[], help="name in such a folder that is left out")
    parser.add_argument("files", nargs="+")
    stage(parser.parse_args())


if __name__ == "__main__":
    main()
