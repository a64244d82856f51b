#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build Newlib for BareMetal apps: DIR/sysroot/usr/include and DIR/{libc,libm,libgcc,libgcc_eh}.a.

Takes Debian's newlib-source archive, adds the files of overlay/ and newlib.patch, and
configures the newlib folder alone (no libgloss, no documentation, one variant). The work
happens in a temporary folder whose name reaches no installed file, and the archives carry no
dates, so equal inputs give equal bytes.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

CONFIGURE = """
--host=x86_64-elf --prefix=/usr --disable-multilib --disable-nls
--disable-newlib-supplied-syscalls --enable-newlib-multithread
--enable-newlib-retargetable-locking --enable-newlib-global-atexit
--enable-newlib-global-stdio-streams --enable-newlib-mb
--enable-newlib-io-long-long --enable-newlib-io-long-double --enable-newlib-io-c99-formats
--enable-newlib-io-pos-args
""".split()

# Seen by Newlib alone. The system hooks carry an underscore, so that a program's own read() or
# link() does not disturb the library; fresh heap memory is not zero.
DEFINES = """
-UMISSING_SYSCALL_NAMES -DHAVE_FCNTL -DHAVE_RENAME -DHAVE_BLKSIZE -DHAVE_NANOSLEEP -DHAVE_OPENDIR
-DHAVE_MKDIR -DGETREENT_PROVIDED -DMORECORE_CLEARS=0
""".split()

# What libbaremetal replaces.
REPLACED = "malloc calloc signal memchr memcmp memcpy memmove memset abort lock remove arc4random getreent setjmp __atexit __call_atexit".split()
REPLACED_MATH = "hypotl nanl sqrtl".split()

# Folders that configure leaves out for this host, but whose files need nothing special; and two
# that run more than 32 exit handlers only if they believe malloc() to be somebody else's.
EXTRA = """
libc/posix/collate.c libc/posix/collcmp.c libc/posix/creat.c libc/posix/fnmatch.c
libc/posix/glob.c libc/posix/regcomp.c libc/posix/regerror.c libc/posix/regexec.c
libc/posix/regfree.c libc/posix/sleep.c libc/posix/usleep.c libc/unix/basename.c
libc/unix/dirname.c libc/stdlib/__atexit.c libc/stdlib/__call_atexit.c
""".split()


class BuildError(Exception):
    pass


def say(text):
    print(f"newlib: {text}", flush=True)


def run(command, log, **options):
    with open(log, "ab") as out:
        if subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                          **options).returncode:
            tail = Path(log).read_text(errors="replace").splitlines()[-25:]
            raise BuildError("\n".join(tail) + f"\n{command[0]} failed; the whole log is {log}")


def find_archive(folder):
    found = sorted(glob.glob(f"{glob.escape(folder)}/newlib-*.tar.*"))
    if not found:
        raise BuildError(f"no newlib-*.tar.* in {folder}: install the Debian package "
                         "newlib-source, or set the Meson option newlib_source")
    return found[-1]


def unpack(archive, work, log):
    """Extract what matters; returns the source's folder."""
    run(["tar", "-xf", archive, "-C", str(work), "--no-same-owner", "--exclude=*/libgloss",
         "--exclude=*/texinfo", "--exclude=*/winsup"], log)
    found = list(Path(work).glob("*/newlib/configure"))
    if len(found) != 1:
        raise BuildError(f"{archive} does not look like Newlib's source: no newlib/configure")
    return found[0].parents[1]


def write_tool(path, command, before=(), after=()):
    """A wrapper around a host tool: autoconf splits its variables at spaces."""
    def quote(words):
        return " ".join("'" + w.replace("'", "'\\''") + "'" for w in words)
    path.write_text(f'#!/bin/sh\nexec {quote(command)} {quote(before)} "$@" {quote(after)}\n')
    path.chmod(0o755)
    return str(path)


def work_folder(out):
    """Autoconf cannot build in a folder whose name has odd characters."""
    plain = all(c.isalnum() or c in "/._-+" for c in str(out))
    return tempfile.TemporaryDirectory(prefix="newlib-", dir=out if plain else None)


def build(options, flags):
    out = Path(options.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    log = out / "newlib-build.log"
    log.unlink(missing_ok=True)
    jobs = options.jobs or len(os.sched_getaffinity(0))
    env = {k: v for k, v in os.environ.items()
           if k not in ("CFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS", "CC", "CPATH",
                        "C_INCLUDE_PATH")}
    env |= {"LC_ALL": "C", "SOURCE_DATE_EPOCH": "0"}
    archive = find_archive(options.source)
    with work_folder(out) as work:
        work = Path(os.path.realpath(work))
        say(f"1/4 unpacking {os.path.basename(archive)}")
        source = unpack(archive, work, log)
        shutil.copytree(HERE / "overlay", source / "newlib", dirs_exist_ok=True)
        run(["patch", "-p1", "--batch", "-i", str(HERE / "newlib.patch")], log, cwd=source)
        # The patch must not make automake's rules fire: all files equally old.
        for path in [source / "newlib", *(source / "newlib").rglob("*")]:
            os.utime(path, (0, 0))

        empty = work / "no-host-headers"
        empty.mkdir()
        flags = [*flags, f"--sysroot={empty}", "-w", f"-ffile-prefix-map={work}=newlib"]
        cc = write_tool(work / "cc", options.cc, flags, DEFINES)
        tools = [f"CC={cc}", f"AR={options.ar}", f"RANLIB={options.ranlib}", "NM=nm", "AS=as",
                 "STRIP=strip", "READELF=readelf", f"CFLAGS={options.optimise}",
                 f"CCASFLAGS={options.optimise}"]
        say("2/4 configuring")
        tree = work / "build"
        tree.mkdir()
        run([str(source / "newlib" / "configure"), *CONFIGURE,
             "--build=" + subprocess.run([str(source / "config.guess")], check=True, text=True,
                                         capture_output=True, env=env).stdout.strip(),
             *tools], log, cwd=tree, env=env)
        say(f"3/4 compiling with {jobs} jobs (1 to 3 minutes)")
        run(["make", f"-j{jobs}", "all", "MAKEINFO=true"], log, cwd=tree, env=env)

        say("4/4 installing")
        stage = work / "stage"
        run(["make", "install", f"DESTDIR={stage}", "MAKEINFO=true"], log, cwd=tree, env=env)
        includes = list(stage.rglob("include/stdio.h"))
        if len(includes) != 1:
            raise BuildError(f"Newlib installed no stdio.h; the log is {log}")
        include = includes[0].parent
        libraries = next(stage.rglob("libc.a")).parent
        extra = []
        for name in EXTRA:
            extra.append(str(work / (Path(name).stem + ".o")))
            run([cc, *options.optimise.split(), "-fno-builtin", "-D_COMPILING_NEWLIB", "-D_GNU_SOURCE",
                 *(["-DMALLOC_PROVIDED"] if "atexit" in name else []),
                 "-isystem", str(include), f"-I{source}/newlib/libc/posix",
                 "-c", str(source / "newlib" / name), "-o", extra[-1]], log)
        run([options.ar, "rcsD", str(libraries / "libc.a"), *extra], log)
        run([options.ar, "dD", str(libraries / "libc.a"),
             *(f"lib_a-{name}.o" for name in REPLACED)], log)
        run([options.ar, "dD", str(libraries / "libm.a"),
             *(f"lib_a-{name}.o" for name in REPLACED_MATH)], log)
        final = out / "sysroot"
        shutil.rmtree(final, ignore_errors=True)
        shutil.copytree(include, final / "usr" / "include")
        # Headers of things that this system does not have, so that a configure script sees it.
        for name in ("spawn.h", "wordexp.h", "rpc", "devctl.h", "termios.h", "utmp.h", "ieeefp.h"):
            path = final / "usr" / "include" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (final / "usr" / "lib").mkdir()
        for name in ("libc.a", "libm.a"):
            # Members lose the automake prefix's path and their dates.
            shutil.copyfile(libraries / name, out / name)
            run(["objcopy", "--enable-deterministic-archives", "--strip-debug", str(out / name)],
                log)
        gcc = subprocess.run([*options.libgcc_cc, "-print-libgcc-file-name"], text=True, check=True,
                             capture_output=True, env=env).stdout.strip()
        if not os.path.isfile(gcc):
            raise BuildError(f"{options.libgcc_cc[0]} names no libgcc.a ({gcc}): install gcc")
        compiler = ("libgcc.a", "libgcc_eh.a")  # its own functions, and the unwinder
        for name in compiler:
            shutil.copyfile(Path(gcc).with_name(name), out / name)
        for name in ("libc.a", "libm.a", *compiler):
            shutil.copyfile(out / name, final / "usr" / "lib" / name)
            os.utime(out / name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="folder of newlib-*.tar.xz")
    parser.add_argument("--out", required=True)
    parser.add_argument("--stamp", required=True, help="file to write when all is done")
    parser.add_argument("--cc", action="append", required=True, help="compiler, one word at a time")
    parser.add_argument("--libgcc-cc", action="append", required=True, help="who knows libgcc.a")
    parser.add_argument("--ar", default="ar")
    parser.add_argument("--ranlib", default="ranlib")
    parser.add_argument("--optimise", default="-O2")
    parser.add_argument("--jobs", type=int, help="default: all cores")
    # All after "--" are flags for the compiler.
    words = sys.argv[1:]
    flags = words[words.index("--") + 1:] if "--" in words else []
    options = parser.parse_args(words[:words.index("--")] if "--" in words else words)
    started = time.monotonic()
    try:
        build(options, flags)
    except (BuildError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"newlib: error: {error}")
    Path(options.stamp).write_text("/* Newlib is built. */\n")
    say(f"done in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
