#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program bmfs on the host: every command, what it refuses, and images that others read and made.

BMFS names the program. The other side of the exchange is bmfs_image.py.
"""
import fcntl
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bmfs_image import BLOCK, Image  # noqa: E402

PROGRAM = os.environ["BMFS"]
MIB = 1 << 20
GPT_TYPE = bytes.fromhex("42464d5d 4653 424d 8b6d 626d66733031".replace(" ", ""))


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bmfs test ")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.image = self.path("disk.img")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def run_it(self, *arguments, stdin=b""):
        return subprocess.run([PROGRAM, *arguments], input=stdin, capture_output=True, timeout=120)

    def good(self, *arguments, stdin=b""):
        done = self.run_it(*arguments, stdin=stdin)
        self.assertEqual((done.returncode, done.stderr), (0, b""), arguments)
        return done.stdout

    def bad(self, pattern, *arguments, status=1, stdin=b""):
        done = self.run_it(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, status, done)
        self.assertRegex(done.stderr.decode(), pattern)
        self.assertRegex(done.stderr.decode(), r"(?m)^bmfs: .*\n(?:bmfs: .*\n)*  fix: .")
        return done

    def format(self, size="64M", *more):
        self.good("format", "-q", "--size", size, *more, self.image)


class Commands(Case):
    def test_round(self):
        data = random.Random(1).randbytes(5 * MIB + 17)
        self.format()
        self.good("write", self.image, "a", stdin=data)
        self.assertEqual(self.good("read", self.image, "a"), data)
        self.good("create", self.image, "empty", "9M")
        self.good("write", self.image, "b", self.write("host", b"text"))
        self.good("rename", self.image, "b", "c")
        self.good("read", self.image, "c", self.path("out"))
        with open(self.path("out"), "rb") as file:
            self.assertEqual(file.read(), b"text")
        self.good("rename", self.image, "a", "c")
        self.assertEqual(self.good("read", self.image, "c"), data)
        text = self.good("list", self.image).decode()
        self.assertRegex(text, r"(?m)^ +5242897 +6291456 +\d+  c$")
        self.assertRegex(text, r"(?m)^ +0 +10485760 +\d+  empty$")
        self.assertRegex(text, r"2 files; 44 MiB of 60 MiB free, .* room for 62 more")
        self.good("reserve", self.image, "empty", "4M")
        self.good("delete", self.image, "c", "empty")
        self.assertIn(b"0 files; 60 MiB of 60 MiB", self.good("list", self.image))
        self.assertEqual(self.good("check", "-q", self.image), b"")

    def test_replace(self):
        """A file is replaced whole or not at all; in place if there is no room for both."""
        self.format()
        self.good("write", self.image, "f", stdin=b"x" * (35 * MIB))
        self.bad("f: there is no room for it", "write", self.image, "f", stdin=b"y" * (34 * MIB))
        self.assertEqual(self.good("read", self.image, "f"), b"x" * (35 * MIB))
        self.assertRegex(self.good("list", self.image), rb"1 file;")
        self.good("write", "--in-place", self.image, "f", stdin=b"z" * (34 * MIB))
        self.assertEqual(self.good("read", self.image, "f"), b"z" * (34 * MIB))
        self.bad("no room for it", "write", self.image, "g", stdin=b"y" * (40 * MIB))
        self.bad("no room for it", "create", self.image, "g", "1T")

    def test_name_of_a_copy(self):
        """What a killed copy leaves has a name that no other file gets; the next copy replaces it."""
        name = ".bmfs is copying"
        self.format()
        self.good("write", self.image, "f", stdin=b"x")
        self.write("in/" + name, b"theirs")
        self.write("in/other", b"other")
        for words in (("import", self.image, self.path("in")), ("write", self.image, name),
                      ("create", self.image, name), ("rename", self.image, "f", name)):
            self.bad("name of a copy under way", *words)
        self.assertRegex(self.good("list", self.image), rb"1 file;")
        other = Image(self.image)
        other.create(name, 2)
        self.good("write", self.image, "g", stdin=b"y")
        self.assertNotIn(name.encode(), self.good("list", self.image))
        other.create(name, 2)
        self.good("delete", self.image, name)

    def test_part_of_a_sector(self):
        """As large as a machine that has the image sees it."""
        for size in (64 * MIB - 1, 64 * MIB - 511):
            self.good("format", "-q", "-f", "--size", str(size), self.image)
            self.assertIn(b" of 60 MiB free", self.good("list", self.image))
            self.good("check", self.image)
        self.good("format", "-q", "-f", "--size", str(64 * MIB - 512), self.image)
        self.assertIn(b" of 58 MiB free", self.good("list", self.image))

    def test_all_of_the_disk(self):
        """A file that grows by and by, beside one in the middle, gets all that is free: it is moved over itself."""
        self.format()
        self.good("create", self.image, "until", "28M")
        self.good("write", self.image, "small", stdin=b"small")
        self.good("delete", self.image, "until")
        data = random.Random(3).randbytes(58 * MIB)
        self.good("write", self.image, "large", stdin=data)
        self.assertIn(b" 0 bytes of 60 MiB free", self.good("list", self.image))
        self.assertEqual(self.good("read", self.image, "large"), data)
        self.assertEqual(self.good("read", self.image, "small"), b"small")
        self.good("check", self.image)

    def test_folders(self):
        numbers = random.Random(2)
        self.format("256M")
        files = {f"file {i}": numbers.randbytes(numbers.choice((0, 1, 511, 512, 70000, 3 * MIB)))
                 for i in range(30)}
        files["gr\u00fc\u00df"] = b"utf-8"
        for name, data in files.items():
            self.write("in/" + name, data)
        with open(self.path("in", "holes"), "wb") as file:
            file.truncate(50 * MIB)
            file.seek(20 * MIB)
            file.write(b"middle")
        self.assertRegex(self.good("import", self.image, self.path("in")), rb"^32 files, ")
        self.assertLess(os.stat(self.image).st_blocks * 512, 60 * MIB)
        self.good("export", self.image, self.path("out"))
        done = subprocess.run(["diff", "-r", self.path("in"), self.path("out")], capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        self.assertLess(os.stat(self.path("out", "holes")).st_blocks * 512, 10 * MIB)
        self.bad("File exists", "export", self.image, self.path("out"))
        self.good("export", "-f", self.image, self.path("out"))
        os.mkdir(self.path("in", "folder"))
        self.write("in/first", b"not copied")
        self.bad("folder is a folder, and BMFS has none; nothing was copied", "import", self.image, self.path("in"))
        self.bad("no such file", "read", self.image, "first")
        os.rmdir(self.path("in", "folder"))
        os.mkfifo(self.path("in", "pipe"))
        self.bad("pipe is no file", "import", self.image, self.path("in"))
        os.unlink(self.path("in", "pipe"))
        self.write("in/" + "long" * 10, b"")
        self.bad("not a name for a file", "import", self.image, self.path("in"))
        self.good("check", self.image)

    def test_sparse(self):
        self.good("format", "-q", "--size", "8T", self.image)
        self.assertLess(os.stat(self.image).st_blocks * 512, 1 * MIB)
        self.good("create", self.image, "large", "7T")
        self.good("check", self.image)
        self.assertLess(os.stat(self.image).st_blocks * 512, 1 * MIB)

    def test_refusals(self):
        self.bad("too small", "format", "--size", "31M", self.image)
        self.assertFalse(os.path.exists(self.image))
        self.write("disk.img", b"")
        self.bad("too small", "format", "--size", "31M", self.image)
        self.assertEqual(os.path.getsize(self.image), 0)
        self.bad("No such file", "list", self.path("none"))
        self.format()
        self.good("write", self.image, "f", stdin=b"1")
        self.bad("files in it", "format", self.image)
        self.bad("exists, with", "format", "--size", "128M", self.image)
        self.good("format", "-q", "-f", "--size", "128M", self.image)
        self.bad("no such file", "read", self.image, "f")
        self.bad("not a name", "create", self.image, "a/b")
        self.bad("not a name", "create", self.image, "x" * 32)
        self.good("create", self.image, "f")
        self.bad("this name exists", "create", self.image, "f")
        self.bad("not a size", "create", self.image, "g", "12x")
        self.bad("not a size", "create", self.image, "g", "99999999999999999999")
        for words in ((), ("nothing",), ("list",), ("rename", self.image, "a"),
                      ("list", self.image, "more"), ("list", "--unknown", self.image)):
            done = self.run_it(*words)
            self.assertEqual(done.returncode, 2, done)
        self.assertIn(b"usage: bmfs", self.good("--help"))
        self.assertRegex(self.good("--version"), rb"^bmfs \d")

    def test_full_directory(self):
        self.format("256M")
        for i in range(64):
            self.good("create", self.image, f"n{i}")
        self.bad("directory is full", "create", self.image, "more")

    def test_in_use(self):
        """QEMU locks bytes 100 and 101 of an image that it may write."""
        self.format()
        with open(self.image, "rb") as file:
            fcntl.lockf(file, fcntl.LOCK_SH, 2, 100)
            for words in (("list", self.image), ("create", self.image, "x"), ("check", self.image)):
                self.bad("in use", *words)
        self.good("list", self.image)

    def test_broken_pipe_and_signals(self):
        self.format()
        self.good("write", self.image, "f", stdin=b"x" * (8 * MIB))
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "read", self.image, "f"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)


class Damages(Case):
    def test_check(self):
        self.format()
        self.good("write", self.image, "f", stdin=b"text")
        self.assertIn(b"is sound", self.good("check", self.image))
        data = Image(self.image)
        data.put(4096 + 64, struct.pack("<32sQQQ8x", b"g", 1, 2, 4))
        done = self.bad("1 damage\n", "check", self.image)
        self.assertIn(b"record 1, 'g': it shares blocks with another file", done.stdout)
        self.bad("damaged; nothing is written", "create", self.image, "x")
        done = self.run_it("list", self.image)
        self.assertIn(b"is damaged", done.stderr)
        self.assertIn("moved to a place of its own".encode(), self.good("check", "--repair", self.image))
        self.good("check", self.image)
        self.assertEqual(self.good("read", self.image, "g"), b"text")
        self.assertEqual(self.good("read", self.image, "f"), b"text")

    def test_hostile_names(self):
        self.format()
        data = Image(self.image)
        for i, name in enumerate((b"../out", b"/etc/x", b"..", b"a\x1b[2Jb", b"good", b"good")):
            data.put(4096 + 64 * i, struct.pack("<32sQQQ8x", name, 1 + i, 1, 4))
        done = self.run_it("export", self.image, self.path("folder"))
        self.assertEqual(done.returncode, 1)
        self.assertNotIn(b"\x1b", done.stderr + self.run_it("list", self.image).stdout)
        self.assertEqual(os.listdir(self.path("folder")), ["good"])
        self.good("check", "--repair", self.image)
        self.good("export", self.image, self.path("all"))
        self.assertEqual(len(os.listdir(self.path("all"))), 6)
        self.assertEqual(sorted(os.listdir(self.folder)), ["all", "disk.img", "folder"])

    def test_first_block(self):
        self.format()
        self.good("write", self.image, "f", stdin=b"text")
        Image(self.image).put(0, b"\xff" * 34 * 512)  # what a new GPT overwrites
        self.bad("copy of its start", "list", self.image)
        self.bad("damage", "check", self.image)
        self.good("check", "--repair", self.image)
        self.assertEqual(self.good("read", self.image, "f"), b"text")

    def test_shrunk(self):
        self.format()
        self.good("create", self.image, "low", "4M")
        self.good("create", self.image, "high", "50M")
        os.truncate(self.image, 34 * MIB)
        self.bad("damage", "check", self.image)
        self.good("check", "--repair", self.image)
        self.assertIn(b"low", self.good("list", self.image))
        os.truncate(self.image, 1000)
        self.bad("too small", "list", self.image)

    def test_cut(self):
        """Of a file that the disk has no longer all of, what there is is copied, and that is told."""
        self.format()
        self.good("write", self.image, "low", stdin=b"text")
        with open(self.path("large"), "wb") as file:
            file.truncate(20 * MIB)
            file.write(b"begin")
        self.good("write", self.image, "high", self.path("large"))
        os.truncate(self.image, Image(self.image).list()["high"][0] * BLOCK + 9 * MIB)
        part = 8 * MIB  # whole blocks
        for words in (("read", self.image, "high", self.path("out")), ("export", self.image, self.path("all"))):
            done = self.run_it(*words)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(f"high: only {part} of its {20 * MIB} bytes".encode(), done.stderr)
        for name in ("out", "all/high"):
            with open(self.path(name), "rb") as file:
                self.assertEqual(file.read(), b"begin".ljust(part, b"\0"))
        self.assertEqual(self.run_it("read", self.image, "low").returncode, 0)
        os.truncate(self.image, Image(self.image).list()["high"][0] * BLOCK)
        done = self.run_it("export", self.image, self.path("rest"))
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(b"high is left out: it lies outside of the disk", done.stderr)

    def test_random_bytes(self):
        numbers = random.Random(3)
        for round_ in range(20):
            head = bytearray(numbers.randbytes(8192))
            if round_ % 2:
                head[1024:1040] = b"BMFS" + bytes(12)
            with open(self.image, "wb") as file:
                file.truncate(40 * MIB)
                file.write(head)
            done = self.run_it("check", self.image)
            self.assertIn(done.returncode, (0, 1))
            if round_ % 2:
                self.good("check", "--repair", self.image)
                self.good("create", self.image, "new")
            else:
                self.assertIn(b"no BMFS", done.stderr)


class Exchange(Case):
    """What we write others read, and the other way round."""

    def test_ours(self):
        numbers = random.Random(4)
        self.format("128M")
        files = {}
        for round_ in range(60):
            name = f"n{numbers.randrange(12)}"
            if name in files and numbers.randrange(3) == 0:
                self.good("delete", self.image, name)
                del files[name]
            else:
                files[name] = numbers.randbytes(numbers.randrange(3 * MIB))
                self.good("write", self.image, name, stdin=files[name])
        other = Image(self.image)
        self.assertEqual(sorted(other.list()), sorted(files))
        for name, data in files.items():
            self.assertEqual(other.read(name), data)
        self.assertEqual(other.at(other.blocks() * BLOCK - BLOCK, 8192), other.at(0, 8192))

    def test_theirs(self):
        numbers = random.Random(5)
        other = Image(self.image)
        other.format(128 * MIB)
        files = {}
        for round_ in range(40):
            name = f"n{numbers.randrange(12)}"
            if round_ % 2 and files:
                name = numbers.choice(sorted(files))
            if name in files and numbers.randrange(2):
                (other.delete if round_ % 4 else lambda n: self.good("delete", self.image, n))(name)
                del files[name]
            else:
                data = numbers.randbytes(numbers.randrange(3 * MIB))
                if name in files or round_ % 3:  # ours and theirs take turns
                    self.good("write", self.image, name, stdin=data)
                else:
                    other.create(name, 4)
                    other.write(name, data)
                files[name] = data
            self.good("check", "-q", self.image)
        self.assertEqual(sorted(other.list()), sorted(files))
        for name, data in files.items():
            self.assertEqual(other.read(name), data)
            self.assertEqual(self.good("read", self.image, name), data)

    def test_zero_copy_is_a_note(self):
        Image(self.image).format(64 * MIB)
        text = self.good("check", self.image).decode()
        self.assertIn("note: the last block is empty: other tools leave it so", text)


class Partitions(Case):
    def disk(self, *entries):
        """An MBR with (type, first sector, sectors)."""
        with open(self.image, "wb") as file:
            file.truncate(256 * MIB)
            file.seek(446)
            for kind, first, count in entries:
                file.write(struct.pack("<B3xB3xII", 0, kind, first, count))
            file.seek(510)
            file.write(b"\x55\xaa")

    def test_mbr(self):
        self.disk((0x83, 2048, 65536), (0x7f, 131072, 131072))
        self.bad("no BMFS file system", "list", self.image)
        self.good("format", "-q", self.image)
        self.good("write", self.image, "f", stdin=b"text")
        self.assertEqual(Image(self.image, 131072 * 512).read("f"), b"text")
        self.assertIn(b"1 file; 58 MiB of 60 MiB", self.good("list", self.image))
        self.assertEqual(self.good("read", "--partition", "2", self.image, "f"), b"text")
        self.assertEqual(self.good("read", "--offset", "64M", self.image, "f"), b"text")
        self.bad("no BMFS partition of number 1", "list", "--partition", "1", self.image)
        self.bad("no place", "list", "--offset", "100", self.image)
        self.bad("no place", "list", "--offset", "1T", self.image)

    def test_several(self):
        self.disk((0x7f, 65536, 65536), (0x7f, 131072, 131072))
        self.bad("2 BMFS partitions", "list", self.image)
        self.good("format", "-q", "--partition", "2", self.image)
        self.good("create", "--partition", "2", self.image, "f")

    def test_others(self):
        self.disk((0x83, 2048, 65536))
        self.bad("none is for BMFS", "format", self.image)
        self.bad("no BMFS", "list", self.image)
        self.good("format", "-q", "-f", self.image)
        self.good("list", self.image)

    def test_gpt(self):
        first, last = 131072, 131072 + 131071
        with open(self.image, "wb") as file:
            file.truncate(256 * MIB)
        entries = (GPT_TYPE + b"\1" * 16 + struct.pack("<QQ", first, last)).ljust(128, b"\0").ljust(128 * 128, b"\0")
        head = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, 524287, 34, 524254,
                           b"\2" * 16, 2, 128, 128, zlib.crc32(entries))
        head = head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]
        mbr = bytes(446) + struct.pack("<B3xB3xII", 0, 0xee, 1, 524287) + bytes(48) + b"\x55\xaa"
        with open(self.image, "r+b") as file:
            file.write(mbr + head.ljust(512, b"\0") + entries)
        self.good("format", "-q", self.image)
        self.good("write", self.image, "f", stdin=b"text")
        self.assertEqual(Image(self.image, first * 512).read("f"), b"text")
        with open(self.image, "rb") as file:
            self.assertEqual(file.read(512), mbr)  # nothing but the partition is written


if __name__ == "__main__":
    unittest.main(verbosity=2)
