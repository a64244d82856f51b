#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Seed inputs for the fuzzers: seeds.py TARGET DIR

Builds valid inputs of each kind, and for each a few mutants (a cut, a flipped bit, an
absurd number), so that a short run starts deep in the parser. The same each time.
"""
import io
import random
import struct
import sys
import tarfile
import zlib
from pathlib import Path

BASE = 0x10000  # FUZZ_BASE in memory.h


def multiboot2():
    def tag(kind, content):
        data = struct.pack("<II", kind, 8 + len(content)) + content
        return data + bytes(-len(data) % 8)

    def info(*tags):
        data = b"".join(tags) + tag(0, b"")
        return struct.pack("<II", 8 + len(data), 0) + data

    ram = [(0, 0x9fc00, 1), (0x9fc00, 0x400, 2), (0x100000, 0x7f00000, 1), (1 << 32, 1 << 30, 1)]
    memory = tag(6, struct.pack("<II", 24, 0) + b"".join(struct.pack("<QQII", *r, 0) for r in ram))
    screen = tag(8, struct.pack("<QIIIBBH6B", 0xfd000000, 4096, 1024, 768, 32, 1, 0, 16, 8, 8, 8, 0, 8))
    text = tag(8, struct.pack("<QIIIBBH", 0xb8000, 160, 80, 25, 16, 2, 0))
    module = tag(3, struct.pack("<II", 0x200000, 0x280000) + b"bundle\0")
    rsdp = b"RSD PTR \0BOCHS \2" + struct.pack("<IIQI", 0x7fe0000, 36, 0x7fe1000, 0)
    yield info(tag(1, b"bm.log=debug A=b one two\0"), tag(2, b"GRUB 2.06\0"), module, memory, text,
               tag(14, rsdp[:20]))
    yield info(tag(1, b"\0"), module, module, memory, screen, tag(12, bytes(8)), tag(15, rsdp))
    yield info(memory)


def pvh():
    line = b"bm.log=debug A=b -- one\0"
    ram = [(0, 0x9fc00, 1), (0x100000, 0x7f00000, 1), (0xfffc0000, 0x40000, 2)]
    map_data = b"".join(struct.pack("<QQII", *r, 0) for r in ram)
    modules = struct.pack("<QQQQ", 0x200000, 0x80000, 0, 0)
    at = BASE + 56
    yield (struct.pack("<IIIIQQQQII", 0x336ec578, 1, 0, 1, at, at + 32 + len(map_data), 0xf5a0,
                       at + 32, len(ram), 0) + modules + map_data + line)
    yield struct.pack("<IIIIQQQQII", 0x336ec578, 1, 0, 0, 0, 0, 0, at, len(ram), 0) + map_data
    yield struct.pack("<IIIIQQQ", 0x336ec578, 0, 0, 0, 0, 0, 0) + bytes(16)


def cmdline():
    yield b"bm.log=debug NAME=value one 'two three' \"four \\\" five\" \\ six -- bm.log=x"
    yield b"image A=1 x\0loader B=2 bm.stack=64K y virtio_mmio.device=512@0xfeb00e00:12"
    yield b"\0" + b" ".join(b"w%d" % i for i in range(300))
    yield b"'open"


def elf(api_version=1):
    """A small static PIE: note, code, relocation table, data with relro, dynamic."""
    note = struct.pack("<III", 10, 8, 1) + b"BareMetal\0\0\0" + struct.pack("<II", api_version, 0)
    dynamic = b"".join(struct.pack("<QQ", *d) for d in
                       ((7, 0x2000), (8, 24), (9, 24), (0x6ffffff9, 1), (0, 0)))
    heads = [  # type flags offset address physical file_size memory_size align
        (1, 4, 0, 0, 0, 0x300, 0x300, 4096),
        (1, 5, 0x1000, 0x1000, 0x1000, 0x10, 0x10, 4096),
        (1, 4, 0x2000, 0x2000, 0x2000, 24, 24, 4096),
        (1, 6, 0x3000, 0x3000, 0x3000, 0x1010, 0x3000, 4096),
        (2, 6, 0x3000, 0x3000, 0x3000, len(dynamic), len(dynamic), 8),
        (4, 4, 0x280, 0x280, 0x280, len(note), len(note), 4),
        (0x6474e552, 4, 0x3000, 0x3000, 0x3000, 0x1000, 0x1000, 1),
        (0x6474e551, 6, 0, 0, 0, 0, 0, 16),
    ]
    header = (b"\x7fELF\2\1\1" + bytes(9) +
              struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0x1000, 64, 0, 0, 64, 56, len(heads), 0, 0, 0))
    image = bytearray(0x4010)
    image[:64] = header
    image[64:64 + 56 * len(heads)] = b"".join(struct.pack("<IIQQQQQQ", *h) for h in heads)
    image[0x280:0x280 + len(note)] = note
    image[0x1000:0x1002] = b"\x0f\x0b"
    image[0x2000:0x2018] = struct.pack("<QQq", 0x4000, 8, 0x1000)
    image[0x3000:0x3000 + len(dynamic)] = dynamic
    yield bytes(image)


def tar():
    def archive(kind):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=kind) as out:
            for name, content in (("dir", None), ("dir/one.txt", b"hello\n"), ("empty", b""),
                                  ("dir/" + "long" * 30 + "/" + "name" * 20, b"x" * 600)):
                member = tarfile.TarInfo(name)
                member.mtime = 1700000000
                if content is None:
                    member.type, member.mode = tarfile.DIRTYPE, 0o755
                else:
                    member.size = len(content)
                out.addfile(member, io.BytesIO(content or b""))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "dir/one.txt"
            out.addfile(link)
        return data.getvalue()
    for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        yield archive(kind)


def bmfs():
    def record(name, start, reserved, size, unused=0):
        return struct.pack("<32sQQQQ", name, start, reserved, size, unused)
    hint = 0x6d766564706c6300
    operations = bytes((1, 0x10, 4, 0x30, 7, 0, 3, 1, 5, 0x41, 8, 1, 2, 1, 6, 0x20, 9, 0x10, 4, 0x11)) + b"\0"
    good = record(b"a", 1, 2, 100) + record(b"\1b", 3, 1, 5) + record(b"c", 3, 4, 5000000)
    for options in (0, 32, 33, 40):
        yield bytes((options,)) + operations + good
    yield b"\x20" + operations + b"".join(record(b"n%d" % i, 1 + i % 30, 1, 7) for i in range(64))
    yield b"\0" + operations + record(b"a", 1, 3, 5) + record(b"b", 2, 3, 5) + record(b"x" * 32, 9, 1, 5)
    yield b"\x20" + operations + record(b"a", 1, 3, 5) + record(b"b", 1, 3, 5, hint) + record(b"a", 5, 1, 1)
    yield b"\6" + operations + bytes(4096) + good
    yield b"\x20" + operations + record(b"a", 33, 2, 32768) + record(b"b", 12, 23, 376832)
    moving = [0x736c64 << 40 | gap << 20 | split for gap, split in ((2, 0), (2, 3), (1, 7), (9, 9), (0xfffff, 1))]
    for options in (0, 16, 32, 49):
        for hint in moving:
            yield (bytes((options,)) + operations + record(b"a", 1, 9, 100000, hint) +
                   record(b"b", 12, 9, 100000, hint))
    yield b"\0" + operations + record(b"a", 1, 1, 9 << 20) + record(b"b", 99, 1, 5) + record(b"c", 30, 9, 5)


def partition():
    def mbr(*entries):
        table = b"".join(struct.pack("<B3xB3xII", 0, *e) for e in entries)
        return bytes(446) + table.ljust(64, b"\0") + b"\x55\xaa"

    def place(units, data):
        return struct.pack("<H", units) + data
    yield b"\0" + place(0, mbr((0x83, 2048, 4096), (0x7f, 65536, 131072)))
    yield (b"\0" + place(0, mbr((0x05, 128, 500000))) + place(1, mbr((0x7f, 128, 65536), (5, 65664, 70000))) +
           place(514, mbr((0x7f, 128, 65536))))
    kind = bytes.fromhex("42464d5d4653424d8b6d626d66733031")
    entries = (kind + b"\1" * 16 + struct.pack("<QQ", 4096, 200000)).ljust(128, b"\0").ljust(512, b"\0")
    head = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, 2097151, 34, 2097118, b"\2" * 16,
                       2, 4, 128, zlib.crc32(entries))
    head = head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]
    yield (b"\0" + place(0, mbr((0xee, 1, 2097151))) + place(0, head.ljust(512, b"\0")) + place(0, entries))


def symbols():
    names = b"kernel_main\0panic\0main\0helper\0"
    entries = [(0x100000, 0x40, 0), (0x100040, 0x80, 12), (0x1000, 0x20, 18), (0x1020, 0x10, 23)]
    yield (b"BMSYMS01" + struct.pack("<IIII", 2, 2, len(names), 0) +
           b"".join(struct.pack("<III", *e) for e in entries) + names)
    yield b"BMSYMS01" + bytes(16)


def bundle():
    members = [next(elf()), next(tar()), next(symbols())]
    args = b"A=b hello"
    offset, table, body = 4096, b"", b""
    for data in members:
        table += struct.pack("<QQ", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4096)
    table += bytes(16 * (8 - len(members)))
    head = b"BMBUND01" + struct.pack("<II", len(members), len(args)) + table + args
    yield head + bytes(4096 - len(head)) + body
    yield b"BMBUND01" + struct.pack("<II", 0, 0) + bytes(128)


def acpi():
    def table(signature, content, revision=1):
        size = 36 + len(content)
        head = signature + struct.pack("<IBB6s8sIII", size, revision, 0, b"BOCHS ", b"BXPC    ", 1, 0, 1)
        data = bytearray(head + content)
        data[9] = -sum(data) & 255
        return bytes(data)

    def rsdp(revision, rsdt, xsdt):
        data = bytearray(b"RSD PTR \0BOCHS " + struct.pack("<BI", revision, rsdt))
        data[8] = -sum(data) & 255
        if revision >= 2:
            data += struct.pack("<IQI", 36, xsdt, 0)
            data[32] = -sum(data) & 255
        return bytes(data)

    def machine(revision, base):
        """Tables one after the other from `base` on."""
        dsdt = table(b"DSDT", bytes.fromhex("08 5f53355f 12 06 04 0a 05 0a 05 00 00".replace(" ", "")))
        root = base + 64
        fadt_at = root + 64
        dsdt_at = fadt_at + 276
        fadt = bytearray(276 - 36)
        struct.pack_into("<II", fadt, 0, 0, dsdt_at)
        struct.pack_into("<IIIIIIII", fadt, 20, 0x600, 0, 0x604, 0, 0, 0x608, 0xafe0, 0)
        fadt[72] = 0x32
        struct.pack_into("<I", fadt, 76, 1 << 10)
        struct.pack_into("<BBBBQB", fadt, 80, 1, 8, 0, 1, 0xcf9, 6)
        body = rsdp(revision, root, root).ljust(64, b"\0")
        address = struct.pack("<Q" if revision >= 2 else "<I", fadt_at)
        body += table(b"XSDT" if revision >= 2 else b"RSDT", address).ljust(64, b"\0")
        return body + table(b"FACP", bytes(fadt), 5) + dsdt
    for base in (BASE, 0):
        for revision in (0, 2):
            yield machine(revision, base)


def madt():
    def table(room, *entries):
        body = b"".join(entries)
        return struct.pack("<H4sIBB6s8sIIIII", room, b"APIC", 44 + len(body), 5, 0, b"BOCHS ", b"BXPC    ",
                           1, 0, 1, 0xfee00000, 1) + body

    def local(number, flags=1):
        return struct.pack("<BBBBI", 0, 8, number, number, flags)

    def x2(number, flags=1):
        return struct.pack("<BBHIII", 9, 16, 0, number, flags, number)
    io = struct.pack("<BBBBII", 1, 12, 0, 0, 0xfec00000, 0)
    yield table(1024, *map(local, range(8)), io, struct.pack("<BBBHB", 4, 6, 255, 5, 1))
    yield table(3, *map(x2, range(300)), local(1), local(2, 0), x2(2, 0))
    yield table(1024, local(1), x2(1), x2(1), local(0))


def ata_words(packet=False, queue=True, size=512):
    """IDENTIFY data of a good device."""
    words = [0] * 256
    words[0] = 0x8580 if packet else 0x0040
    for at, count in ((10, 10), (23, 4), (27, 20)):
        words[at:at + count] = [0x4142] * count
    words[49], words[63], words[88] = 0x0300, 7, 0x203f
    words[60], words[83], words[100] = 4096, 0x7400, 4096
    words[84] = words[87] = 0x4060
    words[85], words[169] = 0x20, 1
    if queue:
        words[75], words[76] = 31, 0x0100
    if size != 512:
        words[106], words[117] = 0x5000, size // 2
    return struct.pack("<256H", *words)


def ata_identify():
    yield ata_words() + bytes(range(16))
    yield ata_words(queue=False) + b"\xff" * 16
    yield ata_words(size=4096) + bytes(range(100, 116))
    yield ata_words(packet=True)


def ahci():
    noise = random.Random(4)
    for choice in (0, 1):
        # Quiet registers until the device has identified itself, then noise.
        yield bytes([choice]) * 26 + bytes(4) + ata_words(packet=bool(choice)) + noise.randbytes(4000)
    yield noise.randbytes(4000)


def ata():
    noise = random.Random(5)
    yield bytes([0x45]) * 40 + ata_words() + noise.randbytes(4000)
    yield bytes(40) + ata_words() + noise.randbytes(4000)
    yield noise.randbytes(4000)


def device_tables():
    ecam = struct.pack("<QHBBI", 0xe0000000, 0, 0, 255, 0) + struct.pack("<QHBBI", 1 << 40, 1, 0, 31, 0)
    yield b"\0" + bytes(44) + ecam
    dword = struct.pack("<BHBBBIIIII", 0x87, 0x17, 0, 0xc, 1, 0, 0xc0000000, 0xdfffffff, 0, 0x20000000)
    qword = struct.pack("<BHBBBQQQQQ", 0x8a, 0x2b, 0, 0xc, 1, 0, 0xe0000000, 0xefffffff, 0, 0x10000000)
    yield b"\1" + bytes(36) + dword + qword
    yield b"\2" + bytes(36) + b"\x14\x0e_CBA\0\xa4\x0c\0\0\0\xe0" + qword
    yield b"\2" + bytes(36) + b"\x08_CBA\x0e\0\0\0\0\x10\0\0\0" + qword
    yield b"\3" + bytes(44) + struct.pack("<BBBBII", 1, 12, 0, 0, 0xfec00000, 0)
    yield b"\4bm.log=info virtio_mmio.device=512@0xfeb00e00:5 virtio_mmio.device=4K@0xd0000000:0x6:1 a"
    resources = struct.pack("<BHBII", 0x86, 9, 1, 0xfeb00000, 512) + struct.pack("<BHBBI", 0x89, 6, 9, 1, 16)
    yield b"\5" + bytes(36) + (b"_HID\x0dLNRO0005\0_CRS" + resources) * 3


def pci():
    def function(slot, bus, identity, kind=0, rest=b""):
        header = struct.pack("<IHHIBBBB", identity, 0, 0, 0x01000000, 0, 0, kind, 0) + rest
        return bytes([bus << 6 | slot << 1 | 1]) + header.ljust(64, b"\0")
    bars = struct.pack("<IIII", 0, 1, 0xc, 0)
    bridge = struct.pack("<IIBBBBHHHH", 0, 0, 0, 1, 1, 0, 0, 0, 0xfff0, 0)
    yield function(0, 0, 0x12378086) + function(1, 0, 0x10421af4, 0, bars)
    yield function(1, 0, 0x000c1b36, 1, bridge) + function(0, 1, 0x00101b36, 0, bars)
    yield b"".join(function(i, i % 4, 0x11111111, i & 1, bridge if i & 1 else bars) for i in range(30))


def virtio_blk():
    for version, features in ((1, 0), (2, 0x30000001), (2, 0x10000247), (1, 0x20000644)):
        start = struct.pack("<IBB", features, version, 7)
        yield start + bytes([0, 1, 0, 7, 0, 0, 2, 0, 0, 7, 0, 0, 1, 2, 13, 2, 1, 0, 7, 0, 0, 3, 9, 9, 7, 0, 0]) * 4
        yield start + bytes([0, 1, 9, 0, 2, 12, 0, 3, 2, 6, 200, 0, 7, 0, 0, 5, 1, 0, 7, 0, 0]) * 3


def net():
    """Frames to the interface of fuzz_net.c: lists of length and frame."""
    mac = bytes.fromhex("020000000001") + bytes.fromhex("020000000002")
    here, there = bytes([192, 0, 2, 77]), bytes([192, 0, 2, 1])

    def listed(*frames):
        return b"".join(struct.pack(">H", len(frame) | time << 14) + frame for time, frame in frames)

    def ip4(protocol, body, fragment=0):
        return mac + struct.pack(">HBBHHHBBH", 0x800, 0x45, 0, 20 + len(body), 9, fragment, 64, protocol, 0) + there + here + body

    def tcp(sequence, acknowledged, flags, data=b"", options=b""):
        return ip4(6, struct.pack(">HHIIBBHHH", 4000, 80, sequence, acknowledged, (5 + len(options) // 4) << 4, flags, 8192, 0, 0)
                   + options + data)

    def ip6(protocol, body):
        own = bytes.fromhex("fe80000000000000000000fffe000001")
        return mac + struct.pack(">HIHBB", 0x86dd, 0x60000000, len(body), protocol, 255) + bytes.fromhex("fe80" + "00" * 13 + "01") + own + body

    arp = mac + struct.pack(">HHHBBH6s4s6s4s", 0x806, 1, 0x800, 6, 4, 1, mac[6:], there, bytes(6), here)
    syn = tcp(1, 0, 2, options=b"\2\4\5\xb4\4\2\1\3\3\7\0\0")
    yield listed((0, arp), (0, syn), (1, tcp(2, 6511, 16)), (0, tcp(2, 6511, 24, b"GET /")), (1, tcp(7, 6511, 17)))
    yield listed((0, arp), (0, ip4(17, struct.pack(">HHHH", 1000, 7, 12, 0) + b"echo")), (0, ip4(1, b"\x08\0\0\0\0\1\0\1ping")))
    yield listed((0, ip4(17, bytes(64), 0x2000)), (0, ip4(17, bytes(64), 0x2004)), (1, ip4(17, bytes(32), 12)))
    yield listed((0, ip4(17, struct.pack(">HHHH", 67, 68, 300, 0) + b"\2\1\6\0" + bytes(232) + b"\x63\x82\x53\x63\x35\1\2\xff" + bytes(40))))
    yield listed((0, ip4(17, struct.pack(">HHHH", 53, 49152, 60, 0) + b"\0\1\x81\x80\0\1\0\1\0\0\0\0\1a\4test\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4")))
    yield listed((0, ip6(58, struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + struct.pack(">BBBBIII", 3, 4, 64, 0xc0, 9, 9, 0)
                         + bytes.fromhex("20010db8000500000000000000000000"))), (1, ip6(58, struct.pack(">BBHI", 135, 0, 0, 0) + bytes(16))))


def virtio_net():
    config = b"\x52\x54\0\1\2\3\1\0\2\0\xdc\5" + bytes(20)
    steps = bytes([0, 1, 60, 0, 3, 20, 8, 0, 0, 2, 0, 10, 3, 1, 8, 11, 0, 0, 4, 5, 4, 11, 0, 0, 9, 8, 24, 6, 1, 1, 11, 0, 0,
                   10, 0, 1, 7, 20, 1, 9, 8, 8, 10, 1, 0, 0, 3, 40, 11, 0, 0, 5, 2, 3, 8, 0, 0, 11, 0, 0])
    for features in (0, 0x08000020, 0x38c79983, 0x30c79983, 0x10008000, 0x28429fab):
        for vectors in range(3):
            yield struct.pack("<IBB", features, 255, vectors) + config + steps * 3


def http():
    def request(line, *headers, body=b""):
        text = "\r\n".join([line + " HTTP/1.1", "Host: a", *headers]) + "\r\n\r\n"
        return text.encode() + body

    pieces = b"\3\x10"
    chunked = b"5\r\nhello\r\n3;a=b\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"
    yield pieces + request("GET /") * 3
    yield pieces + request("GET /r/x%41?q=1%202&r=3", "X-Header: a/b") + request("HEAD /r")
    yield pieces + request("POST /r", "Content-Length: 11", body=b"f=abc+d%20e") + request("GET /f/a%20b")
    yield pieces + request("PUT /r", "Transfer-Encoding: chunked", body=chunked) + request("OPTIONS /r")
    yield pieces + request("POST /r", "Content-Length: 3", "Expect: 100-continue", body=b"abc")
    yield pieces + request("GET /medium", "Range: bytes=0-9,20-29,-5") + request("GET /large", "Range: bytes=5-")
    yield pieces + request("GET /large") + request("GET /f/") + request("GET /f") + request("DELETE /medium")
    yield pieces + request("GET /medium", 'If-None-Match: "x", W/"4e20-0"', "If-Range: Sun, 06 Nov 1994 08:49:37 GMT")
    yield pieces + request("GET /medium", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT",
                           "If-Unmodified-Since: Sun Nov  6 08:49:37 1994", "If-Match: *")
    yield pieces + request("GET /file/../secret") + request("GET /file/f/a%20b") + request("GET /to/http://b/")
    yield pieces + request("GET http://host/%2e%2e/f/../index.html", "Connection: close, x") + request("GET /")
    yield pieces + b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2
    yield pieces + request("POST /r", "Content-Length: 1", "Transfer-Encoding: chunked", body=chunked)


def e1000_steps(done):
    def step(kind, word=0, *more):
        return struct.pack("<Q", kind << 60 | word) + b"".join(struct.pack("<Q", m) for m in more)

    def receive(slot, word):
        return step(0, slot << 1, word) + step(6, 32)

    sizes = struct.pack("<8H", 100, 1400, 40, 3, 60, 60, 60, 60)
    segment = 6 << 4 | 34 << 8 | 1 << 16 | 1 << 22 | 1460 << 24 | 54 << 40
    body = b"".join(receive(slot, done(length)) for slot, length in enumerate((60, 1518, 13, 2049, 0xffff)))
    body += step(9, 0) + sizes[:2] + step(9, 3 | 2 << 4) + sizes[:8] + step(9, 2 | segment) + sizes[:6]
    body += step(0, 1, 1 << 32) + step(12) + step(14, 3) + step(13) + step(15, 5)
    # How many bytes starting takes, the fuzzer finds out: each read of a register is one.
    for prefix in range(40, 440, 25):
        yield bytes(prefix) + body * 3


def e1000():
    return e1000_steps(lambda length: length | 3 << 32)


def e1000e():
    return e1000_steps(lambda length: length << 32 | 3)


def mutants(data, rng):
    yield data[:rng.randrange(len(data) + 1)]
    for _ in range(3):
        mutant = bytearray(data)
        at = rng.randrange(len(mutant))
        mutant[at] ^= 1 << rng.randrange(8)
        yield bytes(mutant)
    for number in (0xffffffff, 0x7fffffff, 0x80000000):
        mutant = bytearray(data)
        at = rng.randrange(max(1, min(len(mutant), 512) - 4)) & ~3
        mutant[at:at + 4] = struct.pack("<I", number)
        yield bytes(mutant)


KINDS = {f.__name__: f for f in (multiboot2, pvh, cmdline, elf, tar, symbols, bundle, acpi, madt, bmfs, partition,
                                 device_tables, pci, virtio_blk, virtio_net, net, ata_identify, ahci, ata, e1000,
                                 e1000e, http)}


def main():
    kind, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(kind)
    number = 0
    for seed in KINDS[kind]():
        for data in (seed, *mutants(seed, rng)):
            (folder / f"seed-{number:03}").write_bytes(data)
            number += 1


if __name__ == "__main__":
    main()
