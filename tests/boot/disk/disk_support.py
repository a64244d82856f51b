# SPDX-License-Identifier: MIT
"""What the tests of /disk0 share: images, guests, and what the host says of an image afterwards.

KERNEL, BMFS (the program), ASLEEP, CLOSED, GROW, LOCKS, POSIX, POWER, SILENT, STATE, STORAGE, SYNCED, THREADS (guests) name the
parts, by meson.build.
"""
import os
import struct
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "unit", "bmfs"))
import run_guest  # noqa: E402
from bmfs_image import BLOCK, Image  # noqa: E402,F401

MIB = 1 << 20
SECONDS = 400  # far beyond what a busy machine explains

# How QEMU attaches a drive `d` for each of our drivers, and the machine.
DEVICES = {
    "virtio": (["-device", "virtio-blk-device,drive=d"], "microvm"),
    "virtio-pci": (["-device", "virtio-blk-pci,drive=d"], "q35"),
    "virtio-4096": (["-device", "virtio-blk-pci,drive=d,logical_block_size=4096,physical_block_size=4096"], "q35"),
    "nvme": (["-device", "nvme,drive=d,serial=d"], "q35"),
    "ahci": (["-device", "ide-hd,drive=d"], "q35"),
    "ata": (["-device", "ide-hd,drive=d"], "pc"),
}


def drive(path, *more):
    return ["-drive", ",".join(("if=none,id=d,format=raw", *more, "file=" + path.replace(",", ",,")))]


def guest(app, extra, append="", machine="microvm", cores=1, seconds=SECONDS):
    return run_guest.boot(run_guest.Guest(
        kernel=os.environ["KERNEL"], initrd=os.environ[app], append=append, machine=machine, cores=cores,
        extra=extra, timeout=seconds))


def bmfs(*words, stdin=b""):
    return subprocess.run([os.environ["BMFS"], *words], input=stdin, capture_output=True, timeout=120)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bm-disk-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.image = os.path.join(self.folder, "disk.img")

    def good(self, *words, stdin=b""):
        done = bmfs(*words, stdin=stdin)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def make(self, files, size="64M"):
        self.good("format", "-q", "--size", size, self.image)
        for name, data in files.items():
            self.good("write", self.image, name, stdin=data)

    def boot(self, app, device="virtio", more=(), expect="exit:0", image=None, extra=(), **options):
        words, machine = DEVICES[device]
        result = guest(app, [*drive(image or self.image, *more), *words, *extra], machine=machine, **options)
        self.assertEqual(result.outcome, expect, result.output[-4000:] + result.complaints)
        return result.output

    def check(self):
        """The image is sound, for us and for others."""
        self.assertIn(b"is sound", self.good("check", self.image))
        other = Image(self.image)
        return {name: other.read(name) for name in other.list()}


NUMBERS = struct.pack("<1000000I", *range(1000000))
