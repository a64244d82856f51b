#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Loaders and configurations that are not our own: an elf image under GRUB's multiboot2, a
hand-written grub.cfg with single modules, the kernel with an initrd; and the smallest machines."""

import os
import shutil

import support
from support import boot, counts, part, run, tool, wc


class Loaders(support.Case):
    def rescue(self, config, **files):
        """An ISO that grub-mkrescue makes of files and a grub.cfg."""
        os.makedirs(self.path("iso/boot/grub"))
        for name, source in files.items():
            shutil.copy(source, self.path("iso/boot", name))
        with open(self.path("iso/boot/grub/grub.cfg"), "w", encoding="ascii") as file:
            file.write("set timeout=0\n" + config + "boot\n")
        self.good(run("grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "--fonts=", "--locales=",
                      "--themes=", "--install-modules=normal multiboot2 boot iso9660", "-o",
                      self.path("own.iso"), self.path("iso")))
        return self.path("own.iso")

    def qemu(self, *arguments):
        """QEMU by hand, without what `baremetal run` knows; the status comes from isa-debug-exit."""
        status = self.path("status")
        done = run("timeout", "120", "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "64",
                   "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
                   "-chardev", f"file,id=s,path={status}", "-device",
                   "isa-debugcon,iobase=0x504,chardev=s", "-device", "isa-debug-exit,iobase=0x501",
                   *arguments)
        with open(status, "rb") as file:
            return done.out, file.read()

    def test_elf_image_under_grub(self):
        root = os.path.join(os.environ["TEMPLATES"], "wordcount", "root")
        image = self.image("elf", part("WORDCOUNT"), "--root", root, "--args", "/poems")
        iso = self.rescue("multiboot2 /boot/all /notes /poems\n", all=image)
        output, status = self.qemu("-cdrom", iso)
        figures = {name: row for name, row in wc(root)[0].items() if name.count("/") > 1}
        self.assertEqual(counts(output)[0], figures)
        self.assertEqual(status, b"exit 0\n")

    def test_hand_written_configuration(self):
        self.write("root/file", b"one two\n")
        self.good(run("tar", "-C", self.path("root"), "-cf", self.path("files.tar"), "."))
        iso = self.rescue("multiboot2 /boot/kernel\nmodule2 /boot/files\nmodule2 /boot/app\n",
                          kernel=os.environ["BAREMETAL_KERNEL"], files=self.path("files.tar"),
                          app=part("WORDCOUNT"))
        output, status = self.qemu("-cdrom", iso)
        self.assertEqual(counts(output), wc(self.path("root")))
        self.assertEqual(status, b"exit 0\n")

    def test_initrd(self):
        output, status = self.qemu("-kernel", os.environ["BAREMETAL_KERNEL"], "-initrd", part("GUEST"),
                                   "-append", "MARK=here show 'a b'")
        self.assertRegex(output, r"mark here\s+argument 1 \[show\]\s+argument 2 \[a b\]")
        self.assertEqual(status, b"exit 42\n")

    def test_smallest_machines(self):
        """hello in 2 MiB as elf, in 4 MiB from a BIOS ISO."""
        for form, memory in (("elf", "2M"), ("iso", "4M")):
            with self.subTest(form=form):
                done = boot("--memory", memory, self.image(form, part("HELLO")))
                self.assertIn("Hello", self.good(done).out)

    def test_every_size(self):
        """GRUB reads beyond a file's end: wherever the last file of an ISO ends, all of it arrives."""
        for number in range(18):
            with self.subTest(sectors=number):
                self.write("root/file", b"x" * (2048 * number + 1))
                image = self.image("iso", part("WORDCOUNT"), "--bios-only", "--root", self.path("root"))
                self.assertEqual(counts(self.good(boot("--machine", "pc", image)).out),
                                 wc(self.path("root")))

    def test_usb_stick(self):
        """The ISO and the disk image boot from USB storage too."""
        for form in ("iso", "disk"):
            with self.subTest(form=form):
                image = self.image(form)
                output, status = self.qemu(
                    "-M", "q35", "-blockdev", f"driver=file,node-name=f,filename={image},read-only=on",
                    "-device", "qemu-xhci", "-device", "usb-storage,drive=f")
                self.assertIn("mark none", output)
                self.assertEqual(status, b"exit 42\n")

    def test_other_tools_read_the_images(self):
        iso = self.image("iso")
        listing = self.good(run("xorriso", "-indev", iso, "-find", "/", "-exec", "echo")).out
        for name in ("/boot/kernel.elf", "/boot/bundle", "/boot/grub/grub.cfg"):
            self.assertIn(name, listing)
        disk = self.image("disk")
        listing = self.good(run("mdir", "-/", "-b", "-i", disk + "@@1048576", "::")).out
        for name in ("::/boot/kernel.elf", "::/boot/bundle", "::/EFI/BOOT/BOOTX64.EFI"):
            self.assertIn(name, listing)
        self.good(tool("info", disk))


if __name__ == "__main__":
    support.main()
