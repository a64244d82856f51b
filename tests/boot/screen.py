# SPDX-License-Identifier: MIT
"""What a guest's screen shows: pixels of a PPM picture, and the console's text on it."""
import importlib.util
from pathlib import Path

CELL = 8, 16  # of the console's font, at its smallest scale
CURSOR_LINE = 14  # kernel/console/framebuffer.c


def read_glyphs(font):
    """{a cell's 16 lines: its character} of the font that the kernel was built with. The cursor looks like '_'."""
    path = Path(__file__).resolve().parents[2] / "kernel" / "console" / "font.py"
    spec = importlib.util.spec_from_file_location("font", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    glyphs = module.read_font(font)
    cells = {bytes(glyphs[c]): chr(c) for c in range(0x21, 0x7f)} | {bytes(16): " "}
    for cell, character in list(cells.items()):
        under = bytearray(cell)
        under[CURSOR_LINE] = 0xff
        cells.setdefault(bytes(under), character)
    return cells


class Screen:
    """A binary PPM of 8 bits a colour."""

    def __init__(self, ppm):
        magic, width, height, most = ppm[:40].split()[:4]
        self.width, self.height = int(width), int(height)
        self.pixels = ppm[len(ppm) - 3 * self.width * self.height:]
        if magic != b"P6" or most != b"255" or len(self.pixels) != 3 * self.width * self.height:
            raise ValueError(f"not a picture: {ppm[:20]!r}")

    def pixel(self, x, y):
        return tuple(self.pixels[3 * (y * self.width + x):][:3])

    def lines(self, top, count, left=0, width=None):
        """Some lines' pixels, one after the other."""
        width = self.width - left if width is None else width
        starts = (3 * (y * self.width + left) for y in range(top, top + count))
        return b"".join(self.pixels[s:s + 3 * width] for s in starts)

    def text(self, glyphs, top=0):
        """Rows of text, without blanks at their ends, from this line on; '\\0': no character."""
        rows = []
        for y in range(top, self.height - CELL[1] + 1, CELL[1]):
            row = ""
            lines = [self.lines(y + i, 1) for i in range(CELL[1])]
            for x in range(0, self.width - CELL[0] + 1, CELL[0]):
                cell = bytes(sum((line[3 * (x + i):3 * (x + i) + 3] != b"\0\0\0") << (7 - i)
                                 for i in range(8)) if any(line[3 * x:3 * x + 24]) else 0
                             for line in lines)
                row += glyphs.get(cell, "\0")
            rows.append(row.rstrip())
        return rows
