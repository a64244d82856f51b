#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SQLite in the guest, in one boot for each line: statements over its features, compared with the
host's SQLite; SQLite's own speedtest1, whose results' hash is compared with the host's; its own
thread tests; and with --long its own fuzzing corpus. Speaks TAP.
"""
import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "boot")]
import port  # noqa: E402
import run_guest  # noqa: E402


class Case:
    """What every test here has: the app, the kernel, a place for files."""

    def __init__(self, options, app, source, work):
        self.options, self.app, self.source, self.work = options, app, source, work

    def boot(self, *words, root=None, cores=1, memory="384M", timeout=600):
        """A boot in /tmp that must end with status 0; returns its output."""
        line = "-- /tmp " + " ".join('"' + w.replace("\\", "\\\\").replace('"', '\\"') + '"' for w in words)
        with tempfile.TemporaryDirectory(prefix="bm-sqlite-") as folder:
            initrd = run_guest.pack(folder, str(self.app), [], root, "", self.options.kernel)
            result = run_guest.boot(run_guest.Guest(
                kernel=self.options.kernel, initrd=initrd, append=line, cores=cores, memory=memory, timeout=timeout))
        if result.outcome != "exit:0":
            raise AssertionError(f"{' '.join(words)}: ended with {result.outcome}\n{result.output[-3000:]}")
        return result.output


def host_answers(path):
    """The same lines from the SQLite of the host's Python."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    lines, statement = [], ""

    def text(value):
        if value is None:
            return "NULL"
        if isinstance(value, float):
            return database.execute("SELECT CAST(? AS TEXT)", (value,)).fetchone()[0]
        return str(value)

    for line in path.read_text().splitlines(keepends=True):
        statement += "" if line.startswith("---") else line
        if sqlite3.complete_statement(statement):
            for row in database.execute(statement).fetchall():
                lines += "|".join(map(text, row)).split("\n")
            statement = ""
    return lines


def statements(case, settings):
    """The shell reads the statements from the boot filesystem."""
    root = case.work / "root"
    root.mkdir(exist_ok=True)
    shutil.copyfile(HERE / "statements.sql", root / "statements.sql")
    words = [w for s in settings for w in ("-cmd", s)]
    output = case.boot("shell", "-batch", "-bail", "-nullvalue", "NULL", *words, "test.db", ".read /statements.sql",
                       root=str(root))
    answers = output.strip().splitlines()[len(settings):]
    expected = host_answers(HERE / "statements.sql")
    for number, (got, wanted) in enumerate(zip(answers, expected), 1):
        if got != wanted:
            raise AssertionError(f"answer {number}: the guest says {got!r}, the host {wanted!r}")
    if len(answers) != len(expected) or len(expected) < 100:
        raise AssertionError(f"{len(answers)} lines of answers, {len(expected)} expected:\n{output[-1000:]}")


def speed(case, testset, *words):
    """The host's program is made of the same source, and uses the host's libsqlite3."""
    native = case.work / "speedtest1"
    if not native.exists():
        libraries = sorted(Path("/usr/lib").glob("*/libsqlite3.so.0"))
        if not libraries:
            raise AssertionError("the host has no libsqlite3.so.0: install libsqlite3-0")
        include = next(case.work.glob("build-*"))
        port.run(["gcc", "-O1", "-w", "-DSQLITE_ENABLE_RTREE", f"-I{include}", case.source / "test/speedtest1.c", libraries[0], "-lm", "-o",
                  f"{native}.{os.getpid()}"], case.work)
        os.rename(f"{native}.{os.getpid()}", native)
    words = ["--testset", testset, "--size", "2", "--verify", *words]

    def verdict(text):
        found = [line for line in text.splitlines() if line.startswith("Verification Hash:")]
        if len(found) != 1:
            raise AssertionError(f"no hash in:\n{text[-2000:]}")
        return found[0]
    host = subprocess.run([native, *words, ":memory:"], capture_output=True, text=True, timeout=300).stdout
    guest = case.boot("speedtest1", *words, "speed.db")
    if verdict(host) != verdict(guest):
        raise AssertionError(f"host: {verdict(host)}\nguest: {verdict(guest)}")


def threads(case, program, *words, last, cores=4):
    output = case.boot(program, *words, cores=cores)
    if last not in output:
        raise AssertionError(f"no line {last!r}:\n{output[-3000:]}")


def fuzz(case, name):
    root = case.work / f"root-{name}"
    root.mkdir(exist_ok=True)
    shutil.copyfile(case.source / "test" / name, root / name)
    output = case.boot("fuzzcheck", "--limit-mem", "200M", f"/{name}", root=str(root), memory="1G", timeout=3000)
    if "fuzzcheck: 0 errors out of " not in output:
        raise AssertionError(output[-3000:])


def plan(long):
    yield "statements, rollback journal", lambda case: statements(case, ["PRAGMA journal_mode = delete"])
    yield "statements, write-ahead log and mapped file", lambda case: statements(
        case, ["PRAGMA journal_mode = wal", "PRAGMA mmap_size = 100000000"])
    for testset in ("main", "cte", "fp", "rtree", "orm"):
        yield f"speedtest1 {testset}", lambda case, t=testset: speed(case, t)
    yield "speedtest1 main, 8 KiB pages and little cache", lambda case: speed(
        case, "main", "--pagesize", "8192", "--cachesize", "20", "--journal", "truncate")
    zero = "0 errors out of"
    names = ["walthread*", "cgt*", "dynamic*", "checkpoint*", "create*", "lookaside*", "vacuum*", "stress*", "shared*"]
    for name in names if long else ["walthread1", "walthread5", "vacuum1"]:
        yield f"threadtest3 {name}", lambda case, n=name: threads(case, "threadtest3", n, last=zero)
    for cores in (1, 4):
        yield f"threads on one connection, and on one each, {cores} cores", lambda case, n=cores: threads(
            case, "shared", "shared.db", last="@shared ok", cores=n)
    if long:
        for number in (4, 6, 8):
            yield f"fuzzcheck fuzzdata{number}.db", lambda case, n=number: fuzz(case, f"fuzzdata{n}.db")


def add_options(parser):
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--build", type=Path, required=True, help="Meson's build folder")
    parser.add_argument("--prefix", required=True, help="that it is configured for")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--only", default="", help="names that hold this, for work on one of them")


def run_tap(options, cases):
    """Build, then run (name, function of a Case); a build that fails is a failure of each."""
    cases = [(name, function) for name, function in cases if options.only in name]
    print(f"1..{len(cases)}", flush=True)
    app = problem = source = None
    try:
        app, source, version = port.build(options.work.resolve(), options.build.resolve(), options.prefix)
        print(f"# SQLite {version}, without Debian's patches", flush=True)
    except (port.BuildError, port.debian_source.SourceError, OSError) as error:
        problem = str(error)
    for number, (name, function) in enumerate(cases, 1):
        reason = problem
        if not problem:
            try:
                function(Case(options, app, source, options.work.resolve()))
            except (AssertionError, port.BuildError, subprocess.SubprocessError, sqlite3.Error, OSError) as error:
                reason = f"{type(error).__name__}: {error}"
        if reason:
            print("\n".join("# " + line for line in reason.splitlines()))
        print(f"{'not ok' if reason else 'ok'} {number} - {name}" +
              (f": {reason.splitlines()[0].replace('#', 'no.')}" if reason else ""), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    options = parser.parse_args()
    run_tap(options, list(plan(bool(os.environ.get("CHECK_LONG")))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
