# SPDX-License-Identifier: MIT
"""SQLite as somebody who ports it would build it: Debian's source package, unmodified; its own
configure script and Makefile with CC=baremetal-cc of an installed SDK; one app of its shell, of
its own test programs, of load.c and shared.c.

build() does all that, once for each combination of source, compiler, flags and headers; only the link
is done every time. Runs at the same time wait for each other.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "sdk" / "tools"))
import debian_source  # noqa: E402

CONFIGURE = ["--host=x86_64-elf", "--disable-tcl", "--disable-readline", "--disable-load-extension",
             "--disable-shared", "--enable-all"]
# SQLite maps its databases by default on the systems that it knows by name only.
DEFINES = ["-DSQLITE_MAX_MMAP_SIZE=0x7fff0000"]
FEATURES = ["-DSQLITE_THREADSAFE=1", "-DSQLITE_OMIT_LOAD_EXTENSION=1", "-DSQLITE_ENABLE_FTS4",
            "-DSQLITE_ENABLE_FTS5", "-DSQLITE_ENABLE_RTREE", "-DSQLITE_ENABLE_GEOPOLY", "-DSQLITE_ENABLE_SESSION",
            "-DSQLITE_ENABLE_PREUPDATE_HOOK", "-DSQLITE_ENABLE_MATH_FUNCTIONS", *DEFINES]

# name of the program: its sources; {s} is SQLite's source, {b} the folder that it was built in.
PROGRAMS = {
    "shell": ["{b}/shell.c"],
    "speedtest1": ["{s}/test/speedtest1.c"],
    "threadtest3": ["{s}/test/threadtest3.c", "{s}/src/test_multiplex.c"],
    "fuzzcheck": ["{s}/test/fuzzcheck.c", "{s}/test/ossfuzz.c", "{s}/test/fuzzinvariants.c", "{s}/test/vt02.c",
                  "{s}/ext/recover/sqlite3recover.c", "{s}/ext/recover/dbdata.c"],
    "load": [f"{HERE}/load.c"],
    "shared": [f"{HERE}/shared.c"],
}
OWN = ("load", "shared")
FLAGS = {"fuzzcheck": ["-DSQLITE_OSS_FUZZ", "-I{s}/ext/recover"], "threadtest3": ["-I{s}/src"],
         **dict.fromkeys(OWN, ["-Wall", "-Wextra", "-Werror"])}


class BuildError(Exception):
    pass


def run(command, folder, env=None):
    done = subprocess.run(list(map(str, command)), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", env=env)
    if done.returncode:
        raise BuildError(f"{Path(command[0]).name} failed\n{' '.join(map(str, command))[:300]}\n{done.stdout[-4000:]}")
    return done.stdout


def install(build, prefix, work):
    """The SDK as users have it; returns its prefix."""
    stage = work / "sdk"
    shutil.rmtree(stage, ignore_errors=True)
    env = {k: v for k, v in os.environ.items() if k != "DESTDIR"}
    run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", stage], work, env)
    return Path(f"{stage}{prefix}")


def digest(sdk, version):
    """Of all that the compiled SQLite follows from."""
    state = hashlib.sha256(repr((version, CONFIGURE, FEATURES, FLAGS, PROGRAMS)).encode())
    state.update(subprocess.run(["gcc", "--version"], capture_output=True).stdout)
    state.update((sdk / "bin/baremetal-cc").read_bytes())
    for path in sorted((sdk / "lib/baremetal/sysroot/usr/include").rglob("*.h")):
        state.update(path.read_bytes())
    return state.hexdigest()[:24]


def make_library(source, sdk, out):
    """configure && make, in a folder whose name suits them; keeps what is needed of it in OUT."""
    with tempfile.TemporaryDirectory(prefix="sqlite-build-") as folder:
        for name, target in {"source": source, "sdk": sdk}.items():
            os.symlink(target, f"{folder}/{name}")
        here = Path(folder, "build")
        here.mkdir()
        env = {k: v for k, v in os.environ.items() if k not in ("CFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS", "CC")}
        env["PATH"] = f"{sdk}/bin:{env['PATH']}"
        print("# SQLite: configure", flush=True)
        run(["../source/configure", *CONFIGURE, "CC=baremetal-cc", "CFLAGS=-O1 " + " ".join(DEFINES)], here, env)
        print("# SQLite: make", flush=True)
        run(["make", "sqlite3.c", "sqlite3.h", "shell.c", "sqlite3.lo"], here, env)
        out.mkdir(parents=True)
        for name in ("sqlite3.h", "sqlite3ext.h", "sqlite3session.h", "sqlite3.c", "shell.c", "sqlite_cfg.h", "sqlite3.o"):
            shutil.copyfile(here / name, out / name)


def make_programs(source, sdk, out):
    """Each as one object, of which main() alone is seen, under a name of its own."""
    def fill(words):
        return [w.format(s=source, b=out) for w in words]

    for name, sources in PROGRAMS.items():
        whole = out / f"{name}.whole.o"
        objects = []
        for number, path in enumerate(fill(sources)):
            objects.append(out / f"{name}.{number}.o")
            own = name in OWN
            run([sdk / "bin/baremetal-cc", "-O1", f"-I{out}", *([] if own else ["-w"]), *FEATURES,
                 *fill(FLAGS.get(name, [])), *([] if own else [f"-Dmain={name}_main"]), "-c", path, "-o", objects[-1]],
                out)
        run(["ld", "-r", "-o", whole, *objects], out)
        run(["objcopy", f"--keep-global-symbol={name}_main", whole, out / f"{name}.o"], out)


def build(work, build_dir, prefix):
    """(the app, SQLite's source, its version)."""
    work.mkdir(parents=True, exist_ok=True)
    with open(work / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        source = work / "source"
        version = debian_source.obtain("sqlite3", source, patches=False)
        sdk = install(build_dir, prefix, work)
        out = work / ("build-" + digest(sdk, version))
        if not (out / ".library").exists():
            for old in work.glob("build-*"):
                shutil.rmtree(old)
            make_library(source, sdk, out)
            (out / ".library").touch()
        newest = max(path.stat().st_mtime for path in (*HERE.glob("*.c"), HERE / "port.py"))
        stamp = out / ".programs"
        if not (stamp.exists() and stamp.stat().st_mtime > newest):
            make_programs(source, sdk, out)
            stamp.touch()
        app = work / "programs.elf"
        new = work / f"programs.{os.getpid()}"
        run([sdk / "bin/baremetal-cc", "-O1", "-Wall", HERE / "programs.c",
             *(out / f"{name}.o" for name in PROGRAMS), out / "sqlite3.o", "-o", new], out)
        os.rename(new, app)
        return app, source, version
