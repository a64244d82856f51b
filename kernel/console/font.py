#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turn a console font (PSF version 1, 8 x 16, with a Unicode table) into a C header.

Kept are the 94 visible ASCII characters and one replacement glyph (U+FFFD, or
a box drawn here). Most lines of a glyph equal the line above, so each glyph is
packed: 16 bits, lowest first, that say which lines differ from the one above,
then those lines. Above a glyph's first line is the last line of the one before.

    font.py FONT.psfu.gz OUTPUT.h
"""
import gzip
import struct
import sys

HEIGHT = 16
BOX = bytes([0, 0, 0, 0x7e] + [0x42] * 8 + [0x7e, 0, 0, 0])


def read_font(path):
    """Code point -> glyph's 16 bytes."""
    with gzip.open(path) as file:
        data = file.read()
    if len(data) < 4 or data[:2] != b'\x36\x04' or data[3] != HEIGHT or not data[2] & 2:
        raise ValueError('not an 8x16 console font (PSF 1 with a Unicode table)')
    count = 512 if data[2] & 1 else 256
    table = 4 + count * HEIGHT
    glyphs, index, combining = {}, 0, False
    for (value,) in struct.iter_unpack('<H', data[table:table + (len(data) - table) // 2 * 2]):
        if value == 0xffff:         # end of this glyph's entry
            index, combining = index + 1, False
        elif value == 0xfffe:       # from here to its end: sequences of several code points
            combining = True
        elif not combining and index < count:
            glyphs[value] = data[4 + index * HEIGHT:4 + (index + 1) * HEIGHT]
    return glyphs


def pack(glyphs):
    above = 0
    for glyph in glyphs:
        changes, lines = 0, bytearray()
        for i, line in enumerate(glyph):
            if line != above:
                changes |= 1 << i
                lines.append(line)
            above = line
        yield struct.pack('<H', changes) + lines


def main():
    if len(sys.argv) != 3:
        sys.exit('usage: font.py FONT.psfu.gz OUTPUT.h')
    path, output = sys.argv[1:]
    try:
        glyphs = read_font(path)
    except (OSError, EOFError, ValueError) as error:
        sys.exit(f'font.py: {path}: {error}; install the Debian package fonts-spleen')
    missing = [chr(c) for c in range(0x21, 0x7f) if c not in glyphs]
    if missing:
        sys.exit(f'font.py: {path}: no glyph for {" ".join(missing)}')
    used = [glyphs[c] for c in range(0x21, 0x7f)] + [glyphs.get(0xfffd, BOX)]
    with open(output, 'w', encoding='ascii') as file:
        file.write('/* Made by kernel/console/font.py from the font that the build found. */\n'
                   '#include <stdint.h>\n'
                   f'#define FONT_GLYPHS {len(used)} /* \'!\' to \'~\', then the replacement */\n'
                   f'#define FONT_HEIGHT {HEIGHT}\n'
                   '/* Packed as font.py tells. Leftmost dot in bit 7. */\n'
                   'static const uint8_t font_packed[] = {\n')
        for packed in pack(used):
            file.write('\t' + ''.join(f'{byte:#04x}, ' for byte in packed).rstrip() + '\n')
        file.write('};\n')


if __name__ == '__main__':
    main()
