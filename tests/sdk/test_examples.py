#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The examples, copied out of the tree and built by their own meson.build against an installed SDK."""

import os
import shutil

import sdk_support
import support

EXAMPLES = os.path.join(os.environ["SOURCE"], "examples")
# What each is started with, what it must print, and its status if not 0.
RUNS = {
    "01-stream": ("100000", r"(?m)^0 elements of 100000 are wrong$"),
    "02-nbody": ("50 3", r"(?m)^50 bodies, 3 steps: one core .* times as fast$"),
    "04-lspci": ("-v", r"(?m)^\d+ PCI functions, \d+ block devices$"),
    "05-diskbench": ("", r"(?m)^there is no such disk; ", 1),  # with one: below
    "06-blockcopy": ("", r"(?m)^usage: blockcopy FROM TO"),  # with two: tests/boot/examples
    "07-minip": ("", r"(?m)^there is no network device", 1),  # with one: tests/boot/examples
    "03-raytracer": ("64 48", r"(?m)^64 x 48 pixels, checksum [0-9a-f]{16}$"),
}


class Examples(sdk_support.Installed):
    def test_all(self):
        names = sorted(n for n in os.listdir(EXAMPLES) if os.path.isdir(os.path.join(EXAMPLES, n)))
        self.assertEqual(names, sorted(RUNS))
        for name in names:
            with self.subTest(name):
                folder = self.path(name)
                shutil.copytree(os.path.join(EXAMPLES, name), folder)
                self.assertTrue(os.path.isfile(os.path.join(folder, "README.md")))
                words, expected, *status = RUNS[name]
                done = self.sh_any(f"baremetal run --accel tcg --cores 2 -- {words}", cwd=folder)
                self.good(done, *status)
                self.assertRegex(done.out, expected)
                if name == "05-diskbench":
                    self.run_with_disks(folder)

    def run_with_disks(self, folder):
        with open(self.path("disk.img"), "wb") as file:
            file.truncate(16 << 20)
        for driver in ("virtio", "nvme", "ahci", "ata"):
            done = self.good(self.sh_any(f"baremetal run --accel tcg --disk '{self.path('disk.img')},driver={driver}' "
                                         "-- size=4 write", cwd=folder))
            self.assertRegex(done.out, r"(?m)^1 MiB reads, 4 at a time +\d+ /s")
            self.assertRegex(done.out, r"(?m)^1 MiB writes, 4 at a time +\d+ /s")


if __name__ == "__main__":
    support.main()
