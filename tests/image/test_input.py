#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `baremetal` is given: wrong applications, kernels, words and options each get a sentence;
and missing host programs name the Debian package."""

import os
import random
import shutil
import struct
import sys

import support
from support import part, run, tool


class Applications(support.Case):
    def refused(self, data, pattern):
        app = self.write("app", data)
        for command in (["image", "-f", "elf", "-o", self.path("x"), app], ["info", app]):
            self.problem(tool(*command), pattern)
        self.problem(tool("run", app), pattern, status=125)
        self.assertFalse(os.path.exists(self.path("x")))

    def guest(self):
        with open(part("GUEST"), "rb") as file:
            return bytearray(file.read())

    def test_program_of_the_host(self):
        with open("/bin/true", "rb") as file:
            self.refused(file.read(), "program for this host")

    def test_other_kinds_of_elf(self):
        for offset, patch, pattern in ((4, b"\1", "not a 64-bit"), (18, b"\xb7", "another processor"),
                                       (16, b"\2", "not position-independent")):
            data = self.guest()
            data[offset:offset + 1] = patch
            self.refused(bytes(data), pattern)

    def test_without_note(self):
        data = self.guest().replace(b"BareMetal\0", b"BearMetal\0")
        self.refused(bytes(data), "no BareMetal note")

    def test_not_elf(self):
        self.refused(b"#!/bin/sh\nexit 0\n", "neither an image nor an application|not an ELF")
        self.refused(b"", "neither an image nor an application|not an ELF")

    def test_truncated(self):
        data = self.guest()
        for size in (4, 16, 63, 64, 100, len(data) // 4):
            with self.subTest(size=size):
                self.refused(bytes(data[:size]), "not a 64-bit|damaged|no BareMetal note")

    def test_no_file(self):
        """Devices and pipes are not read: they may have no end."""
        os.mkfifo(self.path("pipe"))
        for path in ("/dev/zero", self.path("pipe")):
            for command in (["image", "-f", "elf", path], ["image", "-f", "elf", "--no-check", path],
                            ["image", "-f", "elf", "--kernel", path, part("GUEST")], ["info", path]):
                self.problem(tool(*command, seconds=20), "is a device or a pipe")
            self.problem(tool("run", path, seconds=20), "is a device or a pipe", status=125)

    def test_missing_and_folder(self):
        self.problem(tool("image", "-f", "elf", self.path("none")), "does not exist")
        self.problem(tool("image", self.folder), "is in no project")
        self.problem(tool("run", self.folder), "is in no project", status=125)

    def test_kernel_or_image_as_application(self):
        for path in (os.environ["BAREMETAL_KERNEL"], self.image("elf")):
            self.problem(tool("image", "-f", "elf", "-o", self.path("x"), path),
                         "is a kernel or an image")
        image = self.image("elf")
        for form in ("elf", "iso", "disk"):
            make = ("image", "-f", form, "-o", self.path("x"))
            self.problem(tool(*make, "--kernel", image, part("GUEST")), "holds a bundle already")
            for kernel in ("/bin/true", part("HELLO")):
                self.problem(tool(*make, "--kernel", kernel, part("GUEST")), "not a kernel of this SDK")
            self.problem(tool(*make, part("GUEST"), env={"BAREMETAL_KERNEL": "/bin/true"}), "not a kernel of this SDK")
            self.assertFalse(os.path.exists(self.path("x")))

    def test_too_large(self):
        """Nothing beyond 3 GiB can be loaded: by no form, and it is told before it is read."""
        self.write("root/small")
        with open(self.write("root/large"), "wb") as file:
            file.truncate(5 << 30)
        for form in ("elf", "iso", "disk"):
            self.problem(tool("image", "-f", form, "-o", self.path("x"), "--root", self.path("root"), part("GUEST"),
                              seconds=30), "too large: an image must fit below 3 GiB")

    def test_random_damage(self):
        """Whatever the bytes, there is an image or a sentence, never a traceback."""
        sys.path.insert(0, os.environ["TOOL_PACKAGE"])
        from baremetal_tool.elf import Elf
        from baremetal_tool.errors import Problem
        from baremetal_tool.symbols import symbols_module
        kernel = Elf(os.environ["BAREMETAL_KERNEL"])
        chance, data, sentences = random.Random(7), self.guest(), 0
        shoff = struct.unpack_from("<Q", data, 40)[0]
        for number in range(400):
            broken = bytearray(data)
            for _ in range(chance.randrange(1, 5)):
                place = chance.choice((chance.randrange(64), chance.randrange(600),
                                       min(shoff + chance.randrange(3000), len(data) - 1)))
                broken[place] = chance.randrange(256)
            if number % 4 == 0:
                del broken[chance.randrange(len(broken)):]
            path = self.write("app", bytes(broken))
            try:
                app = Elf(path)
                app.check_app()
                self.assertLessEqual(len(app.stripped()), len(broken))
                symbols_module(kernel, app)
            except Problem:
                sentences += 1
        self.assertGreater(sentences, 50)


class Words(support.Case):
    def test_open_quote(self):
        self.problem(tool("image", "-f", "elf", "-o", self.path("x"), "--args", "a 'b", part("GUEST")),
                     "--args: no closing quotation", status=2)

    def test_too_many(self):
        self.problem(tool("image", "-f", "elf", "-o", self.path("x"), "--args", "x" * 4000,
                          part("GUEST")), "4000 bytes long; 3072 fit")
        image = self.image("iso")
        self.problem(tool("run", image, "--", "x" * 9000), "the kernel takes 4,095", status=2)

    def test_longer_than_the_kernel_takes(self):
        """QEMU's loader on q35 never comes to the kernel with 30,000 bytes; 4,095 arrive."""
        elf = self.image("elf")
        for machine in ("q35", "microvm"):
            for size in (4096 - len("-- "), 30000, 100000):
                self.problem(tool("run", "--timeout", "20", "--machine", machine, elf, "--", "x" * size),
                             "bytes long; the kernel takes 4,095", status=2)
        word = "x" * (4095 - len("-- show "))
        self.assertIn(word, self.good(support.boot("--machine", "q35", elf, "--", "show", word), 42).out)

    def test_more_words_than_the_kernel_takes(self):
        """The limits are the kernel's: what is refused here it would refuse, what is not it takes."""
        for line, what in ((" ".join("x" * 256), "256 arguments; the kernel takes 255"),
                           ("A=1 " * 65, "65 variables; the kernel takes 64"),
                           ("bm.log=info " * 33, "33 words for the kernel; the kernel takes 32")):
            self.problem(tool("image", "-f", "elf", "-o", self.path("x"), "--args", line,
                              part("GUEST")), what, status=2)
        self.problem(tool("run", part("GUEST"), "--", *"x" * 256), "256 arguments", status=2)
        image = self.image("elf", None, "--args",
                           "bm.log=info " * 32 + "A=1 " * 64 + "show " + "B=1 " * 254)
        self.assertIn("argument 255 [B=1]", self.good(support.boot(image), 42).out)

    def test_what_grub_cannot_pass(self):
        image = self.image("iso")
        for word in ("tab\there", "", "\n"):
            self.problem(tool("run", image, "--", word), "GRUB cannot pass it", status=125)

    def test_options(self):
        for arguments in ([], ["fly"], ["image", "-f", "tar", "x"], ["run", "--cores", "0"],
                          ["run", "--timeout", "-1"], ["image", "--bios-only", "--uefi-only"],
                          ["run", "--time", "3"]):
            done = tool(*arguments)
            self.assertEqual(done.status, 2, str(done))
            self.assertIn("usage:", done.err)
        # An option that a command does not have is told with that command's usage.
        for arguments in (["run", "-x"], ["disk", "create", "-x", "1M", "x"], ["image", "--elf"], ["run", "a", "b"]):
            done = self.good(tool(*arguments), 2)
            command = " ".join(arguments[:2] if arguments[0] == "disk" else arguments[:1])
            self.assertTrue(done.err.startswith(f"usage: baremetal {command} "), str(done))
            self.assertIn(f"baremetal {command}: error: unrecognized arguments: ", done.err)
        self.assertTrue(tool("-x", "run").err.startswith("usage: baremetal [-h]"))
        self.problem(tool("run", "--memory", "much", part("GUEST")), "--memory", status=2)
        self.problem(tool("image", "-f", "elf", "--bios-only", part("GUEST")), "no boot loader", status=2)
        self.problem(tool("run", "--uefi", self.image("elf")), "UEFI", status=2)
        self.problem(tool("run", "--root", self.folder, self.image("elf")), "already", status=2)

    def test_empty_words(self):
        for arguments, what in ((["run", ""], "IMAGE|APP|PROJECT"), (["run", "--root", "", part("GUEST")], "--root"),
                                (["image", ""], "APP|PROJECT"), (["image", "--kernel", "", part("GUEST")], "--kernel"),
                                (["build", "-C", ""], "-C"), (["info", ""], "FILE")):
            done = self.good(tool(*arguments), 2)
            self.assertIn(f"argument {what}: the name is empty", done.err)
        self.problem(tool("run", "--memory", "", part("GUEST")), "--memory: an empty word is not an amount", status=2)
        self.problem(tool("run", "--net", "", part("GUEST")), "--net: there is no network without a name", status=2)
        self.problem(tool("run", "--disk", "", part("GUEST")), "--disk: the name is empty", status=125)
        self.problem(tool("image", "-f", "disk", "--data", "", part("GUEST")), "--data: an empty word is not a size")

    def test_output_names(self):
        self.problem(tool("image", "-o", "", part("GUEST")), "-o: the name is empty", status=2)
        self.problem(tool("image", "-o", self.path("none/deeper/x.iso"), part("GUEST")),
                     "the folder .*/none does not exist")

    def test_help(self):
        for command in ("new", "build", "image", "run", "debug", "info", "doctor", "env"):
            done = self.good(tool(command, "--help"))
            self.assertIn("usage: baremetal " + command, done.out)
        self.assertRegex(self.good(tool("--version")).out, r"^baremetal ")


PROGRAMS = ["env", "sh", "gcc", "ld", "pkg-config", "meson", "ninja", "qemu-system-x86_64",
            "grub-mkimage", "xorriso", "mformat", "mmd", "mcopy", "gdb", "clang", "make", "cmake"]


class MissingPrograms(support.Case):
    """With a PATH that lacks one program, the sentence names its package."""

    def path_without(self, *names):
        folder = self.path("bin")
        os.makedirs(folder)
        os.symlink(sys.executable, os.path.join(folder, "python3"))
        for name in PROGRAMS:
            if name not in names:
                os.symlink(shutil.which(name), os.path.join(folder, name))
        return {"PATH": folder}

    def image_fails(self, form, env, *patterns, options=()):
        self.problem(tool("image", "-f", form, "-o", self.path("x"), *options, part("GUEST"),
                          env=env), *patterns)
        self.assertFalse(os.path.exists(self.path("x")))

    def test_all_there(self):
        """The same PATH with nothing left out is enough."""
        env = self.path_without()
        for form in ("iso", "disk", "elf"):
            self.good(tool("image", "-f", form, "-o", self.path("x"), part("GUEST"), env=env))
        done = tool("doctor", env=env)
        self.assertNotRegex(done.out, r"(?m)^MISSING .*apt-get")

    def test_xorriso(self):
        self.image_fails("iso", self.path_without("xorriso"), "xorriso", "apt-get install xorriso")

    def test_grub_mkimage(self):
        env = self.path_without("grub-mkimage")
        for form in ("iso", "disk"):
            self.image_fails(form, env, "apt-get install grub-common")

    def test_mtools(self):
        env = self.path_without("mformat")
        for form in ("iso", "disk"):
            self.image_fails(form, env, "apt-get install mtools")
        self.good(tool("image", "-f", "iso", "--bios-only", "-o", self.path("y"), part("GUEST"), env=env))

    def test_qemu(self):
        self.problem(tool("run", part("GUEST"), env=self.path_without("qemu-system-x86_64")),
                     "apt-get install qemu-system-x86", status=125)

    def test_grub_platforms(self):
        os.makedirs(self.path("grub"))
        env = {"BAREMETAL_GRUB_DIR": self.path("grub")}
        os.symlink("/usr/lib/grub/i386-pc", self.path("grub/i386-pc"))
        self.image_fails("iso", env, "x86_64-efi", "grub-efi-amd64-bin, or give --bios-only")
        self.image_fails("disk", env, "grub-efi-amd64-bin", options=["--uefi-only"])
        self.good(tool("image", "-f", "iso", "--bios-only", "-o", self.path("y"), part("GUEST"), env=env))
        os.rename(self.path("grub/i386-pc"), self.path("grub/x86_64-efi"))
        os.remove(self.path("grub/x86_64-efi"))
        os.symlink("/usr/lib/grub/x86_64-efi", self.path("grub/x86_64-efi"))
        self.image_fails("iso", env, "i386-pc", "grub-pc-bin, or give --uefi-only")

    def test_display(self):
        """A QEMU without windows: the package is named; without a terminal there is no other way."""
        real = shutil.which("qemu-system-x86_64")
        fake = self.write("bin/qemu-system-x86_64", (
            f'#!/bin/sh\ncase "$*" in "-display help") printf "none\ncurses\n"; exit;; esac\n'
            f'exec {real} "$@"\n').encode())
        os.chmod(fake, 0o755)
        env = {"PATH": self.path("bin") + ":" + os.environ["PATH"]}
        for words in (["--display"], ["--display", "gtk"], ["--display", "sdl"]):
            self.problem(tool("run", part("GUEST"), *words, env=env), "no display of the kind",
                         "apt-get install qemu-system-gui", status=125)
        self.assertRegex(tool("doctor", env=env).out,
                         r"(?m)^missing  QEMU's window .*apt-get install qemu-system-gui$")

    def test_ovmf(self):
        os.makedirs(self.path("none"))
        self.problem(tool("run", "--uefi", self.image("iso"), env={"BAREMETAL_OVMF_DIR": self.path("none")}),
                     "apt-get install ovmf", status=125)

    def test_doctor(self):
        env = self.path_without("xorriso", "gdb")
        done = self.good(tool("doctor", env=env), 1)
        self.assertRegex(done.out, r"(?m)^MISSING  xorriso .*apt-get install xorriso$")
        self.assertRegex(done.out, r"(?m)^missing  gdb .*apt-get install gdb$")
        self.assertRegex(done.out, r"(?m)^ok       meson +\d")
        done = self.good(tool("doctor", "--install", env=env), 1)
        self.assertRegex(done.out,
                         r"^apt-get install --no-install-recommends gdb( qemu-system-gui)? xorriso\n$")

    def test_kernel(self):
        self.problem(tool("image", "-f", "elf", "-o", self.path("x"), part("GUEST"),
                          env={"BAREMETAL_KERNEL": self.path("none")}), "kernel is missing")


class Setup(support.Case):
    def test_copy_of_the_tool(self):
        """The tool runs from a folder with a space in its name, and through a symbolic link."""
        shutil.copytree(os.environ["TOOL_PACKAGE"], self.path("a b/tools"))
        os.symlink(self.path("a b/tools/baremetal"), self.path("link"))
        for command in (self.path("a b/tools/baremetal"), self.path("link")):
            self.good(run(command, "--version"))


if __name__ == "__main__":
    support.main()
