#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kernels of other Meson options than this build's, and of another compiler: each is configured and built, with gcc
without a warning, and boots this build's application."""

import os
import shlex
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "image"), os.path.join(HERE, "..", "boot")]

import run_guest  # noqa: E402
import support  # noqa: E402
from support import part, run  # noqa: E402


class Options(support.Case):
    def kernel(self, *options, compiler=None):
        """The kernel that these options make."""
        build = self.path("build")
        self.good(run("meson", "setup", "-Dlibc=false", "-Dtests=false", "-Ddocs=disabled", "-Dopenmp=disabled",
                      "-Dhttp=disabled", "-Dnet=disabled", *options, build, os.environ["SOURCE"],
                      env={"CC": compiler} if compiler else None))
        done = self.good(run("ninja", "-C", build))
        if not compiler:
            self.assertNotRegex(done.out + done.err, r"\bwarning:")
        return os.path.join(build, "kernel", "kernel.elf")

    def boots(self, kernel, words, outcome, **more):
        extra = shlex.split(more.pop("qemu", ""))
        result = run_guest.boot(run_guest.Guest(kernel=kernel, initrd=part("GUEST"), append=words,
                                                extra=extra, **more))
        self.assertEqual(result.outcome, outcome, result)
        return result

    def disk(self):
        return "-drive if=none,id=disk,format=raw,file=" + shlex.quote(self.write("disk", bytes(1 << 20)))

    def test_serial_without_drivers(self):
        kernel = self.kernel("-Dconsole=serial", "-Ddrivers=")
        result = self.boots(kernel, "bm.log=info -- show", "exit:42")
        self.assertRegex(result.output, r"(?m)^mark none")
        result = self.boots(kernel, "bm.log=info -- net", "exit:2", machine="q35",
                            qemu=self.disk() + " -device virtio-blk,drive=disk -device e1000")
        self.assertIn("no network device", result.output)

    def test_no_console(self):
        """The status alone tells how it ended."""
        kernel = self.kernel("-Dconsole=", "-Ddrivers=virtio_blk")
        for machine, device in (("microvm", "virtio-blk-device"), ("q35", "virtio-blk")):
            qemu = f"{self.disk()} -device {device},drive=disk"
            for words, outcome in (("-- show", "exit:42"), ("-- crash", "crash")):
                result = self.boots(kernel, "bm.log=debug " + words, outcome, machine=machine, qemu=qemu)
                self.assertEqual(result.output, "")

    def test_debug_without_lto(self):
        kernel = self.kernel("-Dkernel_lto=false", "-Dlog_level=debug")
        for machine in ("microvm", "pc"):
            result = self.boots(kernel, "-- show", "exit:42", machine=machine, cores=2)
            self.assertRegex(result.output, r"(?m)^(info|debug): ")
            self.assertRegex(result.output, r"(?m)^mark none")

    def test_clang(self):
        if not shutil.which("clang"):
            self.skipTest("there is no clang")
        kernel = self.kernel(compiler="clang")
        for machine in ("microvm", "q35"):
            result = self.boots(kernel, "-- show", "exit:42", machine=machine, cores=2)
            self.assertRegex(result.output, r"(?m)^cores 2")
        self.boots(kernel, "-- crash", "crash")
        result = self.boots(kernel, "-- net", "exit:2", machine="q35")
        self.assertIn("no network device", result.output)

    def test_screen_and_keyboard(self):
        kernel = self.kernel("-Dconsole=vga,ps2", "-Ddrivers=nvme,e1000")
        result = self.boots(kernel, "bm.log=info -- show", "poweroff", machine="q35", screen=True,
                            status_devices=False,
                            qemu=self.disk() + " -device nvme,drive=disk,serial=1 -device e1000")
        self.assertIn("mark none", result.screen)
        self.assertNotIn("mark none", result.output)


if __name__ == "__main__":
    support.main()
