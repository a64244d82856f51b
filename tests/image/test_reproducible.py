#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same input gives the same bytes, and images are as small as promised."""

import os
import shutil
import time

import support
from support import part, tool

MIB = 1 << 20


class Reproducible(support.Case):
    def content(self, path):
        with open(path, "rb") as file:
            return file.read()

    def test_same_bytes(self):
        """Made twice, at other times, in other folders, with other rights, from a copy."""
        self.write("a/root/one", b"text\n")
        self.write("a/root/sub/two", b"more\n")
        for folder, _, files in os.walk(self.path("a")):
            for name in files:
                os.utime(os.path.join(folder, name), (1e9, 1e9))
        shutil.copytree(self.path("a"), self.path("b c/d"))
        os.chmod(self.path("b c/d/root/one"), 0o664)
        for form in ("elf", "iso", "disk"):
            with self.subTest(form=form):
                made = []
                for folder, zone in (("a", "UTC"), ("b c/d", "Pacific/Apia")):
                    output = self.path(folder, "image")
                    os.makedirs(self.path(folder, "tmp"), exist_ok=True)
                    self.good(tool("image", "-f", form, "-o", output, "--root",
                                   self.path(folder, "root"), "--args", "a b", part("GUEST"),
                                   env={"TZ": zone, "TMPDIR": self.path(folder, "tmp")}))
                    made.append(self.content(output))
                    time.sleep(2.1)  # FAT keeps times in steps of two seconds
                self.assertTrue(made[0] == made[1], "the bytes differ")

    def test_source_date_epoch(self):
        self.write("root/file", b"text\n")
        for form in ("elf", "iso", "disk"):
            with self.subTest(form=form):
                made = []
                for epoch, mtime in (("1000000000", 1.5e9), ("1000000000", 1.6e9), ("1100000000", 1.6e9)):
                    os.utime(self.path("root/file"), (mtime, mtime))
                    output = self.path("image")
                    self.good(tool("image", "-f", form, "-o", output, "--root", self.path("root"),
                                   part("GUEST"), env={"SOURCE_DATE_EPOCH": epoch}))
                    made.append(self.content(output))
                self.assertTrue(made[0] == made[1], "the bytes differ")
                self.assertFalse(made[0] == made[2], "SOURCE_DATE_EPOCH changes nothing")
        self.problem(tool("image", "-f", "elf", "-o", self.path("x"), "--root", self.path("root"),
                          part("GUEST"), env={"SOURCE_DATE_EPOCH": "yesterday"}), "SOURCE_DATE_EPOCH")

    def test_sizes(self):
        """hello: at most 1 MiB with BIOS alone, 5 MiB with UEFI too."""
        for limit, options in ((MIB, ["--bios-only"]), (5 * MIB, []), (5 * MIB, ["--uefi-only"])):
            with self.subTest(options=options):
                size = os.path.getsize(self.image("iso", part("HELLO"), *options))
                print(f"hello ISO {' '.join(options)}: {size} bytes")
                self.assertLessEqual(size, limit)

    def test_grows_with_its_files(self):
        self.write("root/large", os.urandom(4 * MIB))
        for form in ("elf", "iso", "disk"):
            small = os.path.getsize(self.image(form))
            large = os.path.getsize(self.image(form, None, "--root", self.path("root")))
            self.assertLess(large - small, 5 * MIB)


if __name__ == "__main__":
    support.main()
