#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""/disk0 in the guest: test_disk.py [unittest's words]. See disk_support.py."""
import os
import random
import re
import struct
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from disk_support import BLOCK, Case, DEVICES, Image, MIB, NUMBERS, guest  # noqa: E402

FILES = {"hello": b"hello\n", "numbers": NUMBERS, "old": b"old\n"}


def rules_of(folder, image, event, n, once=True):
    """For blkdebug: the Nth request of a kind fails, or all from there on."""
    path = os.path.join(folder, "rules")
    with open(path, "w", encoding="ascii") as file:
        for state in range(1, n):
            file.write(f'[set-state]\nevent = "{event}"\nstate = "{state}"\nnew_state = "{state + 1}"\n\n')
        file.write(f'[inject-error]\nevent = "{event}"\nstate = "{n}"\nerrno = "5"\n'
                   f'once = "{"on" if once else "off"}"\nimmediately = "off"\n')
    return f"blkdebug:{path}:{image}"


class Posix(Case):
    """posix.c checks itself; here is what it leaves on the disk."""

    def run_on(self, device, **options):
        self.make(FILES)
        self.boot("POSIX", device, **options)
        files = self.check()
        self.assertEqual(sorted(files), ["hello", "last", "lines", "mapped", "new", "numbers"])
        self.assertEqual(files["hello"], FILES["hello"])
        self.assertEqual(files["numbers"], NUMBERS)
        self.assertEqual(files["new"], b"one two three\n")
        self.assertEqual(files["lines"], b"".join(b"line %d\n" % i for i in range(10000)))
        self.assertEqual(files["last"], b"written last\n")  # neither closed nor synced
        self.assertEqual(len(files["mapped"]), 10000)
        for at, text in ((100, b"at the end"), (200, b"left to exit()"), (5000, b"by memory"), (6000, b"by a call")):
            self.assertEqual(files["mapped"][at:at + len(text)], text)


for name in DEVICES:
    for cores in (1, 4):
        setattr(Posix, f"test_{name.replace('-', '_')}_{cores}",
                lambda self, name=name, cores=cores: self.run_on(name, cores=cores))


class Threads(Case):
    def run_on(self, device, cores):
        self.make({}, "128M")
        self.boot("THREADS", device, cores=cores)
        self.assertIn("shared", self.check())

    def test_one_core(self):
        self.run_on("virtio", 1)

    def test_four_cores(self):
        self.run_on("virtio-pci", 4)


class Locks(Case):
    """Threads in a program without a mutex: ../thread/locks.c."""

    def run_on(self, device, cores):
        self.make({}, "128M")
        self.boot("LOCKS", device, cores=cores, append="-- /disk0")
        files = self.check()
        self.assertEqual(sorted(files), ["lines", "own 0", "own 1", "own 2", "own 3"])
        self.assertEqual(len(files["lines"]), 4 * 50 * 3000)

    def test_one_core(self):
        self.run_on("virtio", 1)

    def test_four_cores(self):
        self.run_on("virtio-pci", 4)


class Asleep(Case):
    """Whoever waits for a slow disk without threads sleeps until it interrupts."""

    def run_on(self, device, cores):
        self.make({"numbers": NUMBERS})
        self.boot("ASLEEP", device, cores=cores, more=("throttling.iops-total=20",))

    def test_crash(self):
        """It is not told among those that have nothing to do."""
        self.make({"numbers": NUMBERS})
        output = self.boot("ASLEEP", cores=3, more=("throttling.iops-total=20",), append="-- crash", expect="crash")
        self.assertRegex(output, r"(?m)^core 0:$")
        self.assertRegex(output, r"(?m)^1 other cores asleep$")


for name in ("virtio", "virtio-pci", "nvme", "ahci"):
    for cores in (1, 3):
        setattr(Asleep, f"test_{name.replace('-', '_')}_{cores}",
                lambda self, name=name, cores=cores: self.run_on(name, cores))


class Silent(Case):
    """A disk that does not answer: QEMU lets the first request through, and the next one in hours."""

    def test_silent(self):
        self.make({"f": b"text"})
        output = self.boot("SILENT", more=("throttling.bps-total=1",))
        self.assertIn("/disk0 is kept for it", output)


class Places(Case):
    """Where a disk is looked for, and what is said when it is not there."""

    def test_no_disk(self):
        result = guest("STATE", [])
        self.assertEqual(result.outcome, "exit:0", result.output)
        self.assertIn("open: No such file", result.output)
        self.assertIn("this machine has no disk that a driver knows", result.output)

    def test_no_file_system(self):
        with open(self.image, "wb") as file:
            file.truncate(64 * MIB)
        output = self.boot("STATE")
        self.assertIn("open: No such file", output)
        self.assertIn("there is no BMFS on it: `bmfs format`", output)

    def test_partitions(self):
        """Two in an MBR's table become two disks; another's partition is left alone."""
        with open(self.image, "wb") as file:
            file.truncate(256 * MIB)
            file.seek(446)
            for kind, first, count in ((0x83, 2048, 65536), (0x7f, 131072, 131072), (0x7f, 262144, 131072)):
                file.write(struct.pack("<B3xB3xII", 0, kind, first, count))
            file.seek(510)
            file.write(b"\x55\xaa")
        for number in "23":
            self.good("format", "-q", "--partition", number, self.image)
            self.good("write", "--partition", number, self.image, "f", stdin=b"part " + number.encode())
        with open(self.image, "rb") as file:
            start = file.read(2048 * 512)
        self.assertIn(f"file f: 6 bytes, sum {sum(b'part 2')}", self.boot("STATE"))
        output = self.boot("STATE", append="-- /disk1")
        self.assertIn(f"file f: 6 bytes, sum {sum(b'part 3')}", output)
        self.assertIn("create: done", output)
        for number in "23":
            self.assertIn(b"is sound", self.good("check", "--partition", number, self.image))
            self.assertIn(b"made", self.good("list", "--partition", number, self.image))
        with open(self.image, "rb") as file:
            self.assertEqual(file.read(2048 * 512), start)

    def second_disk(self):
        path = os.path.join(self.folder, "second.img")
        self.good("format", "-q", "--size", "64M", path)
        self.good("write", path, "second", stdin=b"2")
        return path, ["-drive", f"if=none,id=e,format=raw,file={path}", "-device", "virtio-blk-pci,drive=e"]

    def test_unreadable(self):
        """A disk that cannot be read keeps its number, and is told as what it is; the next one has its own."""
        self.make({"f": b"text"})
        second, extra = self.second_disk()
        with open(second, "rb") as file:
            before = file.read()
        for n in (2, 3):  # on microvm, the search and the mount
            output = self.boot("STATE", image=rules_of(self.folder, self.image, "read_aio", n, once=False))
            self.assertIn("list: I/O error", output)
            self.assertNotIn("No such file", output)
        for n in (1, 2):
            image = rules_of(self.folder, self.image, "read_aio", n, once=False)
            output = self.boot("STATE", "virtio-pci", image=image, extra=extra)
            self.assertIn("not mounted yet: the disk reports an error; /disk0 is kept for it", output)
            for call in ("list", "create", "statvfs", "folder"):
                self.assertIn(f"{call}: I/O error", output)
            self.assertNotIn("No such file", output)
            with open(second, "rb") as file:
                self.assertEqual(file.read(), before)
            output = self.boot("STATE", "virtio-pci", image=image, extra=extra, append="-- /disk1")
            self.assertIn("file second: 1 bytes, sum 50", output)
            self.assertIn("create: done", output)
            self.good("delete", second, "made")
            self.good("write", second, "second", stdin=b"2")
            with open(second, "rb") as file:
                before = file.read()

    def test_readable_later(self):
        """One failed read: whoever uses the disk later finds it where it belongs."""
        for n in (2, 3):  # the search and the mount: the first is none of the guest's
            self.make({"f": b"text"})
            output = self.boot("STATE", image=rules_of(self.folder, self.image, "read_aio", n))
            self.assertIn("/disk0 is kept for it", output)
            self.assertIn("file f: 4 bytes, sum 453", output)
            self.assertIn("create: done", output)
            self.assertIn("made", self.check())
            os.remove(self.image)

    def test_others_image(self):
        """An image that another tool has made."""
        other = Image(self.image)
        other.format(64 * MIB)
        other.create("theirs", 4)
        other.write("theirs", b"written by others")
        output = self.boot("STATE")
        self.assertIn(f"file theirs: 17 bytes, sum {sum(b'written by others')}", output)
        self.assertEqual(self.check(), {"theirs": b"xritten by others", "made": b""})


class Storage(Case):
    """The template, on a disk that cannot be read: it says so, stores nothing elsewhere, and cuts nothing off."""

    def test_unreadable(self):
        self.make({})
        self.boot("STORAGE")
        self.assertIn("runs = 2", self.boot("STORAGE"))
        with open(self.image, "rb") as file:
            before = file.read()
        for n in (2, 3, 4):  # the search, the mount, the log
            output = self.boot("STORAGE", image=rules_of(self.folder, self.image, "read_aio", n, once=False),
                               expect="exit:1")
            self.assertIn("/disk0/store.log: I/O error", output)
            self.assertNotIn("runs =", output)
            with open(self.image, "rb") as file:
                self.assertEqual(file.read(), before)


class Trouble(Case):
    """A named error each time, and nothing is written that should not be."""

    def unchanged(self, pattern, *errors, append="bm.log=warning", more=()):
        with open(self.image, "rb") as file:
            before = file.read()
        output = self.boot("STATE", append=append, more=more)
        self.assertRegex(output, pattern)
        for error in errors:
            self.assertIn(error, output)
        with open(self.image, "rb") as file:
            self.assertEqual(file.read(), before)
        return output

    def test_read_only(self):
        self.make({"f": b"text"})
        self.unchanged("file f: 4 bytes, sum 453", "open to write: Read-only", "create: Read-only", "statvfs: done",
                       more=("readonly=on",))

    def test_overlap(self):
        self.make({"f": b"text", "g": b"more"})
        other = Image(self.image)
        other.put(4096 + 64 + 32, struct.pack("<QQ", other.list()["f"][0], 2))
        self.unchanged("the directory is damaged, so it is read-only: run `bmfs check --repair`",
                       "file f: 4 bytes, sum 453", "open to write: Read-only", "create: Read-only")

    def test_shrunk(self):
        self.make({"f": b"text"})
        self.good("create", self.image, "high", "50M")
        os.truncate(self.image, 34 * MIB)
        self.unchanged("is damaged", "file f: 4 bytes", "create: Read-only")

    def test_too_small(self):
        self.make({})
        os.truncate(self.image, 5 * MIB)
        self.unchanged("too small for BMFS", "open: No such file")

    def test_random(self):
        numbers = random.Random(6)
        for round_ in range(6):
            head = bytearray(numbers.randbytes(1 * MIB))
            if round_ % 2:
                head[1024:1040] = b"BMFS" + bytes(12)
            with open(self.image, "wb") as file:
                file.truncate(64 * MIB)
                file.write(head)
            self.unchanged("is damaged" if round_ % 2 else "no BMFS on it",
                           "create: Read-only" if round_ % 2 else "create: No such file")

    def test_bad_names(self):
        """A name that no path can have is not shown, and keeps nobody from the others."""
        self.make({"f": b"text"})
        Image(self.image).put(4096 + 64, struct.pack("<32sQQQ8x", b"../f", 20, 1, 4))
        output = self.boot("STATE")
        self.assertIn("file f: 4 bytes", output)
        self.assertNotIn("file ..", output)
        self.assertIn("create: done", output)

    def test_close(self):
        """close() tells of a size that the disk did not take."""
        self.make({})
        self.boot("CLOSED", append="-- 0")
        self.assertEqual(self.check(), {"grown": b"x", "stream": b"text"})
        for name in ("grown", "stream"):
            self.good("delete", self.image, name)
        output = self.boot("CLOSED", append="-- EIO",
                           image=rules_of(self.folder, self.image, "flush_to_disk", 1, once=False))
        self.assertIn("the last one: I/O error", output)
        self.check()

    def test_io_errors(self):
        """QEMU fails the Nth request: the program is told, and the disk stays sound."""
        self.make({"f": b"text"})
        told = 0
        for event in ("read_aio", "write_aio", "flush_to_disk"):
            for n in range(1, 10):
                self.good("delete", self.image, "made") if b"  made" in self.good("list", self.image) else None
                # blkdebug takes the image as it is; its name has neither comma nor colon
                output = self.boot("STATE", image=rules_of(self.folder, self.image, event, n))
                # By the call that it concerns; what the end writes has the log alone, and STATE asks no close().
                failed = "I/O error" in output
                told += failed
                if not failed and not re.search("could not be written when it was closed|may be lost", output):
                    self.assertIn("file f: 4 bytes", output)
                    for call in ("open", "open to write", "write", "create", "sync", "statvfs"):
                        self.assertRegex(output, f"(?m)^{call}: done")
                self.assertNotIn("No such file", output)
                files = self.check()
                self.assertIn(files["f"], (b"text", b"xext"))
        self.assertGreater(told, 4)  # the rest of the N are beyond the program's requests


if __name__ == "__main__":
    unittest.main(verbosity=2)
