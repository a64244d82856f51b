#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""screen_picture.py FONT ISO HOST_RAYTRACER: the ray tracer's picture on the guest's screen.

Each pixel must be as the same source draws it on the host; around it the screen is black, and below stands
how long it took on one core and on all.
"""
import base64
import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import run_guest  # noqa: E402
from baremetal_tool import grub  # noqa: E402
from screen import CELL, Screen, read_glyphs  # noqa: E402

WIDTH, HEIGHT, CORES, TEXT_ROWS = 320, 240, 2, 3


def fail(text, result):
    sys.exit(f"{text}\n{result.outcome}\n{result.output[-3000:]}{result.complaints}")


def main():
    font, iso, host = sys.argv[1:]
    words = [str(WIDTH), str(HEIGHT)]
    drawn = subprocess.run([host, *words, "base64"], stdout=subprocess.PIPE, text=True, check=True).stdout
    reference = Screen(base64.b64decode(drawn.split("BEGIN\n")[1].split("END\n")[0]))

    family = grub.FAMILY_PREFIX + grub.grub_words(words)
    result = run_guest.boot(run_guest.Guest(
        iso=iso, machine="q35", cores=CORES, shots=r"^press Enter to end ", timeout=300,
        extra=["-smbios", "type=1,family=" + family.replace(",", ",,")]))
    if result.outcome != "exit:0" or len(result.shots) != 1:
        fail("it did not end well", result)
    screen = Screen(result.shots[0])
    lines = screen.height - TEXT_ROWS * CELL[1]
    left, top = (screen.width - WIDTH) // 2, (lines - HEIGHT) // 2
    if screen.lines(top, HEIGHT, left, WIDTH) != reference.pixels:
        fail("the picture differs from the host's", result)
    around = screen.lines(0, top) + screen.lines(top + HEIGHT, lines - top - HEIGHT) + \
        screen.lines(top, HEIGHT, 0, left) + screen.lines(top, HEIGHT, left + WIDTH)
    if any(around):
        fail("something is drawn beside the picture", result)
    text = screen.text(read_glyphs(font), lines)
    checksum = re.search(r"checksum [0-9a-f]{16}", drawn).group()
    if text[0] != f"{WIDTH} x {HEIGHT} pixels, {checksum}" or not re.fullmatch(
            rf"one core \d+\.\d ms, {CORES}: \d+\.\d ms, \d+\.\d\d times as fast", text[1]):
        fail(f"the text below the picture: {text}", result)
    print("\n".join(text))


if __name__ == "__main__":
    main()
