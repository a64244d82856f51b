#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build GCC's own OpenMP library for BareMetal apps: DIR/libgomp.a and DIR/omp.h.

Takes libgomp from Debian's gcc-N-source archive of the compiler in use, adds the files of overlay/,
and configures it alone, as for a POSIX system without futexes: its teams are the threads of
libbaremetal. The tests of configure link against the SDK as it is then installed, so they find
what the library has and nothing else.

omp_lock_t must be as large as in the omp.h that the host's gcc brings, for a compiler finds
that one first: this is checked. After "--" stand the compiler's flags, "--link" and the linker's;
@STAGE@ in them is the sysroot that is put together for the time of the build.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "newlib"))
from build import BuildError, run, work_folder, write_tool  # noqa: E402 (Newlib's, not this one)

CONFIGURE = """
--host=x86_64-elf --prefix=/usr --disable-multilib --disable-shared --disable-symvers
--disable-linux-futex --enable-tls --disable-werror --disable-dependency-tracking
ac_cv_prog_FC=no ac_cv_path_PERL=false
""".split()

# What libgomp's configure reads outside its own folder.
PARTS = """
libgomp config include config-ml.in config.sub config.guess install-sh ltmain.sh missing depcomp
mkinstalldirs compile move-if-change gcc/BASE-VER gcc/DATESTAMP
""".split()

# The sizes and alignments of omp_lock_t and omp_nest_lock_t on x86-64 Linux.
LOCKS = [("4", "4"), ("16", "8")]


def say(text):
    print(f"libgomp: {text}", flush=True)


def find_archive(folder, version):
    found = sorted(glob.glob(f"{glob.escape(folder)}/gcc-{version}.*.tar.*"))
    if not found:
        raise BuildError(f"no gcc-{version}.*.tar.* in {folder}: install the Debian package "
                         f"gcc-{version}-source, or set the Meson option gcc_source")
    return found[-1]


def unpack(archive, work, log):
    """Extract what is needed of some 700 MB; returns the source's folder."""
    run(["tar", "-xf", archive, "-C", str(work), "--no-same-owner", "--wildcards", "--anchored",
         "--no-wildcards-match-slash", *(f"*/{part}" for part in PARTS)], log)
    found = list(Path(work).glob("*/libgomp/configure"))
    if len(found) != 1:
        raise BuildError(f"{archive} does not look like GCC's source: no libgomp/configure")
    return found[0].parents[1]


def write_compiler(path, compiler, flags, link_flags):
    """The compiler as configure and libtool use it: the flags to link follow the objects."""
    link = write_tool(path.with_name("cc-link"), compiler, flags, ["-x", "none", *link_flags])
    compile_only = write_tool(path.with_name("cc-compile"), compiler, flags)
    path.write_text('#!/bin/sh\nfor word do case $word in -c | -S | -E | -v | -V | -dump* | -print* | --version)\n'
                    f'exec {compile_only} "$@" ;; esac; done\nexec {link} "$@"\n')
    path.chmod(0o755)
    return str(path)


def check_header(header):
    """Programs are compiled with the omp.h of the host's gcc."""
    locks = re.findall(r"unsigned char _x\[(\d+)\]\s*__attribute__\(\(__aligned__\((\d+)\)\)\)",
                       header.read_text())
    if locks != LOCKS:
        raise BuildError(f"the locks of omp.h have sizes and alignments {locks}, but must have "
                         f"{LOCKS}, as in gcc's own omp.h: has sem_t changed its size?")


def build(options, flags, link_flags):
    out = Path(options.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    log = out / "libgomp-build.log"
    log.unlink(missing_ok=True)
    jobs = options.jobs or len(os.sched_getaffinity(0))
    env = {k: v for k, v in os.environ.items()
           if k not in ("CFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS", "CC", "CPATH",
                        "C_INCLUDE_PATH", "LIBRARY_PATH")}
    env |= {"LC_ALL": "C", "SOURCE_DATE_EPOCH": "0"}
    archive = find_archive(options.source, options.version)
    with work_folder(out) as work:
        work = Path(os.path.realpath(work))
        say(f"1/3 unpacking {os.path.basename(archive)}")
        source = unpack(archive, work, log)
        shutil.copytree(HERE / "overlay", source / "libgomp", dirs_exist_ok=True)
        for path in [source / "libgomp", *(source / "libgomp").rglob("*")]:
            os.utime(path, (0, 0))
        stage = work / "stage"
        run([sys.executable, str(HERE.parent / "stage.py"), "--stamp", str(work / "staged"),
             "--stage", str(stage), "--newlib", options.newlib, "--headers", options.headers,
             *options.files], log)

        say("2/3 configuring")
        flags = [f.replace("@STAGE@", str(stage)) for f in flags]
        flags += ["-w", f"-ffile-prefix-map={work}=libgomp"]
        link_flags = [f.replace("@STAGE@", str(stage)) for f in link_flags]
        cc = write_compiler(work / "cc", options.cc, flags, link_flags)
        tree = work / "build"
        tree.mkdir()
        run([str(source / "libgomp" / "configure"), *CONFIGURE, "--build="
             + subprocess.run([str(source / "config.guess")], check=True, text=True,
                              capture_output=True, env=env).stdout.strip(),
             f"CC={cc}", f"AR={options.ar}", f"RANLIB={options.ranlib}", "NM=nm", "STRIP=strip",
             f"CFLAGS={options.optimise}"], log, cwd=tree, env=env)
        check_header(tree / "omp.h")

        say(f"3/3 compiling with {jobs} jobs")
        run(["make", f"-j{jobs}", "libgomp.la", "MAKEINFO=true"], log, cwd=tree, env=env)
        library = tree / ".libs" / "libgomp.a"
        # Members without debugging information, paths and dates.
        run(["objcopy", "--enable-deterministic-archives", "--strip-debug", str(library)], log)
        shutil.copyfile(library, out / "libgomp.a")
        shutil.copyfile(tree / "omp.h", out / "omp.h")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="folder of gcc-*.tar.xz")
    parser.add_argument("--version", required=True, help="the compiler's main version")
    parser.add_argument("--out", required=True)
    parser.add_argument("--newlib", required=True, help="Newlib's sysroot")
    parser.add_argument("--headers", required=True, help="the SDK's headers")
    parser.add_argument("--cc", action="append", required=True, help="compiler, one word at a time")
    parser.add_argument("--ar", default="ar")
    parser.add_argument("--ranlib", default="ranlib")
    parser.add_argument("--optimise", default="-O2")
    parser.add_argument("--jobs", type=int, help="default: all cores")
    parser.add_argument("files", nargs="+", help="linker script, crt0.o and libraries of the SDK")
    words = sys.argv[1:]
    if "--" not in words or "--link" not in words:
        parser.error("no flags: -- CFLAGS --link LDFLAGS")
    flags = words[words.index("--") + 1:words.index("--link")]
    link_flags = words[words.index("--link") + 1:]
    options = parser.parse_args(words[:words.index("--")])
    started = time.monotonic()
    try:
        build(options, flags, link_flags)
    except (BuildError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"libgomp: error: {error}")
    say(f"done in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
