#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""display.py FONT ISO FIRMWARE: what the screen shows while display.c takes it and gives it back.

The ISO holds display.c, with a graphics mode. FIRMWARE: bios or uefi.
"""
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import run_guest  # noqa: E402
from baremetal_tool import grub  # noqa: E402
from screen import Screen, read_glyphs  # noqa: E402

FONT, ISO, FIRMWARE = sys.argv[1:4]
del sys.argv[1:4]
GLYPHS, CURSOR = read_glyphs(FONT), "_"


def boot(words, **more):
    """Arguments come as `baremetal run` hands them to GRUB."""
    family = grub.FAMILY_PREFIX + grub.grub_words(words)
    guest = run_guest.Guest(
        iso=ISO, machine="q35", memory="256M", cores=2, uefi=FIRMWARE == "uefi", shots=r"SHOT\r?\n\a",
        extra=["-smbios", "type=1,family=" + family.replace(",", ",,")], timeout=280, **more)
    result = run_guest.boot(guest)
    return result, [Screen(shot) for shot in result.shots]


def pattern(width, height):
    return b"".join(bytes((x & 255, y & 255, (x >> 8 << 4 | y >> 8) & 255))
                    for y in range(height) for x in range(width))


class Display(unittest.TestCase):
    def rows(self, screen, top=0):
        """The text down to the cursor, which stands in a row of its own."""
        rows = screen.text(GLYPHS, top)
        while rows and not rows[-1]:
            rows.pop()
        self.assertEqual(rows.pop(), CURSOR)
        return rows

    def good(self, result, outcome):
        self.assertEqual(result.outcome, outcome, result.output[-3000:] + result.complaints)

    def test_steps(self):
        result, shots = boot(["steps"])
        self.good(result, "exit:0")
        self.assertEqual(len(shots), 7)
        first, taken, back, band, scrolled, filled, last = shots
        width, height = first.width, first.height
        for shot in shots:
            self.assertEqual((shot.width, shot.height), (width, height))
        self.assertIn(f"{width}x{height}, 32 bits\n", result.output)
        self.assertEqual(self.rows(first), ["first line", f"{width}x{height}, 32 bits", "SHOT"])

        self.assertEqual(taken.pixels, pattern(width, height))
        self.assertRegex(result.output, "written behind\n.*logged behind")

        rows = self.rows(back)
        self.assertEqual(rows[:4], ["first line", f"{width}x{height}, 32 bits", "SHOT", "written behind"])
        self.assertRegex(rows[4], "logged behind$")
        self.assertEqual(rows[5:], ["SHOT", "given back", "SHOT"])

        lines = height - 3 * 16
        self.assertEqual(band.lines(0, lines), pattern(width, lines))
        self.assertEqual(self.rows(band, lines), ["below the picture", "SHOT"])
        self.assertEqual(scrolled.lines(0, lines), pattern(width, lines))
        self.assertEqual(self.rows(scrolled, lines), ["row 99", "SHOT"])

        expected = bytearray(bytes((0x20, 0x40, 0x80)) * (width * lines))
        corner = [bytes((255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255)),
                  bytes((1, 2, 3, 4, 5, 6, 255, 255, 0, 0, 255, 255))]
        for i, line in enumerate(corner):
            at = 3 * ((20 + i) * width + 10)
            expected[at:at + 12] = line
        expected[-6:] = corner[0][:6]
        self.assertEqual(filled.lines(0, lines), bytes(expected))

        rows = self.rows(last)
        self.assertEqual([row for row in rows if row != "SHOT"][-3:], ["row 98", "row 99", "done"])

    def crash(self, *words):
        result, shots = boot(["crash", *words], status_devices=False)
        self.good(result, "poweroff")
        rows = shots[-1].text(GLYPHS)
        self.assertEqual(rows[0], "before")
        self.assertIn("crash: null pointer written at " + hex(8 * (2 + len(words))), rows)
        self.assertTrue(any(row.startswith("  #0 0x") and "main+0x" in row for row in rows), rows)
        self.assertFalse(any("\0" in row for row in rows), rows)  # no rest of the picture
        return rows

    def test_crash(self):
        self.crash()

    def test_crash_while_another_core_draws(self):
        rows = self.crash("drawing")
        self.assertTrue(any("fill_for_ever+0x" in row for row in rows), rows)

    def test_end_without_giving_back(self):
        """The picture stays while the machine goes off."""
        result, shots = boot(["keep"], status_devices=False)
        self.good(result, "poweroff")
        self.assertEqual(shots[-1].pixels, pattern(shots[-1].width, shots[-1].height))


if __name__ == "__main__":
    unittest.main(verbosity=2)
