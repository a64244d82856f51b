#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot an image of one form through one firmware: test_boot.py FORM FIRMWARE.

Arguments of the image and of the run, the environment, the files of --root, the exit status and all
cores must arrive.
"""

import os
import sys

import support
from support import boot, counts, part, tool, wc

FORM, FIRMWARE = sys.argv.pop(1), sys.argv.pop(1)
OPTIONS = {
    "bios": [],
    "microvm": [],
    "pc": ["--machine", "pc"],
    "q35": ["--machine", "q35"],
    "uefi": ["--uefi"],
}[FIRMWARE]


class Boot(support.Case):
    def test_own_arguments(self):
        image = self.image(FORM, None, "--args", "MARK=inside show 'two words' \"it's\"")
        done = self.good(boot(*OPTIONS, "--cores", "3", image), 42)
        self.assertRegex(done.out, r"(?m)cores 3$")  # behind escape sequences of the firmware
        self.assertRegex(done.out, r"(?m)mark inside$")
        self.assertIn("argument 1 [show]\nargument 2 [two words]\nargument 3 [it's]\n", done.out)
        self.assertNotIn("argument 4", done.out)

    def test_arguments_of_the_run(self):
        image = self.image(FORM, None, "--args", "show from the image")
        words = ["show", "two words", "it's", 'say "so"', "back\\slash", "$HOME", "*", "a;b", "#x",
                 "x=y", "{1}", "(2)", "<3>", "tab\tand space", "new\nline and space", "ü", "--", "-v"]
        done = self.good(boot(*OPTIONS, image, "--", *words), 42)
        for number, word in enumerate(words, 1):
            self.assertIn(f"argument {number} [{word}]\n", done.out)
        self.assertNotIn(f"argument {len(words) + 1} ", done.out)
        self.assertNotIn("from", done.out.split("mark ")[1])

    def test_files(self):
        root = os.path.join(os.environ["TEMPLATES"], "wordcount", "root")
        image = self.image(FORM, part("WORDCOUNT"), "--root", root)
        done = self.good(boot(*OPTIONS, image))
        self.assertEqual(counts(done.out), wc(root))
        listing = self.good(tool("info", image)).out
        self.assertRegex(listing, r"boot filesystem: .* 6 files in 3 folders")

    def test_own_tmp_and_dev(self):
        """Folders tmp/ and dev/ are seen as any other; but the guest's devices stay its own."""
        for name in ("root/tmp/a", "root/tmp/deep/er/b", "root/dev/c", "root/dev/sub/d", "root/e"):
            self.write(name, name.encode() + b"\nanother line\n")
        image = self.image(FORM, part("WORDCOUNT"), "--root", self.path("root"))
        done = self.good(boot(*OPTIONS, image))
        self.assertEqual(counts(done.out), wc(self.path("root")))
        self.assertEqual(len(counts(done.out)[0]), 5)

    def test_empty_folder(self):
        os.mkdir(self.path("root"))
        image = self.image(FORM, part("WORDCOUNT"), "--root", self.path("root"))
        done = self.good(boot(*OPTIONS, image))
        self.assertEqual(counts(done.out), ({}, (0, 0, 0)))

    def test_names_of_the_guests_own(self):
        self.write("root/dev/null", b"hidden\n")
        self.write("root/tmp", b"hidden\n")
        self.write("root/seen", b"seen\n")
        path = self.path("image")
        done = self.good(tool("image", "-f", FORM, "-o", path, "--root", self.path("root"),
                              part("WORDCOUNT")))
        for name in ("dev/null", "tmp"):
            self.assertRegex(done.err, f"left out: .*/{name} .the guest has a (device|folder) of")
        done = self.good(boot(*OPTIONS, path))
        self.assertEqual(list(counts(done.out)[0]), ["/seen"])


if __name__ == "__main__":
    support.main()
