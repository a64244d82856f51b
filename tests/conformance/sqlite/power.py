#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SQLite on /disk0 while the power is cut: load.c changes a database, and says after each COMMIT that it has
returned; QEMU is killed at a random moment, and the next boot must find the database whole, with every
transaction whose commit was said, and none by half. Speaks TAP: one line for each way to keep a journal.

Killing QEMU alone loses nothing that the guest has written. So QEMU's blklogwrites driver keeps a log of all
writes and flushes, and after most cuts the disk is made anew from it: what was flushed, and of what came after
the last flush only a random part, some of it torn at a sector. The same is done at random places *within*
the log, on the host alone: `bmfs export` and the host's own SQLite must find a database there that holds some
number of whole transactions. A few cuts, or 50 with --long, and 20 such places for each.
"""
import argparse
import os
import random
import re
import selectors
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "boot")]
import features  # noqa: E402
import run_guest  # noqa: E402

MODES = ("delete", "truncate", "persist", "wal", "wal-exclusive")
DISK_SIZE = "64M"
SECTOR = 512
FLUSH, FUA, DISCARD = 1, 2, 4  # of an entry of the log (QEMU, block/blklogwrites.c)
LOG_MAGIC = 0x6a736677736872
PATIENCE = 240  # seconds for a boot to say something
PLACES = 20  # looked at within each log


def read_log(path, disk_size):
    """[(byte offset, data, flags)] of what reached QEMU, in its order. The last ones may be cut short."""
    entries = []
    with open(path, "rb") as file:
        magic, version, _, sector_size = struct.unpack("<QQQI", file.read(28).ljust(28, b"\0"))
        # QEMU writes it with the first flush: before that, it is zero, or not there.
        if magic and (magic, version, sector_size) != (LOG_MAGIC, 1, SECTOR):
            raise AssertionError(f"{path} is no log of writes")
        at = SECTOR
        while True:
            file.seek(at)
            header = file.read(32)
            if len(header) < 32 or header == bytes(32):
                return entries
            sector, count, flags, _ = struct.unpack("<QQQQ", header)
            if flags > 15 or (sector + count) * SECTOR > disk_size:
                raise AssertionError(f"entry {len(entries)} of the log is nonsense: {header.hex()}")
            at += SECTOR
            data = b""
            if not flags & DISCARD:
                file.seek(at)
                data = file.read(count * SECTOR)
                at += count * SECTOR
            entries.append((sector * SECTOR, data, flags))


def replay(base, entries, chance, target):
    """What a disk with a volatile cache holds when the power goes: TARGET from BASE."""
    subprocess.run(["cp", "--sparse=always", base, target], check=True)
    last_flush = max((i for i, e in enumerate(entries) if e[2] & FLUSH), default=-1)
    keep = chance.choice((0, 0.5, 0.9, 1))
    with open(target, "r+b") as disk:
        for number, (offset, data, flags) in enumerate(entries):
            if number > last_flush and not flags & FUA:
                if chance.random() >= keep:
                    continue
                if chance.random() < 0.2:
                    data = data[:chance.randrange(len(data) // SECTOR + 1) * SECTOR]
            if data:
                disk.seek(offset)
                disk.write(data)


class Model:
    """What load.c does, for the host."""
    MASK = (1 << 64) - 1
    ROWS = 96

    def __init__(self, seed):
        self.seed = seed

    def mix(self, a, b, c):
        mask = self.MASK
        x = self.seed ^ (a * 0x9e3779b97f4a7c15 & mask) ^ (b * 0xc2b2ae3d27d4eb4f & mask) ^ \
            (c * 0x165667b19e3779f9 & mask)
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & mask
        x = (x ^ x >> 27) * 0x94d049bb133111eb & mask
        return x ^ x >> 31

    def rows(self, last):
        """{id: transaction} after so many transactions."""
        rows = {}
        for number in range(1, last + 1):
            chance = self.mix(number, 1, 1)
            for i in range(1 + (chance >> 8) % 6 if chance % 8 else 60):
                chance_row = self.mix(number, i, 2)
                identity = chance_row % self.ROWS
                if (chance_row >> 32) % 4 == 0:
                    rows.pop(identity, None)
                else:
                    rows[identity] = number
        return rows

    def size(self, number, identity):
        chance = self.mix(number, identity, 77)
        return chance % (200 if chance >> 32 & 3 else 4000)


def look(case, disk, model, low, high):
    """The host's tools on a disk image: the database holds LOW to HIGH whole transactions. Returns how many."""
    with tempfile.TemporaryDirectory(prefix="bm-sqlite-look-") as folder:
        done = subprocess.run([case.options.bmfs, "export", "-q", disk, f"{folder}/files"], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"bmfs export: {done.stdout}{done.stderr}")
        path = Path(folder, "files", "test.db")
        if not path.exists():
            if low:
                raise AssertionError(f"the database is gone, and {low} transactions with it")
            return 0
        database = sqlite3.connect(path, isolation_level=None)
        try:
            verdict = database.execute("PRAGMA integrity_check").fetchall()
            if verdict != [("ok",)]:
                raise AssertionError(f"integrity_check on the host: {verdict[:5]}")
            if not database.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'done'").fetchone()[0]:
                last = count = 0
            else:
                last, count = database.execute("SELECT coalesce(max(number), 0), count(*) FROM done").fetchone()
            if last != count or not low <= last <= high:
                raise AssertionError(f"{count} transactions up to {last}, where {low} to {high} are expected")
            if last:
                rows = database.execute("SELECT id, number, length(data) FROM data ORDER BY id").fetchall()
                expected = [(i, n, model.size(n, i)) for i, n in sorted(model.rows(last).items())]
                if rows != expected:
                    raise AssertionError(f"after {last} transactions the rows are others than they must be")
            return last
        finally:
            database.close()


class Machine:
    """One boot of the load that can be killed."""

    def __init__(self, case, disk, log, mode, seed, count):
        self.folder = tempfile.TemporaryDirectory(prefix="bm-power-")
        log.write_bytes(b"")
        extra = ["-blockdev", f"driver=file,filename={disk},node-name=disk,cache.direct=off",
                 "-blockdev", f"driver=file,filename={log},node-name=log",
                 "-blockdev", f"driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size={SECTOR}",
                 "-device", "virtio-blk-pci,drive=logged"]
        command = run_guest.qemu_command(run_guest.Guest(
            kernel=case.options.kernel, initrd=str(case.app), machine="pc", memory="128M", extra=extra,
            append=f"-- /disk0 load test.db {mode} {seed} {count}"), self.folder.name)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, preexec_fn=run_guest.without_huge_pages)
        self.started = time.monotonic()
        self.output = b""

    def lines(self):
        return self.output.decode("utf-8", "replace").replace("\r", "").split("\n")[:-1]  # whole ones

    def read(self, seconds):
        """Some more output within that time; False at its end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if selector.select(seconds):
                data = self.process.stdout.read1(65536)
                self.output += data
                return bool(data)
        return True

    def wait_for(self, wanted):
        """Until so many lines have come that match; raises if the guest ends or is silent."""
        deadline = time.monotonic() + PATIENCE
        while sum(1 for line in self.lines() if re.match(wanted[0], line)) < wanted[1]:
            if time.monotonic() > deadline or not self.read(1):
                raise AssertionError(f"the guest ended or is stuck; it said:\n{self.output.decode(errors='replace')[-3000:]}")

    def end(self):
        """Kill, if it still runs; then all that it had said."""
        if self.process.poll() is None:
            self.process.kill()
        while self.read(5):
            if self.process.poll() is not None and not self.read(0.1):
                break
        self.process.wait()
        self.process.stdout.close()
        status = Path(self.folder.name, "status")
        self.status = status.read_text() if status.exists() else ""
        self.folder.cleanup()
        if wrong := [line for line in self.lines() if line.startswith("@wrong")]:
            raise AssertionError(wrong[0])
        return self.lines()


def known(lines, before):
    """(how many transactions it held when it was opened, how many are known to be committed)."""
    opened = [int(m[1]) for line in lines if (m := re.fullmatch(r"@open (\d+)", line))]
    committed = [int(m[1]) for line in lines if (m := re.fullmatch(r"@commit (\d+)", line))]
    return (opened[0] if opened else None), max([*opened, *committed, before])


def cuts(case, mode, count):
    seed = int(os.environ.get("POWER_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"# {mode}: POWER_SEED={seed}", flush=True)
    chance, model = random.Random(f"{seed} {mode}"), Model(seed)
    work = case.work / f"power-{mode}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    disk, base, log = work / "disk", work / "base", work / "log"
    features.port.run([case.options.bmfs, "format", "-q", "--size", DISK_SIZE, disk], work)
    committed, open_time, places, tried = 0, None, 0, 0
    for number in range(count + 1):
        last = number == count  # this one is to end by itself
        subprocess.run(["cp", "--sparse=always", disk, base], check=True)
        machine = Machine(case, disk, log, mode, seed, 10 if last else 1000000)
        try:
            kind = chance.random()
            if last:
                machine.wait_for((r"@done$", 1))
                machine.process.wait(PATIENCE)
            elif open_time and kind < 0.15:  # while it recovers from the last cut
                machine.read(0)
                time.sleep(chance.random() * open_time)
            elif kind < 0.3:
                machine.wait_for((r"@open ", 1))
                time.sleep(chance.random() * 0.05)
            else:
                machine.wait_for((r"@commit ", chance.randrange(1, 60)))
                time.sleep(chance.random() * 0.05)
            if open_time is None:
                open_time = time.monotonic() - machine.started
        finally:
            lines = machine.end()
        opened, now = known(lines, committed)
        if opened is not None and not committed <= opened <= committed + 1:
            raise AssertionError(f"cut {number} of POWER_SEED={seed}: {committed} commits were said, and then "
                                 f"the database held {opened} transactions")
        entries = read_log(log, disk.stat().st_size)
        tried += bool(entries)
        for _ in range(PLACES if entries else 0):
            prefix = entries[:chance.randrange(len(entries) + 1)]
            replay(base, prefix, chance, work / "place")
            try:
                look(case, work / "place", model, committed, now + 1)
            except (AssertionError, sqlite3.Error) as error:
                raise AssertionError(f"cut {number} of POWER_SEED={seed}, the first {len(prefix)} of {len(entries)} "
                                     f"writes: {error}; the image is {work / 'place'}") from error
            places += 1
        committed = now
        if last:
            if machine.status != "exit 0\n":
                raise AssertionError(f"the last boot ended with {machine.status!r}")
            look(case, disk, model, committed, committed)
            features.port.run([case.options.bmfs, "check", disk], work)
        elif chance.random() < 0.75:
            replay(base, entries, chance, work / "new")
            os.replace(work / "new", disk)
    if not tried or committed < 5:
        raise AssertionError(f"{committed} transactions in all: that is no load")
    print(f"# {mode}: {count} cuts, {committed} transactions, {places} other places in the logs", flush=True)
    shutil.rmtree(work)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    features.add_options(parser)
    parser.add_argument("--bmfs", type=os.path.abspath, required=True, help="the host's tool")
    parser.add_argument("--cuts", type=int, default=10 if os.environ.get("CHECK_LONG") else 3, help="for each mode")
    options = parser.parse_args()
    features.run_tap(options, [(f"power cuts, {mode}", lambda case, m=mode: cuts(case, m, options.cuts))
                               for mode in MODES])
    return 0


if __name__ == "__main__":
    sys.exit(main())
