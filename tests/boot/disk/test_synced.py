#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What fsync() promises, on disks with a volatile cache: test_synced.py [unittest's words].

Killing QEMU loses nothing that the guest has written. So QEMU's blklogwrites driver keeps a log of what reaches
the disk, and the disk is made anew of what was flushed alone. QEMU writes no mark of FUA there, and some of its
devices do not heed it: only a flush counts here.
"""
import os
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
LENGTHS = {"new": (1000, 3001), "long": (200000,), "renamed": (20, 21)}


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


class Synced(Case):
    def run_and_kill(self, device, log):
        words, machine = DEVICES[device]
        command = ["qemu-system-x86_64", "-M", machine, "-accel", "tcg", "-cpu", "max", "-m", "64M", "-nodefaults",
                   "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
                   "-kernel", os.environ["KERNEL"], "-initrd", os.environ["SYNCED"],
                   "-blockdev", f"driver=file,filename={self.image},node-name=image",
                   "-blockdev", f"driver=file,filename={log},node-name=log",
                   "-blockdev", f"driver=blklogwrites,file=image,log=log,log-sector-size={SECTOR},node-name=d", *words]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, deadline = b"", time.monotonic() + SECONDS
        try:
            while b"synced" not in output and time.monotonic() < deadline:
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                output += data
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        self.assertIn(b"synced", output)

    def run_on(self, device):
        log = os.path.join(self.folder, "log")
        with open(log, "wb"):
            pass
        self.make({})
        with open(self.image, "rb") as file:
            before = bytearray(file.read())
        self.run_and_kill(device, log)
        entries = read_log(log)
        last = max((i for i, entry in enumerate(entries) if entry[2] & FLUSH), default=-1)
        self.assertGreater(last, 0)
        for offset, data, _ in entries[:last]:
            before[offset:offset + len(data)] = data
        with open(self.image, "wb") as file:
            file.write(before)
        files = self.check()
        self.assertEqual({name: len(data) for name, data in files.items()},
                         {name: sum(lengths) for name, lengths in LENGTHS.items()})
        for name, lengths in LENGTHS.items():
            self.assertEqual(files[name], b"".join(bytes([97 + length % 26]) * length for length in lengths))


for name in DEVICES:
    setattr(Synced, "test_" + name.replace("-", "_"), lambda self, name=name: self.run_on(name))


if __name__ == "__main__":
    unittest.main(verbosity=2)
