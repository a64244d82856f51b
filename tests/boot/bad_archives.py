#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot filesystems that are cut or lie: a sentence and a failure, never success.

bad_archives.py KERNEL APP. The app reads all files. Speaks TAP, one boot a subtest.
"""
import io
import re
import struct
import sys
import tarfile
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from run_guest import Guest, boot  # noqa: E402
from baremetal_tool import bundle  # noqa: E402

FILES = (("a/one.txt", b"one\n" * 300), ("a/two.bin", bytes(range(256)) * 9), ("b/" + "n" * 150, b"long"))


def archive(kind=tarfile.PAX_FORMAT):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=kind) as out:
        for name, content in FILES:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1.5
            out.addfile(member, io.BytesIO(content))
    return data.getvalue()


def headers(data):
    """Offsets of all headers."""
    at = 0
    while data[at:at + 1] != b"\0":
        yield at
        at += 512 + -(-int(data[at + 124:at + 135], 8) // 512) * 512


def with_field(data, at, offset, value, checksum=True):
    changed = bytearray(data)
    changed[at + offset:at + offset + len(value)] = value
    if checksum:
        changed[at + 148:at + 156] = b" " * 8
        total = sum(changed[at:at + 512])
        changed[at + 148:at + 156] = b"%06o\0 " % total
    return bytes(changed)


def bad_archives():
    good = archive()
    end = len(good.rstrip(b"\0"))
    for size in {100, 511, 512, 513, 1000, 1024, 1536, 2048, end // 2, end - 1, end, end + 100} | {
            at + part for at in headers(good) for part in (1, 256, 512)}:
        if size < -(-end // 512) * 512 + 512:
            yield f"cut to {size} bytes", good[:size]
    places = list(headers(good))
    for number, at in enumerate(places):
        for name, value in (("8 GiB", b"77777777777\0"), ("2^64-1", b"\xff" * 12),
                            ("nonsense", b"12x4567890 \0"),
                            ("2^63", b"\x80\0\0\0\x80" + bytes(7)), ("negative", b"-0000000001\0")):
            yield f"header {number} claims {name} bytes", with_field(good, at, 124, value)
        yield f"header {number} has a wrong checksum", with_field(good, at, 0, b"X", checksum=False)
    yield "no magic in front", with_field(good, 0, 257, b"xxxxx")
    pax = places[0] + 512
    for name, value in (("a record of 9999 bytes", b"9999"), ("a record of 0 bytes", b"0 mt"),
                        ("a record without a number", b"xxxx"),
                        ("a record of 2^64 bytes", b"18446744073709551616 x")):
        data = bytearray(good)
        data[pax:pax + len(value)] = value
        yield f"pax with {name}", bytes(data)
    yield "a size that the pax record makes 2^62", (lambda r: (
        good[:places[0]] + with_field(good, places[0], 124, b"%011o\0" % len(r))[places[0]:places[0] + 512] +
        r.ljust(512, b"\0") + good[places[1]:]))(b"29 size=4611686018427387904\n\n"[:28] + b"\n")
    yield "text behind the first header", good[:512] + b"no tar at all " * 300


def main():
    kernel, app = sys.argv[1:3]
    program = Path(app).read_bytes()
    cases = list(bad_archives())
    print(f"1..{len(cases) + 2}")
    with tempfile.TemporaryDirectory(prefix="bm-bad-") as work:
        path = f"{work}/initrd"

        def run(data):
            Path(path).write_bytes(bundle.pack([program, data]))
            return boot(Guest(kernel=kernel, initrd=path, timeout=60))

        number = 0
        for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            number += 1
            result = run(archive(kind))
            good = result.outcome == "exit:0" and f"{len(FILES)} files" in result.output
            print(f"{'ok' if good else 'not ok'} {number} - good archive {kind}")
        for name, data in cases:
            number += 1
            result = run(data)
            failed = result.outcome in ("crash", "refused") or re.fullmatch(r"exit:[1-9]\d*", result.outcome)
            good = failed and re.search(r"^(error|crash): ", result.output, re.MULTILINE)
            print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
            if not good:
                print(f"# {result.outcome}")
                for line in result.output.strip().splitlines()[:12]:
                    print(f"# | {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
