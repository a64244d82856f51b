#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Broken apps and bundles, made from a good app: each must be refused with a sentence.

bad_modules.py KERNEL APP [--random N]. Speaks TAP, one boot a subtest. With
--random, N further copies of the app have random bytes in their headers: whatever
the kernel makes of these, it must end with a status of its own, not in a reset.
"""
import argparse
import random
import re
import struct
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from run_guest import Guest, boot  # noqa: E402

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
HEAD = struct.Struct("<IIQQQQQQ")  # type flags offset vaddr paddr filesz memsz align


class App:
    """A good app's bytes, with ways to change a header in a copy."""

    def __init__(self, data):
        self.data = data
        self.phoff, = struct.unpack_from("<Q", data, 32)
        self.phnum, = struct.unpack_from("<H", data, 56)
        self.heads = [HEAD.unpack_from(data, self.phoff + i * HEAD.size) for i in range(self.phnum)]

    def with_bytes(self, at, new):
        data = bytearray(self.data)
        data[at:at + len(new)] = new
        return bytes(data)

    def index(self, kind, nth=0):
        return [i for i, h in enumerate(self.heads) if h[0] == kind][nth]

    def with_head(self, i, **changes):
        names = ("type", "flags", "offset", "vaddr", "paddr", "filesz", "memsz", "align")
        values = [changes.get(n, v) for n, v in zip(names, self.heads[i])]
        return self.with_bytes(self.phoff + i * HEAD.size, HEAD.pack(*values))

    def note_at(self):
        """File offset of the app note's version."""
        for kind, _, offset, _, _, size, _, _ in self.heads:
            if kind == PT_NOTE:
                at = self.data.find(b"\x0a\0\0\0\x08\0\0\0\1\0\0\0BareMetal\0", offset, offset + size)
                if at >= 0:
                    return at + 24
        sys.exit("the good app has no app note")


def bad_apps(app):
    """(name, bytes, regex that the refusal must match)"""
    last = max(h[2] + h[5] for h in app.heads if h[0] == PT_LOAD)
    for part in (1, 4, 20, 63, 64, 100, 4096, last // 2):
        yield f"cut to {part} bytes", app.data[:part], "cannot be loaded|neither an ELF|no program"
    yield "cut in its last segment", app.data[:last - 1], "cut short"
    yield "for another machine", app.with_bytes(18, struct.pack("<H", 183)), "another processor"
    yield "32-bit", app.with_bytes(4, b"\1"), "another processor"
    yield "big-endian", app.with_bytes(5, b"\2"), "another processor"
    yield "not position-independent", app.with_bytes(16, struct.pack("<H", 2)), "position-independent"
    yield "an object file", app.with_bytes(16, struct.pack("<H", 1)), "not linked"
    yield "no program headers", app.with_bytes(56, struct.pack("<H", 0)), "damaged"
    yield "65,535 program headers", app.with_bytes(56, b"\xff\xff"), "damaged"
    yield "program headers beyond the file", app.with_bytes(32, b"\xf8" + b"\xff" * 7), "damaged"
    first, second = app.index(PT_LOAD), app.index(PT_LOAD, 1)
    yield "overlapping segments", app.with_head(
        second, offset=app.heads[first][2], vaddr=app.heads[first][3]), "overlap"
    yield "a segment around the end of addresses", app.with_head(
        second, vaddr=(1 << 64) - 4096, offset=app.heads[second][2] & -4096), "damaged"
    yield "a segment of 2^63 bytes", app.with_head(second, memsz=1 << 63), "damaged"
    yield "a file part larger than the memory", app.with_head(second, memsz=1), "damaged"
    yield "a segment off its page", app.with_head(second, vaddr=app.heads[second][3] + 8), "page-aligned"
    yield "writable and executable", app.with_head(first, flags=7), "writable and executable"
    yield "a segment of 3 GiB", app.with_head(
        app.index(PT_LOAD, -1), memsz=3 << 30), "not enough memory"
    yield "an entry point outside", app.with_bytes(24, struct.pack("<Q", 1 << 40)), "entry point"
    yield "an entry point in data", app.with_bytes(
        24, struct.pack("<Q", app.heads[app.index(PT_LOAD, -1)][3])), "entry point"
    yield "built for Linux", app.with_head(app.index(PT_NOTE), type=PT_INTERP), "not built for BareMetal"
    yield "without an app note", app.with_head(app.index(PT_NOTE), type=0), "not built for BareMetal"
    yield "for a newer kernel", app.with_bytes(app.note_at(), struct.pack("<I", 2**31)), "newer"
    dynamic = app.heads[app.index(PT_DYNAMIC)]
    entries = {struct.unpack_from("<Q", app.data, at)[0]: at
               for at in range(dynamic[2], dynamic[2] + dynamic[5], 16)}
    yield "relocations outside", app.with_bytes(entries[7] + 8, b"\xff" * 8), "damaged"
    yield "2^64 relocations", app.with_bytes(entries[8] + 8, struct.pack("<Q", (1 << 64) - 16)), "damaged"
    table, = struct.unpack_from("<Q", app.data, entries[7] + 8)
    load = next(h for h in app.heads if h[0] == PT_LOAD and h[3] <= table < h[3] + h[5])
    at = table - load[3] + load[2]
    yield "a relocation into nowhere", app.with_bytes(at, struct.pack("<Q", 1 << 50)), "relocation outside"
    yield "a relocation into code", app.with_bytes(
        at, struct.pack("<Q", app.heads[first][3])), "relocation outside"
    yield "a relocation of another type", app.with_bytes(at + 8, struct.pack("<Q", 6)), "relocation of"
    for seed in range(3):
        noise = random.Random(seed).randbytes(20000)
        yield f"random bytes {seed}", noise, "neither an ELF"
        yield f"random bytes {seed} behind the magic", b"\x7fELF" + noise, "cannot be loaded"
        yield f"random bytes {seed} behind the header", app.data[:64] + noise, "cannot be loaded"
    yield "empty pages", bytes(8192), "neither an ELF"
    yield "text", b"#!/bin/sh\necho hello\n", "neither an ELF"


def bad_bundles(app):
    def bundle(members, count=None, args=b"", args_size=None, body=app.data):
        table = b"".join(struct.pack("<QQ", *m) for m in members)
        table += bytes(128 - len(table))
        head = b"BMBUND01" + struct.pack(
            "<II", len(members) if count is None else count, len(args) if args_size is None else args_size)
        return (head + table + args).ljust(4096, b"\0") + body

    size = len(app.data)
    yield "bundle: empty", bundle([]), "no program"
    yield "bundle: cut", bundle([(4096, size)])[:100], "cut short"
    yield "bundle: cut in its member", bundle([(4096, size)])[:-1], "outside"
    yield "bundle: nine members", bundle([(4096, size)], count=9), "too many"
    yield "bundle: 2^32-1 members", bundle([(4096, size)], count=2**32 - 1), "too many"
    yield "bundle: member of 2^64-1 bytes", bundle([(4096, 2**64 - 1)]), "outside"
    yield "bundle: member at 2^64-4096", bundle([(2**64 - 4096, 4096)]), "outside"
    yield "bundle: member off its page", bundle([(4097, size - 1)]), "outside"
    yield "bundle: empty member", bundle([(4096, 0)]), "outside"
    yield "bundle: long arguments", bundle([(4096, size)], args_size=2**32 - 1), "command line is too long"
    yield "bundle: itself", bundle([(0, 4096 + size)]), "inside another"
    yield "bundle: symbols alone", bundle([(4096, 24)], body=b"BMSYMS01" + bytes(4088)), "no program"


def damaged_symbols(app):
    """Broken symbols are left out with a line in the log, and the app runs."""
    size = len(app.data)
    pad = bytes(-size % 4096)
    for name, module in (
            ("counts beyond the module", b"BMSYMS01" + struct.pack("<IIII", 2**31, 2**31, 16, 0) + bytes(64)),
            ("names without an end", b"BMSYMS01" + struct.pack("<IIII", 0, 1, 4, 0) +
             struct.pack("<III", 0, 16, 0) + b"xxxx"),
            ("name offsets beyond the names", b"BMSYMS01" + struct.pack("<IIII", 1, 1, 2, 0) +
             struct.pack("<IIIIII", 0x100000, 16, 2**32 - 1, 0, 16, 77) + b"x\0"),
            ("cut header", b"BMSYMS01" + bytes(4))):
        table = struct.pack("<QQQQ", 4096, size, 4096 + size + len(pad), len(module)) + bytes(96)
        yield (f"symbols: {name}",
               (b"BMBUND01" + struct.pack("<II", 2, 0) + table).ljust(4096, b"\0") + app.data + pad + module)


def mutants(app, count):
    """Random bytes where the kernel looks: headers, dynamic section, relocation table."""
    dynamic = app.heads[app.index(PT_DYNAMIC)]
    places = [(16, 24), (32, 64), (app.phoff, app.phoff + HEAD.size * app.phnum),
              (dynamic[2], dynamic[2] + dynamic[5])]
    for seed in range(count):
        rng = random.Random(seed)
        data = bytearray(app.data)
        for _ in range(rng.choice((1, 1, 2, 4))):
            low, high = rng.choice(places)
            data[rng.randrange(low, high)] = rng.choice((0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)))
        yield f"mutant {seed}", bytes(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernel")
    parser.add_argument("app", type=Path)
    parser.add_argument("--random", type=int, default=0)
    options = parser.parse_args()
    app = App(options.app.read_bytes())
    cases = [(name, data, {"refused"}, sentence)
             for make in (bad_apps, bad_bundles) for name, data, sentence in make(app)]
    cases += [(name, data, {"exit:0"}, "") for name, data in damaged_symbols(app)]
    ends = {"refused", "crash"} | {f"exit:{n}" for n in range(256)}
    cases += [(name, data, ends, "") for name, data in mutants(app, options.random)]
    print(f"1..{len(cases)}")
    with tempfile.TemporaryDirectory(prefix="bm-bad-") as work:
        path = f"{work}/initrd"
        for number, (name, data, outcomes, sentence) in enumerate(cases, 1):
            Path(path).write_bytes(data)
            result = boot(Guest(kernel=options.kernel, initrd=path, timeout=60))
            good = result.outcome in outcomes and re.search(sentence, result.output)
            print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
            if not good:
                print(f"# {result.outcome}; expected {'/'.join(sorted(outcomes)[:3])} and /{sentence}/")
                for line in (result.output + result.complaints).strip().splitlines()[:12]:
                    print(f"# | {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
