#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One growing file beside a small one gets all of a disk; for that it is moved over itself, and QEMU is
killed in the middle of it: test_grow.py

The disk is slow, so that the move takes a while. What was synced before must be there, as the disk is
left, to who only reads it, and after it was mounted. 5 times, 30 with CHECK_LONG.
"""
import array
import os
import random
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from disk_support import Case, DEVICES, MIB, drive  # noqa: E402

TURN = 30  # MiB, when it comes to the disk's end for the first time
SLIDE = 0x736c64  # sdk/libbmfs/layout.h


def content(mib):
    return array.array("Q", range(mib * MIB // 8)).tobytes()


class Grow(Case):
    def test_all(self):
        for device in ("virtio", "ata", "virtio-4096"):
            self.make({})
            self.assertIn("the end: ", self.boot("GROW", device))
            self.assertEqual(self.check(), {"small": b"small\n", "large": content(58)})
            os.unlink(self.image)

    def run_and_kill(self, seconds):
        """MiB that were synced."""
        words, machine = DEVICES["virtio"]
        process = subprocess.Popen(
            ["qemu-system-x86_64", "-M", machine, "-accel", "tcg", "-cpu", "max", "-m", "64M", "-nodefaults",
             "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio", "-kernel", os.environ["KERNEL"],
             "-initrd", os.environ["GROW"], *drive(self.image, "throttling.bps-total=40000000"), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        log, deadline = b"", time.monotonic() + 200
        try:
            while b"synced %d\r\n" % TURN not in log and time.monotonic() < deadline:
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                log += data
            time.sleep(seconds)
        finally:
            process.kill()
            log += process.communicate()[0]
        lines = [line.split() for line in log.split(b"\r\n")[:-1]]
        synced = [int(words[1]) for words in lines if words[:1] == [b"synced"]]
        self.assertTrue(synced and synced[-1] >= TURN, log[-2000:])
        return synced[-1]

    def is_under_way(self):
        with open(self.image, "rb") as file:
            file.seek(4096)
            directory = array.array("Q", file.read(4096))
        return any(record >> 40 == SLIDE for record in directory[7::8])

    def test_killed(self):
        numbers, cuts, under_way = random.Random(11), 0, 0
        while cuts < (30 if "CHECK_LONG" in os.environ else 5) or (not under_way and cuts < 30):
            cuts += 1
            self.make({})
            synced = self.run_and_kill(numbers.random() * 2)
            under_way += self.is_under_way()
            want = content(synced)
            for words in (("check",), ("check", "--repair"), ("check",)):
                self.assertIn(b"is sound", self.good(*words, self.image))
                got = self.good("read", self.image, "large")
                self.assertTrue(got[:len(want)] == want, f"{words}: not what was synced, {synced} MiB")
                self.assertEqual(self.good("read", self.image, "small"), b"small\n")
            self.assertFalse(self.is_under_way())
            os.unlink(self.image)
        print(f"killed {cuts} times, in the middle of it {under_way}")
        self.assertTrue(under_way)


if __name__ == "__main__":
    unittest.main(verbosity=2)
