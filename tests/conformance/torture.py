#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""GCC's own C programs that check themselves (gcc.c-torture/execute), in the guest.

Takes the programs from Debian's gcc-12-source, compiles each with an application's
flags, gives each a main() of its own name and local symbols, links them all into one
app with driver.c, and boots it. A program that crashes the guest is reported, and a
new boot goes on behind it. Speaks TAP, one subtest a program.

expected.txt lists what does not pass, a line each: NAME LEVELS skip|fail REASON, with
LEVELS as "O0", "O2" or "O0,O2". Anything else that does not pass is a failure; so is a
listed program that passes, and a line that fits no program.
"""
import argparse
import hashlib
import os
import re
import shlex
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "boot"))
import run_guest  # noqa: E402

FOLDER = "gcc/testsuite/gcc.c-torture/execute/"

# What DejaGnu would ask of this target (target-supports.exp). The two programs that ask for mmap()
# (loop-2f, loop-2g) end at once with 0 on every machine whose pointers are longer than int.
HAS = {"alloca", "indirect_jumps", "label_values", "int32", "int32plus", "int128", "longlong64",
       "double64plus", "stdint_types", "c99_runtime", "return_address", "untyped_assembly",
       "nonlocal_goto", "fileio", "unwrapped", "fpic", "dfp", "mmap"}
LACKS = {"trampolines": "needs an executable stack (trampolines): data is never executable here",
         "signal": "", "ia32": "", "newlib_nano_io": "", "freestanding": ""}

# builtins.exp and ieee.exp
BUILTINS_FLAGS = ["-fno-tree-dse", "-fno-tree-loop-distribute-patterns", "-fno-tracer",
                  "-fno-ipa-ra", "-fno-inline-functions"]
IEEE_FLAGS = ["-fno-inline", "-DSIGNAL_SUPPRESS"]


class Program:
    def __init__(self, folder, name):
        self.name = name
        self.symbol = "torture_" + re.sub(r"\W", "_", name)
        self.sources = [folder / f"{name}.c"]
        self.flags = []
        self.skip = None  # a reason
        self.object = None
        self.failure = None  # what happened, before or in the guest
        if name.startswith("builtins/"):
            self.sources += [folder / f"{name}-lib.c", folder / "builtins/lib/main.c"]
            self.flags = list(BUILTINS_FLAGS)
        elif name.startswith("ieee/"):
            self.flags = list(IEEE_FLAGS)
        text = self.sources[0].read_text(errors="replace")
        self.takes_stdout = "freopen" in text  # and closes it
        self.read_x(folder / f"{name}.x")
        self.read_directives(text)

    def read_x(self, path):
        """Flags that the program's .x file sets without a condition. What it
        says in conditions concerns other targets."""
        if not path.exists():
            return
        depth = 0
        for line in path.read_text().splitlines():
            line = line.split("#")[0]
            if depth == 0 and (match := re.match(r"\s*(set|lappend) additional_flags (.*)", line)):
                words = match[2].replace('"', " ").split()
                self.flags = (self.flags if match[1] == "lappend" else []) + words
            depth += line.count("{") - line.count("}")

    def read_directives(self, text):
        for match in re.finditer(r"\{\s*(dg-[\w-]+)((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}", text):
            directive, rest = match[1], match[2].strip()
            words = re.findall(r'"[^"]*"|\{(?:[^{}]|\{[^{}]*\})*\}|[^\s{}"]+', rest)
            words = [w.strip('{}" ').strip('"') for w in words]
            if directive in ("dg-options", "dg-additional-options"):
                if len(words) < 2 or selected(words[1].removeprefix("target").strip()):
                    self.flags += shlex.split(words[0])
            elif directive == "dg-require-effective-target":
                if words[0] in LACKS:
                    self.skip = LACKS[words[0]]
                elif words[0] not in HAS:
                    sys.exit(f"{self.name}: {words[0]}: add this effective target to HAS or LACKS")
            elif directive == "dg-skip-if" and len(words) == 2 and selected(words[1]):
                self.skip = words[0] or words[1]


def selected(selector):
    """Whether a DejaGnu target selector means us: x86_64 and neither Linux nor freestanding."""
    selector = selector.replace("{", " ").replace("}", " ").strip()
    if selector.startswith("!"):
        return not selected(selector[1:])
    if "&&" in selector:
        return all(selected(part) for part in selector.split("&&"))
    return any(word in HAS or word == "*-*-*" or word.startswith("x86_64-*-*")
               for word in selector.split())


def unpack(tarball, folder):
    """The programs' folder alone, once."""
    stamp = folder / ".unpacked"
    if not (stamp.exists() and stamp.read_text() == str(tarball)):
        with tarfile.open(tarball) as archive:
            for member in archive:
                if FOLDER in member.name and member.isfile():
                    path = folder / member.name.split(FOLDER)[1]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(archive.extractfile(member).read())
        stamp.write_text(str(tarball))
    names = [str(p.relative_to(folder))[:-2] for p in folder.rglob("*.c")
             if not p.name.endswith("-lib.c") and p.parent.name != "lib"]
    if len(names) < 1000:
        sys.exit(f"{tarball} holds {len(names)} programs only: is it GCC's source?")
    return sorted(names)


def tool(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout


def headers_digest(flags):
    """Of all headers that the flags lead to, so that a changed one compiles anew."""
    digest = hashlib.sha256()
    for i, flag in enumerate(flags):
        for option in ("-isystem", "-I", "--sysroot="):
            if flag.startswith(option):
                folder = Path(flag.removeprefix(option) or flags[i + 1])
                for path in sorted(folder.rglob("*.h")):
                    digest.update(path.read_bytes())
    return digest.hexdigest()


def compile_program(program, options, seed):
    """Objects of a program as one, cached by content; sets program.object or .failure."""
    flags = options.cflag + [f"-{options.level}", "-w"] + program.flags
    key = hashlib.sha256(repr((seed, flags, program.symbol)).encode())
    for source in program.sources:
        key.update(source.read_bytes())
    path = options.cache / f"{key.hexdigest()[:32]}.o"
    if path.exists():
        os.utime(path)
        program.object = path
        return
    parts = []
    try:
        for i, source in enumerate(program.sources):
            parts.append(path.with_suffix(f".{i}.o"))
            status, text = tool([options.cc, *flags, "-c", str(source), "-o", str(parts[-1])])
            if status:
                program.failure = "does not compile: " + first_error(text)
                return
        if len(parts) > 1:
            whole = path.with_suffix(".r.o")
            status, text = tool(["ld", "-r", "-z", "muldefs", *map(str, parts), "-o", str(whole)])
            if status:
                program.failure = "does not link: " + first_error(text)
                return
            parts.append(whole)
        status, text = tool([
            "objcopy", f"--redefine-sym=main={program.symbol}", "--redefine-sym=exit=torture_exit",
            "--redefine-sym=abort=torture_abort", f"--keep-global-symbol={program.symbol}",
            str(parts[-1]), str(path.with_suffix(".new"))])
        if status:
            program.failure = "objcopy: " + first_error(text)
            return
        path.with_suffix(".new").rename(path)
        program.object = path
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def first_error(text):
    lines = text.strip().splitlines() or ["(no message)"]
    line = next((line for line in lines if "error" in line), lines[-1])
    return re.sub(r"^\S*/", "", line)


def link(programs, options):
    """The app with every program whose symbols the libraries have."""
    app = options.work / f"torture-{options.level}.elf"
    while True:
        table = app.with_suffix(".c")
        # Last those that close stdout: each gets a boot of its own.
        ready = sorted((p for p in programs if p.object), key=lambda p: p.takes_stdout)
        table.write_text(
            "".join(f"int {p.symbol}(int, char **, char **);\n" for p in ready) +
            "const struct program { const char *name; int (*main)(int, char **, char **); }\n"
            "torture_programs[] = {\n" +
            "".join(f'\t{{"{p.name}", {p.symbol}}},\n' for p in ready) + "\t{0, 0}};\n")
        words = app.with_suffix(".objects")
        words.write_text("\n".join(str(p.object) for p in ready))
        status, text = tool([options.cc, *options.cflag, "-O1", str(HERE / "driver.c"), str(table),
                             f"@{words}", *options.link, "-o", str(app)])
        if not status:
            return app, ready
        missing = set(re.findall(r"undefined reference to `([^']+)'", text))
        if not missing:
            sys.exit(f"cannot link the programs:\n{text[-4000:]}")
        blamed = 0
        for program in ready:
            _, undefined = tool(["nm", "-u", "--format=posix", str(program.object)])
            lacking = missing & {line.split()[0] for line in undefined.splitlines()}
            if lacking:
                program.object = None
                program.failure = "the libraries lack " + " ".join(sorted(lacking))
                blamed += 1
        if not blamed:
            sys.exit(f"the driver itself does not link:\n{text[-4000:]}")


def run_once(app, first, count, options):
    """One boot for COUNT programs from the FIRSTth on; the console and how it ended."""
    if options.native:
        done = subprocess.run([str(app), str(first), str(count)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
        how = "exit:0" if done.returncode == 0 else f"crash ({done.returncode})"
        return done.stdout.decode("utf-8", "replace"), how
    result = run_guest.boot(run_guest.Guest(
        kernel=options.kernel, initrd=str(app), append=f"bm.stack=16M -- {first} {count}",
        memory=options.memory, timeout=900, idle_timeout=options.idle))
    return result.output, result.outcome


def run(app, ready, options):
    """Run all; sets .failure of those that fail. Returns nothing."""
    index = {p.name: i for i, p in enumerate(ready)}
    ended, first = set(), 0
    together = sum(not p.takes_stdout for p in ready)
    while first < len(ready):
        count = together - first if first < together else 1
        output, how = run_once(app, first, count, options)
        begun = None
        for word, name, result in re.findall(r"^@(run|end) (\S+) ?(\S*)$", output, re.MULTILINE):
            if word == "run":
                begun = index[name]
            else:
                ended.add(index[name])
                if result != "0":
                    ready[index[name]].failure = "abort()" if result == "abort" else f"exit status {result}"
        finished = "\n@done all\n" in output and how == "exit:0"
        if begun is None or (not finished and begun in ended):
            # Not a program's fault: the boot itself, or the driver between two programs.
            print(f"Bail out! the guest ended with {how}\n{output[-3000:]}")
            sys.exit(1)
        if finished:
            first += count
            continue
        reason = (re.findall(r"^(?:crash|error): .*$", output, re.MULTILINE) or [""])[-1]
        tail = output.split(f"@run {ready[begun].name}\n")[-1].strip().splitlines()
        ready[begun].failure = f"the guest ended with {how}: {reason or ' | '.join(tail[:2])}"
        ended.add(begun)
        first = begun + 1
    missing = [p.name for i, p in enumerate(ready) if i not in ended]
    if missing:
        print(f"Bail out! {len(missing)} programs were never run, {missing[0]} first")
        sys.exit(1)


def read_expected(path, level):
    expected = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        try:
            name, levels, kind, reason = line.split(None, 3)
            assert kind in ("skip", "fail") and set(levels.split(",")) <= {"O0", "O2"}
        except (ValueError, AssertionError):
            sys.exit(f"{path}:{number}: not NAME O0|O2|O0,O2 skip|fail REASON")
        if level in levels.split(","):
            if name in expected:
                sys.exit(f"{path}:{number}: {name} stands here twice")
            expected[name] = (kind, reason)
    return expected


def verdicts(programs, expected):
    """(name, ok, skip reason or None, remark) of each program and each stale line."""
    for program in programs:
        kind, reason = expected.pop(program.name, (None, None))
        if program.skip:
            good = kind == "skip"
            remark = f"skipped ({program.skip}), but expected.txt does not say so"
        elif program.failure:
            good = kind == "fail"
            remark = program.failure
        else:
            good = kind is None
            remark = f"passed, but expected.txt says {kind}: {reason}"
        yield program.name, good, reason, remark
    for name in expected:
        yield name, False, None, "expected.txt lists it, but there is no such program"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tarball", type=Path, required=True, help="gcc-*.tar.xz of gcc-12-source")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--level", choices=["O0", "O2"], required=True)
    parser.add_argument("--expected", type=Path, default=HERE / "expected.txt")
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--cflag", action="append", default=[], help="compiler flag (use --cflag=-x)")
    parser.add_argument("--link", action="append", default=[], help="word for the link")
    parser.add_argument("--kernel")
    parser.add_argument("--memory", default="512M")
    parser.add_argument("--idle", type=float, default=60, help="seconds that a program may take")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // 2))
    parser.add_argument("--native", action="store_true",
                        help="run them on the host: tells a fault of the compiler from ours")
    parser.add_argument("--only", help="regex of names, for work on one of them")
    options = parser.parse_args()
    # Absolute, for the cache and the linker's words.
    options.work = options.work.resolve()
    options.cache = options.work / "cache"
    options.cache.mkdir(parents=True, exist_ok=True)

    folder = options.work / "programs"
    folder.mkdir(exist_ok=True)
    with open(options.work / ".lock", "w") as lock:  # both levels start at once
        import fcntl
        fcntl.flock(lock, fcntl.LOCK_EX)
        names = unpack(options.tarball, folder)
    programs = [Program(folder, n) for n in names if not options.only or re.search(options.only, n)]
    seed = tool([options.cc, "--version"])[1] + headers_digest(options.cflag)
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda p: compile_program(p, options, seed),
                      [p for p in programs if not p.skip]))
    app, ready = link(programs, options)
    run(app, ready, options)

    expected = read_expected(options.expected, options.level)
    if options.only:
        expected = {n: e for n, e in expected.items() if re.search(options.only, n)}
    results = list(verdicts(programs, expected))
    print(f"1..{len(results)}")
    for number, (name, good, reason, remark) in enumerate(results, 1):
        if not good:
            print(f"not ok {number} - {name}: {remark.replace('#', 'no.')}")
        elif reason:
            print(f"ok {number} - {name} # SKIP {reason}")
        else:
            print(f"ok {number} - {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
