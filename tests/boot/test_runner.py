#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The runner's own test: guests that end badly must not pass.

Each guest is a few bytes of 32-bit code in an ELF with a PVH note. The runner must
tell each end by its name, and must fail a test that expects anything else.
"""
import contextlib
import io
import struct
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import run_guest  # noqa: E402

BASE = 0x100000


def say(text, port=0x504):
    """mov dx, port; then mov al, c; out dx, al for each character."""
    put = b"".join(b"\xb0" + bytes([c]) + b"\xee" for c in text.encode())
    return b"\x66\xba" + struct.pack("<H", port) + put


def leave():
    return say("\0", 0x501)


def kernel(code):
    note = struct.pack("<III", 4, 8, 18) + b"Xen\0" + struct.pack("<Q", BASE + 0x1000)
    heads = [(1, 7, 0, BASE, BASE, 0x1000 + len(code), 0x1000 + len(code), 4096),
             (4, 4, 0x200, BASE + 0x200, BASE + 0x200, len(note), len(note), 4)]
    header = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, BASE + 0x1000, 64, 0, 0, 64, 56, len(heads), 0, 0, 0)
    image = header + b"".join(struct.pack("<IIQQQQQQ", *h) for h in heads)
    return (image.ljust(0x200, b"\0") + note).ljust(0x1000, b"\0") + code


HANG = b"\xeb\xfe"  # jmp to itself
HALT = b"\xfa\xf4" + HANG
TRIPLE_FAULT = b"\x6a\0\x6a\0\x0f\x01\x1c\x24\xcc"  # an empty interrupt table, then int3
GUESTS = {
    "exit:0": say("exit 0\n") + leave() + HANG,
    "exit:255": say("exit 255\n") + leave() + HANG,
    "crash": say("crash\n") + leave() + HANG,
    "refused": say("refused\n") + leave() + HANG,
    "no-status": leave() + HANG,
    "timeout": say("passed\nexit:0\nok\n", 0x3f8) + HANG,
    "triple-fault": say("passed\nexit 0\n", 0x3f8) + TRIPLE_FAULT,
}


class Runner(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="bm-runner-")
        self.addCleanup(self.folder.cleanup)

    def write(self, code):
        path = Path(self.folder.name, "kernel.elf")
        path.write_bytes(kernel(code))
        return str(path)

    def verdict(self, code, *words):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = run_guest.main(["--kernel", self.write(code), "--timeout", "5", *words])
        return status, out.getvalue()

    def test_outcomes(self):
        for outcome, code in GUESTS.items():
            with self.subTest(outcome):
                result = run_guest.boot(run_guest.Guest(kernel=self.write(code), timeout=5))
                self.assertEqual(result.outcome, outcome, result.complaints)

    def test_only_what_is_expected_passes(self):
        for outcome, code in GUESTS.items():
            for expected in ("exit:0", "crash", "refused"):
                with self.subTest(outcome, expected=expected):
                    status, out = self.verdict(code, "--expect", expected)
                    self.assertEqual(status, 0 if outcome == expected else 1, out)

    def test_garbled_status(self):
        for text in ("exit 0", "exit -1\n", "exit 1000\n", "exit 0\nexit 1\n", "crash\nexit 0\n",
                     "\n", "EXIT 0\n"):
            with self.subTest(text):
                self.assertEqual(self.verdict(say(text) + leave())[0], 1)

    def test_output(self):
        code = say("one\ntwo\n", 0x3f8) + GUESTS["exit:0"]
        self.assertEqual(self.verdict(code, "--expect-output", "^two$", "--reject-output", "three")[0], 0)
        self.assertEqual(self.verdict(code, "--expect-output", "^wo$")[0], 1)
        self.assertEqual(self.verdict(code, "--reject-output", "^one")[0], 1)
        self.assertEqual(self.verdict(code, "--expect-differ", "^(one)$")[0], 1)
        # Right words with the wrong end are worth nothing.
        self.assertEqual(self.verdict(say("one\n", 0x3f8) + GUESTS["crash"], "--expect-output", "one")[0], 1)

    def test_halt(self):
        self.assertEqual(self.verdict(HALT, "--expect", "halt")[0], 0)
        self.assertEqual(self.verdict(HANG, "--expect", "halt")[0], 1)
        self.assertEqual(self.verdict(HALT)[0], 1)

    def test_no_kernel(self):
        path = Path(self.folder.name, "kernel.elf")
        path.write_bytes(b"nothing")
        result = run_guest.boot(run_guest.Guest(kernel=str(path), timeout=5))
        self.assertEqual(result.outcome, "no-status")


if __name__ == "__main__":
    unittest.main()
