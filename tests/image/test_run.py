#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`baremetal run`: the guest's end becomes the exit status, each kind of end its own."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import time

import support
from support import boot, part, run, tool


class Ends(support.Case):
    def setUp(self):
        super().setUp()
        self.elf = self.image("elf")

    def test_exit_status(self):
        for status in (0, 1, 2, 42, 124, 125, 134, 255):
            done = self.good(boot(self.elf, "--", "status", str(status)), status)
            self.assertEqual(done.err, "")

    def test_crash(self):
        done = self.problem(boot(self.elf, "--", "crash"), "crashed", status=134)
        self.assertIn("null pointer", done.out)
        self.assertRegex(done.out, r"main\+0x")

    def test_refused(self):
        self.write("app", b"\x7fELF, and nothing that belongs there")
        path = self.path("bad.elf")
        self.good(tool("image", "-f", "elf", "--no-check", "-o", path, self.path("app")))
        self.problem(boot(path), "could not start", status=126)

    def test_timeout(self):
        started = time.monotonic()
        self.problem(tool("run", "--accel", "tcg", "--timeout", "2.5", self.elf, "--", "loop"),
                     "had not ended after 2 s|had not ended after 3 s", status=124)
        self.assertLess(time.monotonic() - started, 30)

    def test_triple_fault_and_reboot(self):
        for what in ("triple", "reboot"):
            self.problem(boot(self.elf, "--", what), "reset or switched off", status=125)

    def test_short_timeout(self):
        self.problem(tool("run", "--accel", "tcg", "--timeout", "0.01", self.elf, "--", "loop"),
                     r"had not ended after (0\.\d\d|[1-9]\d*) s", status=124)

    def test_too_little_memory(self):
        """What would wait for ever is refused; the least that is named is enough to be told more."""
        for image, firmware in ((self.elf, []), (self.image("iso"), []), (self.image("iso"), ["--uefi"])):
            done = self.problem(boot(*firmware, "--memory", "1M", image), "--memory 1M is too little",
                                status=2)
            least = re.search(r"(?m)^  fix: give (\d+[KM]) ", done.err)[1]
            done = boot(*firmware, "--memory", least, image)
            self.assertTrue(done.status in (42, 126) or "Is there enough memory?" in done.out, str(done))
        # What works is not refused: `./bench memory-iso`, and a larger image in what that needs.
        for size in (0, 3 << 20):
            self.write("files/data", bytes(size))
            image = self.image("iso", part("HELLO"), "--bios-only", "--root", self.path("files"))
            kib = 2816 + (size >> 10)
            for machine in ("pc", "q35"):
                self.good(boot("--machine", machine, "--memory", f"{kib}K", image))
        self.problem(boot("--memory", "1000K", part("GUEST")), "too little", status=2)

    def test_room_for_the_firmware(self):
        """On q35 and pc the firmware needs the memory's end: no image lies there, and all of it arrives."""
        self.write("files/lines", b"\n" * (3 << 20))  # a byte that is changed is a line less
        image = self.image("elf", part("WORDCOUNT"), "--root", self.path("files"))
        devices = ["--net", "user", "--nic", "e1000"]
        for machine in ("q35", "pc"):
            for more in ([], devices):
                start = ["--machine", machine, *more, "--memory"]
                done = self.problem(boot(*start, "4900K", image), f"the image and the firmware of {machine} need",
                                    status=2)
                least = int(re.search(r"(?m)^  fix: give (\d+)K ", done.err)[1])
                self.problem(boot(*start, f"{least - 4}K", image), "is too little", status=2)
                done = self.good(boot(*start, f"{least}K", image))
                self.assertEqual(support.counts(done.out)[0], {"/lines": (3 << 20, 0, 3 << 20)})
        self.good(boot("--machine", "q35", "--memory", "2M", part("HELLO")))

    def piped(self, reader, what):
        """(status of the tool, seconds) when its output goes to a shell's command."""
        started = time.monotonic()
        script = 'set -o pipefail; "$@" | ' + reader
        done = run("bash", "-c", script, "bash", part("BAREMETAL"), "run", "--accel", "tcg", "--timeout", "60",
                   self.elf, "--", *what.split(), env={"TMPDIR": self.path("tmp")})
        self.assertEqual(os.listdir(self.path("tmp")), [])
        return done, time.monotonic() - started

    def test_reader_gone(self):
        """The end of who reads the output is the guest's, as of any program; not of one that was ending anyway."""
        os.mkdir(self.path("tmp"))
        for what in ("talk", "silent"):
            done, seconds = self.piped("head -n 1", what)
            self.assertEqual((done.status, done.out, done.err), (141, "a line\n", ""))
            self.assertLess(seconds, 30)
        done, _ = self.piped("true", "loop")
        self.assertEqual((done.status, done.err), (141, ""))
        done, _ = self.piped("sleep 3", "status 7")
        self.assertEqual((done.status, done.err), (7, ""))
        done, _ = self.piped("(sleep 3; cat)", "show a")  # nothing is lost for who is slow
        self.assertEqual(done.status, 42)
        self.assertIn("argument 2 [a]\n", done.out)

    def test_output_fails(self):
        for what in ("show", "talk"):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([part("BAREMETAL"), "run", "--accel", "tcg", "--timeout", "60", self.elf,
                                       "--", what], stdout=full, stderr=subprocess.PIPE, check=False, timeout=50)
            self.assertEqual(done.returncode, 125)
            self.assertRegex(done.stderr,
                             b"(?s)^baremetal: the program's output could not be written: No space.*  fix: ")

    def test_other_firmware(self):
        """An image for the one firmware is refused on the other, and starts on its own."""
        for form in ("iso", "disk"):
            bios = self.image(form, None, "--bios-only")
            self.problem(boot("--uefi", bios), "starts from a BIOS only", "leave --uefi out", status=2)
            self.good(boot(bios), 42)
            uefi = self.image(form, None, "--uefi-only")
            self.problem(boot(uefi), "starts from UEFI only", "give --uefi", status=2)
            self.good(boot("--uefi", uefi), 42)
            both = self.image(form)
            self.good(boot(both), 42)
            self.good(boot("--uefi", both), 42)

    def test_cut_short(self):
        """An image without its end: a firmware would wait for ever."""
        for form in ("iso", "disk"):
            image = self.image(form)
            size = os.path.getsize(image)
            for left in (size * 2 // 5, 40 << 10):
                os.truncate(image, left)
                self.problem(boot(image), f"is cut short: {left:,} of", "make it again", status=125)

    def test_qemu_fails(self):
        self.problem(boot("--memory", "900000G", self.elf), "QEMU failed", status=125)

    def test_qemu_dies(self):
        fake = self.write("bin/qemu-system-x86_64", b'#!/bin/sh\nkill -SEGV $$\n')
        os.chmod(fake, 0o755)
        self.problem(boot(self.elf, env={"PATH": self.path("bin") + ":" + os.environ["PATH"]}),
                     "killed by SIGSEGV", status=125)

    def test_input(self):
        done = self.good(boot(self.elf, "--", "echo", stdin=b"a line\n"), 42)
        self.assertIn("heard a line\n", done.out)

    def test_verbose_command(self):
        """-v prints a command that boots the same when it is typed."""
        done = self.good(boot("-v", part("GUEST"), "--", "show", "two words"), 42)
        line = next(l for l in done.err.splitlines() if l.startswith("+ "))
        folder = next(l for l in done.err.splitlines() if "kept for you" in l).split(": ")[-1]
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], check=True)
        self.assertIn("qemu-system-x86_64", shlex.split(line[2:])[0])
        again = run("sh", "-c", line[2:], seconds=60)
        self.assertIn("argument 2 [two words]", again.out)
        with open(os.path.join(folder, "status"), "rb") as file:
            self.assertEqual(file.read(), b"exit 42\n")

    def test_nothing_stays(self):
        os.mkdir(self.path("tmp"))
        self.good(boot(part("GUEST"), env={"TMPDIR": self.path("tmp")}), 42)
        self.assertEqual(os.listdir(self.path("tmp")), [])

    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process = subprocess.Popen([part("BAREMETAL"), "run", "--accel", "tcg", self.elf, "--",
                                        "loop"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(2)
            process.send_signal(number)
            _, error = process.communicate(timeout=20)
            self.assertNotIn(b"Traceback", error)
            self.assertIn(process.returncode, (-number, 130))
            left = subprocess.run(["pgrep", "-f", "--", self.elf], capture_output=True, check=False)
            self.assertEqual(left.stdout, b"", "QEMU is still there")

    def test_terminal(self):
        """On a terminal: Control-C ends it, and the terminal is as it was."""
        main, side = pty.openpty()
        before = subprocess.run(["stty", "-g"], stdin=side, capture_output=True, check=True).stdout
        process = subprocess.Popen(
            ["setsid", "-c", "-w", part("BAREMETAL"), "run", "--accel", "tcg", self.elf, "--", "echo"],
            stdin=side, stdout=side, stderr=side)
        time.sleep(4)
        os.write(main, b"\x03")
        process.wait(20)
        self.assertEqual(process.returncode, 130, os.read(main, 4000))
        after = subprocess.run(["stty", "-g"], stdin=side, capture_output=True, check=True).stdout
        self.assertEqual(before, after)

    def test_cores_and_memory(self):
        done = self.good(boot("-v", "--cores", "2", "--memory", "64M", self.elf), 42)
        self.assertRegex(done.err, r"-smp 2 -m 64M")
        done = self.good(boot("-v", "--memory", "65000k", self.elf), 42)
        self.assertIn("-m 65000K ", done.err)


class Accelerators(support.Case):
    def test_framebuffer(self):
        done = self.good(boot("-v", "--framebuffer", part("GUEST")), 42)
        self.assertIn("-vga std", done.err)
        self.problem(boot("--framebuffer", "--form", "elf", part("GUEST")), "GRUB", status=125)
        self.problem(boot("--framebuffer", self.image("elf")), "is an image", status=125)

    def test_trial(self):
        """auto tries KVM once where /dev/kvm is, remembers the answer, and works either way."""
        env = {"XDG_CACHE_HOME": self.path("cache")}
        elf = self.image("elf")
        first = self.good(tool("run", "-v", "--timeout", "60", elf, env=env), 42)
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            self.assertIn("-accel tcg", first.err)
            return
        self.assertRegex(first.err, "KVM was tried and (works|does not work here)")
        with open(self.path("cache/baremetal/kvm.json"), encoding="utf-8") as file:
            works = json.load(file)["works"]
        self.assertIn("-accel " + ("kvm" if works else "tcg"), first.err)
        second = self.good(tool("run", "-v", "--timeout", "60", elf, env=env), 42)
        self.assertNotIn("was tried", second.err)

    def test_broken_kvm(self):
        """A QEMU that hangs or fails under KVM is not chosen; emulation is."""
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            self.skipTest("there is no /dev/kvm to be fooled by")
        real = run("sh", "-c", "command -v qemu-system-x86_64").out.strip()
        for what in ("sleep 60", "exit 1", "exit 0", "kill -ABRT $$"):
            with self.subTest(what=what):
                fake = self.write("bin/qemu-system-x86_64",
                                  f'#!/bin/sh\ncase "$*" in *"accel kvm"*) {what};; esac\n'
                                  f'exec {real} "$@"\n'.encode())
                os.chmod(fake, 0o755)
                env = {"XDG_CACHE_HOME": self.path("cache " + what.replace("/", "")),
                       "PATH": self.path("bin") + ":" + os.environ["PATH"]}
                if what == "exit 0":
                    fake = self.write("bin/qemu-system-x86_64", (
                        f'#!/bin/sh\ncase "$*" in *"accel kvm"*) exit 0;; esac\nexec {real} "$@"\n'
                    ).encode())
                done = self.good(tool("run", "-v", "--timeout", "60", part("GUEST"), env=env), 42)
                self.assertIn("KVM was tried and does not work here", done.err)
                self.assertIn("-accel tcg", done.err)


if __name__ == "__main__":
    support.main()
