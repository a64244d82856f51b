#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files with hostile names and kinds in --root: they arrive, with the figures of wc."""

import os
import random
import socket
import sys
import tarfile

import support
from support import boot, counts, part, tool, wc

NAMES = [
    b"plain", b"two words", b" leading and trailing ", b"it's", b'say "so"', b"new\nline",
    b"\nfirst", b"tab\there", b"back\\slash", b"-dash", b"--help", b"*", b"?", b"$HOME", b"`id`",
    b"semi;colon", b"a,b", b"a=b", b"100%", b"#", b"\x01\x1b[31m", b"\x7f",
    "übung".encode(), "日本語".encode(), "e\u0301".encode(), b"latin-1 \xfc", b"\xff\xfe", b"\xc3",
    b"n" * 255, b"..hidden", b"...", b".profile", b"CON", b"pax", b"17 path=fooled",
    b"deep/" + b"/".join(b"folder %d" % i for i in range(30)) + b"/file",
    b"d" * 100 + b"/" + b"e" * 99, b"d" * 99 + b"/" + b"f" * 200,
    b"ustar/" + b"g" * 154 + b"/" + b"h" * 100, b"folder with \xff/and \n in it/x",
]


class Names(support.Case):
    def fill(self):
        chance = random.Random(1)
        for number, name in enumerate(NAMES):
            words = [b"word", b" ", b"\n", b"\t", b"\xe9", b"\0", b"x\x80y", b"\r", b"\v"]
            self.write(b"root/" + name, b"".join(chance.choices(words, k=number * 37)))
        return self.path("root")

    def test_all_arrive(self):
        root = self.fill()
        for form in ("elf", "iso"):
            with self.subTest(form=form):
                image = self.image(form, part("WORDCOUNT"), "--root", root)
                done = self.good(boot(image))
                self.assertEqual(counts(done.out), wc(root))

    def test_names_of_the_folders_and_of_the_image(self):
        for name in (b"a,b 'c' \"d\" $e \\f", "ü\n%1".encode(), b"\xff", b"json:x"):
            with self.subTest(name=name):
                self.write(name + b"/root/file", b"one two\n")
                root = self.path(os.fsdecode(name), "root")
                for form in ("elf", "iso", "disk"):
                    image = self.path(os.fsdecode(name), "image." + form)
                    self.good(tool("image", "-q", "-f", form, "-o", image, "--root", root,
                                   part("WORDCOUNT")))
                    self.assertEqual(counts(self.good(boot(image)).out), wc(root))

    def test_image_whose_name_begins_with_a_dash(self):
        self.good(tool("image", "-q", "-f", "elf", "--output=-x.elf", part("GUEST"), cwd=self.folder))
        self.assertTrue(os.path.exists(self.path("-x.elf")))

    def test_other_kinds(self):
        self.write("root/file", b"one two\n")
        os.mkfifo(self.path("root/pipe"))
        with socket.socket(socket.AF_UNIX) as sock:
            os.chdir(self.path("root"))
            sock.bind("socket")
            os.chdir("/")
        os.symlink("file", self.path("root/link"))
        os.symlink("nowhere", self.path("root/dangling"))
        os.symlink("..", self.path("root/outside"))
        os.symlink(".", self.path("root/loop"))
        with open(self.path("root/sparse"), "wb") as file:
            file.truncate(3 << 20)
        image = self.path("x.elf")
        done = self.good(tool("image", "-q", "-f", "elf", "-o", image, "--root", self.path("root"),
                              part("WORDCOUNT")))
        for name in ("pipe", "socket"):
            self.assertRegex(done.err, rf"left out: .*{name} ")
        self.assertRegex(done.err, r"dangling is a link that leads nowhere")
        self.assertNotRegex(done.err, r"(loop|outside|/link) ")
        self.assertEqual(counts(self.good(boot(image)).out), wc(self.path("root")))

    def test_place_of_a_disk(self):
        """A folder that a disk will lie over is taken, and told of."""
        self.write("root/disk0/file", b"one two\n")
        self.write("root/disks/file", b"one two\n")
        image = self.path("x.elf")
        done = self.good(tool("image", "-q", "-f", "elf", "-o", image, "--root", self.path("root"), part("WORDCOUNT")))
        self.assertRegex(done.err, r"disk0 is hidden from a guest that has a disk")
        self.assertNotIn("disks", done.err)
        self.assertEqual(counts(self.good(boot(image)).out), wc(self.path("root")))

    def test_unreadable_file(self):
        self.write("root/secret", b"x")
        os.chmod(self.path("root/secret"), 0)
        if os.access(self.path("root/secret"), os.R_OK):
            self.skipTest("root reads everything")
        self.problem(tool("image", "-f", "elf", "-o", self.path("x.elf"), "--root",
                          self.path("root"), part("GUEST")), "secret may not be accessed")

    def test_archive_is_standard(self):
        """Another reader of pax archives sees the same names, contents and kinds."""
        root = self.fill()
        sys.path.insert(0, os.environ["TOOL_PACKAGE"])
        from baremetal_tool import bundle
        self.write("archive.tar", bundle.archive(root))
        self.good(support.run("tar", "-xf", self.path("archive.tar"), "-C",
                              os.path.dirname(self.write("out/.x"))))
        os.remove(self.path("out/.x"))
        self.good(support.run("diff", "-r", root, self.path("out")))
        with tarfile.open(self.path("archive.tar")) as tar:
            for entry in tar:
                self.assertEqual((entry.uid, entry.gid, entry.uname, entry.mode & 0o222),
                                 (0, 0, "", 0))


if __name__ == "__main__":
    support.main()
