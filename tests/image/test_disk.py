#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks for a program's files: `baremetal disk create`, `run --disk`, and the data partition of a disk image."""

import os
import re
import struct
import subprocess

import support
from support import boot, part, run, tool

BMFS = os.environ["BAREMETAL_BMFS"]
MIB = 1 << 20


class Disks(support.Case):
    def bmfs(self, *words):
        return self.good(run(BMFS, *words)).out

    def files(self, image, *place):
        text = self.bmfs("list", "-q", *place, image)
        return {name: int(size) for size, name in re.findall(r"(?m)^ +(\d+) +\d+ +\d+  (.*)$", text)}

    def test_create(self):
        self.write("in/one", b"1")
        self.write("in/two", b"22")
        image = self.path("a,b.img")
        done = self.good(tool("disk", "create", "64M", image, "--from", self.path("in")))
        self.assertIn("2 files; 56 MiB of 60 MiB free", done.out)
        self.assertEqual(self.files(image), {"one": 1, "two": 2})
        self.assertLess(os.stat(image).st_blocks * 512, MIB)
        self.problem(tool("disk", "create", "64M", image), "exists")
        # Complaints name the disk, not the file that it is made in.
        self.write("much/data", os.urandom(40 * MIB))
        for words, what in ((["1"], r"new\\n\.img: the disk is too small"),
                            (["32M", "--from", self.path("much")], "data: there is no room for it")):
            name = self.path("new\n.img")
            done = self.problem(tool("disk", "create", *words, name), "^baremetal: .*" + what)
            self.assertNotIn(".baremetal-", done.err)
            self.assertFalse(os.path.exists(name))
        self.assertEqual(self.files(image), {"one": 1, "two": 2})
        self.good(tool("disk", "create", "-q", "-f", "32M", image))
        self.assertEqual(os.path.getsize(image), 32 * MIB)
        # Run with it, twice: what was written stays.
        app = self.image("elf", part("STATE"))
        done = self.good(boot(app, "--disk", image))
        self.assertIn("create: done", done.out)
        self.assertEqual(self.files(image), {"made": 0})
        self.assertIn("file made: 0 bytes", self.good(boot(app, "--disk", image)).out)
        self.bmfs("delete", image, "made")
        self.assertIn("create: done", self.good(boot("--snapshot", app, "--disk", image)).out)
        self.assertEqual(self.files(image), {})
        self.assertIn("create: Read-only", self.good(boot(app, "--disk", image + ",readonly")).out)
        self.assertIn("create: Read-only", self.good(boot(app, "--disk", image + ",readonly=on")).out)
        # QEMU does not tell of it; nothing is written all the same.
        text = self.good(boot(app, "--disk", image + ",driver=nvme,readonly")).out
        self.assertNotIn("create: done", text)
        self.assertEqual(self.files(image), {})
        self.assertIn("create: done", self.good(boot("--snapshot", app, "--disk", image + ",readonly=off")).out)

    def test_several(self):
        app = self.image("elf", part("STATE"))
        for name in "ab":
            self.write(name + "/" + name, name.encode())
            self.good(tool("disk", "create", "-q", "32M", self.path(name + ".img"), "--from", self.path(name)))
        disks = ("--disk", self.path("a.img"), "--disk", self.path("b.img") + ",driver=virtio")
        for machine in ("microvm", "q35", "pc"):
            one = self.good(boot("--machine", machine, app, *disks)).out
            two = self.good(boot("--machine", machine, app, *disks, "--", "/disk1")).out
            self.assertEqual([re.search("file ([ab]):", text)[1] for text in (one, two)], ["a", "b"])

    def order(self, count, *words):
        """The files that the disks /disk0, /disk1, … of one machine have."""
        text = [self.good(boot(*words, "--snapshot", "--", f"/disk{i}")).out for i in range(count)]
        return "".join("".join(re.findall("file (.):", t)) or "-" for t in text)

    def disks(self, *drivers):
        """--disk for as many disks, each with a file that has the name of its letter."""
        words = []
        for name, driver in zip("abcd", drivers):
            self.write(f"{name}/{name}")
            self.good(tool("disk", "create", "-qf", "32M", self.path(name + ".img"), "--from", self.path(name)))
            words += ["--disk", self.path(name + ".img") + (f",driver={driver}" if driver else "")]
        return words

    def test_order(self):
        """Disks of different drivers keep the order of --disk, on each machine."""
        app = self.image("elf", part("STATE"))
        self.assertEqual(self.order(4, app, *self.disks("", "nvme", "virtio", "ahci")), "abcd")
        self.assertEqual(self.order(3, app, *self.disks("ahci", "nvme", "ahci")), "abc")
        self.assertEqual(self.order(3, "--machine", "q35", app, *self.disks("ahci", "", "ahci")), "abc")
        # ATA's controller is the first device of pc.
        self.assertEqual(self.order(3, app, *self.disks("nvme", "ata", "virtio")), "bac")

    def test_many(self):
        """As many as are promised, beside a network."""
        app = self.image("elf", part("STATE"))
        iso = self.image("iso", part("STATE"))
        self.good(tool("disk", "create", "-q", "32M", self.path("d.img")))
        disk = self.path("d.img") + ",readonly"
        for image, machine, count in ((app, "microvm", 23), (app, "microvm", 28), (iso, "q35", 28), (iso, "pc", 28)):
            words = [word for i in range(count) for word in ("--disk", disk)]
            done = self.good(boot("--machine", machine, "--net", "user", image, *words, "--", f"/disk{count - 1}"))
            self.assertIn("open: done", done.out)
        words = [word for i in range(30) for word in ("--disk", self.path("d.img") + ",driver=ahci")]
        self.assertIn("open: done", self.good(boot("--snapshot", app, *words, "--", "/disk29")).out)

    def test_medium(self):
        """pc's ATA controller has room for a boot medium and three disks."""
        for form, shown in (("iso", "abc-"), ("disk", "-abc")):
            image = self.image(form, part("STATE"))
            words = ("--machine", "pc", image, *self.disks("ata", "ata", "ata"))
            self.assertEqual(self.order(4, *words), shown)
            self.problem(boot(*words, *words[-2:]), "room for four", status=125)

    def test_drivers(self):
        """Each driver's name becomes QEMU's device; whether ours is in the kernel is told elsewhere."""
        self.good(tool("disk", "create", "-q", "32M", self.path("d.img")))
        app = self.image("elf", part("STATE"))
        for driver, device in (("nvme", "nvme,"), ("ahci", "ide-hd,drive=disk0,bus=sata0.0"),
                               ("ata", "ide-hd,drive=disk0,bus=ide.0"), ("virtio", "virtio-blk-device")):
            done = self.good(boot("-v", app, "--disk", f"{self.path('d.img')},driver={driver}"))
            self.assertIn(device, done.err)

    def test_refusals(self):
        app, disk = self.image("elf"), self.path("d.img")
        self.good(tool("disk", "create", "-q", "32M", disk))
        self.problem(boot(app, "--disk", self.path("none")), "does not exist", "disk create 64M", status=125)
        self.problem(boot(app, "--disk", disk + ",driver=scsi"), "no driver scsi", status=125)
        self.problem(boot(app, "--machine", "q35", "--disk", disk + ",driver=ata"), "no ATA", status=125)
        many = [word for i in range(5) for word in ("--disk", disk + ",driver=ata")]
        self.problem(boot(app, *many), "room for four", status=125)
        for machine, driver in (("microvm", "virtio"), ("microvm", "nvme"), ("q35", "virtio"), ("pc", "nvme")):
            many = [word for i in range(29) for word in ("--disk", f"{disk},driver={driver},readonly")]
            self.problem(boot("--machine", machine, app, *many), "room for 28 disks", "driver=ahci", status=125)
        for driver in ("ahci", "ata"):
            for words in (f",readonly,driver={driver}", f",driver={driver},readonly=on"):
                self.problem(boot(app, "--disk", disk + words), f"no {driver} disk that is read-only", "virtio",
                             status=125)
        self.problem(tool("disk", "create", "1M", self.path("small")), "too small for BMFS")
        self.problem(tool("disk", "create", "many", self.path("small")), "not a size")
        self.problem(tool("disk", "create", "64M", self.path("no", "where")), "does not exist")
        self.problem(tool("disk", "create", "64M", self.path("x"), "--from", self.path("none")), "no folder")
        self.write("deep/folder/file", b"")
        self.problem(tool("disk", "create", "64M", self.path("x"), "--from", self.path("deep")), "is a folder",
                     "tar")
        self.write("long/" + "n" * 40, b"")
        self.problem(tool("disk", "create", "64M", self.path("x"), "--from", self.path("long")), "not a name")
        self.assertFalse(os.path.exists(self.path("x")))
        self.problem(tool("image", "-f", "iso", "--data", "64M", part("STATE")), "no data partition")
        self.problem(tool("image", "-f", "disk", "--data", "1M", part("STATE")), "at least 32 MiB")
        self.problem(tool("image", "-f", "disk", "--data", "3T", part("STATE")), "2 TiB")
        self.problem(tool("image", "-f", "disk", "--data", "0", "--data-from", self.folder, part("STATE")), "no place")
        self.assertEqual([n for n in os.listdir(self.folder) if n.startswith(".")], [])

    def test_data_partition(self):
        """One disk boots and keeps data."""
        self.write("in/theirs", b"text")
        image = self.image("disk", part("STATE"), "--data", "40M", "--data-from", self.path("in"))
        self.assertEqual(self.files(image), {"theirs": 4})
        with open(image, "rb") as file:
            table = file.read(512)[446:510]
        first, second = (struct.unpack_from("<4xB3xII", table, at) for at in (0, 16))
        self.assertEqual((first[0], second[0]), (0xef, 0x7f))
        self.assertEqual((second[1], second[2]), (first[1] + first[2], 40 * MIB // 512))
        self.assertEqual(os.path.getsize(image), (second[1] + second[2]) * 512)
        self.assertLess(os.stat(image).st_blocks * 512, 8 * MIB)
        self.assertIn("disk image", self.good(tool("info", image)).out)
        for _ in range(2):
            done = subprocess.run(
                ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", "256M", "-nodefaults",
                 "-no-reboot", "-display", "none", "-serial", "stdio", "-vga", "std", "-drive",
                 f"if=none,id=d,format=raw,file={image}", "-device", "virtio-blk-pci,drive=d,bootindex=0"],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=200)
            text = done.stdout.decode("ascii", "replace")
            self.assertIn("file theirs: 4 bytes", text)
            self.assertIn("create: done", text)
        self.assertEqual(self.files(image), {"theirs": 4, "made": 1})
        self.bmfs("check", image)
        # And without: as small as before.
        plain = self.image("disk", part("STATE"), "--data", "0", name="plain.img")
        self.assertEqual(os.path.getsize(plain), (first[1] + first[2]) * 512)
        default = self.image("disk", part("STATE"), name="default.img")
        self.assertEqual(os.path.getsize(default) - os.path.getsize(plain), 64 * MIB)
        self.assertEqual(self.files(default), {})


if __name__ == "__main__":
    support.main()
