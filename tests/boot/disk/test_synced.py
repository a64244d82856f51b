#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What fsync() promises, on disks with a volatile cache: test_synced.py [unittest's words].

Killing QEMU loses nothing that the guest has written. So QEMU's blklogwrites driver keeps a log of what reaches
the disk, and the disk is made anew of what was flushed alone. QEMU writes no mark of FUA there, and some of its
devices do not heed it: only a flush counts here.
"""
import os
import re
import select
import struct
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from disk_support import Case, DEVICES, SECONDS  # noqa: E402

SECTOR = 512
FLUSH, DISCARD = 1, 4  # QEMU, block/blklogwrites.c
# What each fsync() of synced.c makes durable: {name: lengths of what was written}.
STATES = (
    {"new": (1000,)},
    {"new": (1000, 3001)},
    {"new": (1000, 3001), "long": (200000,)},
    {"new": (1000, 3001), "long": (200000,), "other": (20,)},
    {"new": (1000, 3001), "long": (200000,), "renamed": (20, 21)},
)


def read_log(path):
    """[(byte offset, data, flags)], in QEMU's order."""
    entries = []
    with open(path, "rb") as file:
        file.seek(SECTOR)
        while True:
            header = file.read(SECTOR)
            if len(header) < SECTOR or header[:32] == bytes(32):
                return entries
            sector, count, flags, _ = struct.unpack("<QQQQ", header[:32])
            entries.append((sector * SECTOR, b"" if flags & DISCARD else file.read(count * SECTOR), flags))


def contents(state):
    return {name: b"".join(bytes([97 + length % 26]) * length for length in lengths)
            for name, lengths in state.items()}


class Synced(Case):
    def run_and_kill(self, device, log):
        """Returns how many entries the log had at the end of each fsync()."""
        words, machine = DEVICES[device]
        command = ["qemu-system-x86_64", "-M", machine, "-accel", "tcg", "-cpu", "max", "-m", "64M", "-nodefaults",
                   "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
                   "-kernel", os.environ["KERNEL"], "-initrd", os.environ["SYNCED"],
                   "-blockdev", f"driver=file,filename={self.image},node-name=image",
                   "-blockdev", f"driver=file,filename={log},node-name=log",
                   "-blockdev", f"driver=blklogwrites,file=image,log=log,log-sector-size={SECTOR},node-name=d", *words]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, deadline, counts = b"", time.monotonic() + SECONDS, []
        try:
            while len(counts) < len(STATES):
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                    break
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                output += data
                # Only one can have come: the guest waits for our line.
                if re.search(rb"synced %d\r?\n" % (len(counts) + 1), output):
                    counts.append(len(read_log(log)))
                    process.stdin.write(b"\n")
                    process.stdin.flush()
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.assertEqual(len(counts), len(STATES), output)
        return counts

    def run_on(self, device):
        log = os.path.join(self.folder, "log")
        with open(log, "wb"):
            pass
        self.make({})
        with open(self.image, "rb") as file:
            image = bytearray(file.read())
        counts = self.run_and_kill(device, log)
        entries = read_log(log)
        done = 0  # entries that are in the image
        for count, state in zip(counts, STATES):
            # The least that may be left of it: what came after the last flush may be lost.
            last = max((i for i, entry in enumerate(entries[:count]) if entry[2] & FLUSH), default=-1)
            self.assertGreater(last, 0)
            for offset, data, _ in entries[done:last]:
                image[offset:offset + len(data)] = data
            done = max(done, last)
            with open(self.image, "wb") as file:
                file.write(image)
            self.assertEqual(self.check(), contents(state), state)


for name in DEVICES:
    setattr(Synced, "test_" + name.replace("-", "_"), lambda self, name=name: self.run_on(name))


if __name__ == "__main__":
    unittest.main(verbosity=2)
