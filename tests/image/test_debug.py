#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`baremetal debug`: gdb stops in main at the application's random base, with all symbols."""

import re

import support
from support import part, tool


def debug(*arguments, **more):
    return tool("debug", "--accel", "tcg", "--batch", *arguments, **more)


class Debug(support.Case):
    def test_application(self):
        bases = set()
        for _ in range(2):
            done = self.good(debug("-ex", "info args", "-ex", "info symbol kernel_main",
                                   "-ex", "print argv[2]", part("GUEST"), "--", "show", "two words"))
            self.assertRegex(done.out, r"Temporary breakpoint 2, main \(argc=3,")
            self.assertIn("argc = 3", done.out)
            self.assertIn('"two words"', done.out)
            self.assertRegex(done.out, r"kernel_main.* in section \.text")
            bases.add(re.search(r"the application is at (0x[0-9a-f]+)", done.out)[1])
        self.assertEqual(len(bases), 2, "the base is not random")

    def test_breakpoint_and_output(self):
        done = self.good(debug("-ex", "break bm_exit", "-ex", "break exit", "-ex", "continue",
                               "-ex", "backtrace", part("GUEST")))
        self.assertRegex(done.out, r"(?m)^mark none")
        self.assertRegex(done.out, r"#\d+ .*exit \(")

    def test_crash(self):
        """The way back leads out of the kernel into the function that crashed, and its variables."""
        done = self.good(debug("-ex", "break panic_exception", "-ex", "continue", "-ex", "backtrace",
                               part("GUEST"), "--", "crash"))
        self.assertRegex(done.out, r"#0 +panic_exception \(")
        self.assertRegex(done.out, r"#\d+ +<signal handler called>")
        self.assertRegex(done.out, r"#\d+ .*\bmain \(argc=2, argv=0x")
        self.assertNotRegex(done.out, r"#\d+ .*\?\? \(\)")

    def test_image(self):
        done = self.good(debug("-ex", "backtrace", "--app", part("GUEST"), self.image("iso")))
        self.assertRegex(done.out, r"#0 +main \(argc=1,")

    def test_from_reset(self):
        done = self.good(debug("--stop", "reset", "-ex", "break kernel_main", "-ex", "continue",
                               "-ex", "backtrace", self.image("elf")))
        self.assertRegex(done.out, r"#0 +kernel_main")
        self.assertIn("--app", done.err)

    def test_guest_that_does_not_start(self):
        self.write("app", b"\x7fELF and no more")
        path = self.path("bad.elf")
        self.good(tool("image", "-f", "elf", "--no-check", "-o", path, self.path("app")))
        done = self.good(debug("-ex", "print 6 * 7", path))
        self.assertIn("ended before it started an application", done.out)
        self.assertIn("= 42", done.out)


if __name__ == "__main__":
    support.main()
