#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Memory maps that make no sense, by multiboot2: each must end in a sentence, or be put right.

bad_memory.py KERNEL APP. Speaks TAP, one boot a subtest. No loader hands over such maps, so
the image is the kernel's segments, the app, and a few instructions where QEMU enters it by PVH:
they go on to the kernel's multiboot2 entry, with information made here. Also machines with too
little memory for an image that QEMU loads.
"""
import re
import struct
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from run_guest import Guest, boot  # noqa: E402
from baremetal_tool.image import make_image  # noqa: E402

PT_LOAD, PT_NOTE = 1, 4
HEAD = struct.Struct("<IIQQQQQQ")  # type flags offset vaddr paddr filesz memsz align
INFO, STUB, APP = 0x400000, 0x500000, 0x800000  # where in memory
PAGE = 4096
RAM = 128 << 20  # of the machine
TOP = 1 << 40  # what QEMU's processor "max" can address


class Kernel:
    def __init__(self, path):
        self.data = Path(path).read_bytes()
        self.entry, at = struct.unpack_from("<QQ", self.data, 24)
        count, = struct.unpack_from("<H", self.data, 56)
        self.loads = [h for h in (HEAD.unpack_from(self.data, at + i * HEAD.size) for i in range(count))
                      if h[0] == PT_LOAD]


def image(kernel, info, app):
    """An ELF for QEMU that enters the kernel as a multiboot2 loader does."""
    code = b"\xb8" + struct.pack("<I", 0x36d76289)  # mov eax, the protocol
    code += b"\xbb" + struct.pack("<I", INFO)  # mov ebx, information
    code += b"\xb9" + struct.pack("<I", kernel.entry) + b"\xff\xe1"  # mov ecx, entry; jmp ecx
    note = struct.pack("<III", 4, 8, 18) + b"Xen\0" + struct.pack("<Q", STUB)
    parts = [(h[4], kernel.data[h[2]:h[2] + h[5]], h[6]) for h in kernel.loads]
    parts += [(at, data, len(data)) for at, data in ((INFO, info), (STUB, note + code), (APP, app))]
    note_place = len(note)
    heads, body = b"", b""
    for at, data, size in parts:
        offset = PAGE + len(body)
        heads += HEAD.pack(PT_LOAD, 7, offset, at, at, len(data), size, PAGE)
        if at == STUB:
            heads += HEAD.pack(PT_NOTE, 4, offset, at, at, note_place, note_place, 4)
        body += data + bytes(-len(data) % PAGE)
    header = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, STUB + note_place, 64, 0, 0, 64, HEAD.size, len(parts) + 1, 0, 0, 0)
    return (header + heads).ljust(PAGE, b"\0") + body


def tag(kind, content):
    return struct.pack("<II", kind, 8 + len(content)) + content + bytes(-len(content) % 8)


def memory(*ranges):
    return tag(6, struct.pack("<II", 24, 0) + b"".join(struct.pack("<QQII", *r, 1, 0) for r in ranges))


def framebuffer(at):
    return tag(8, struct.pack("<QIIIBBH6B", at, 4096, 1024, 768, 32, 1, 0, 16, 8, 8, 8, 0, 8))


def cases(app):
    """(name, tags, outcome, regex that the output must match)"""
    low, high = (0, 0x9f000), (0x100000, RAM - 0x100000)
    good = memory(low, high)
    module = tag(3, struct.pack("<II", APP, APP + len(app)) + b"\0")
    beyond = "^warning: memory map: .*left out"
    absent = "^error: .*memory where there is none"
    yield "a good one", good + module, "exit:0", "^argc=1$"
    yield "no memory map", module, "refused", "^error: the boot loader gave no memory map"
    yield "an empty memory map", memory() + module, "refused", "^error: .*no usable memory"
    yield "a map of less than a page", memory((0x100800, 0x1000)) + module, "refused", "^error: .*no usable memory"
    for name, extra in (("at 2^52", (1 << 52, 1 << 30)), ("at 2^63", (1 << 63, 1 << 30)),
                        ("where addresses end", (TOP, 1 << 30)),
                        ("around the end of 64 bits", (2**64 - 4096, 8192))):
        yield f"a range {name}", memory(low, high, extra) + module, "exit:0", beyond
        yield f"nothing but a range {name}", memory(extra) + module, "refused", "^error: .*no usable memory"
    for name, extra in (("over the end of addresses", (TOP - (1 << 30), 1 << 31)),
                        ("of all addresses", (0, 2**64 - 1))):
        yield f"a range {name}", memory(low, high, extra) + module, "refused", beyond
        yield f"a range {name}: what is wrong", memory(low, high, extra) + module, "refused", absent
    yield "eight times the memory", memory(low, (0x100000, 8 * RAM)) + module, "refused", absent
    for name, start in (("beyond memory", 0xc0000000), ("at the end of memory", RAM - PAGE)):
        yield (f"a module {name}", good + tag(3, struct.pack("<II", start, start + 2 * PAGE) + b"\0"),
               "refused", "^error: not enough memory")
    yield "a framebuffer", good + module + framebuffer(0xfd000000), "exit:0", "^argc=1$"
    for name, at in (("the kernel", 0x100000), ("the program", APP), ("free memory", 0x4000000)):
        yield (f"a framebuffer over {name}", good + module + framebuffer(at), "exit:0",
               "^warning: display: .*left out(.|\n)*^argc=1$")


def main():
    kernel_path, app_path = sys.argv[1:3]
    kernel, app = Kernel(kernel_path), Path(app_path).read_bytes()
    tests = list(cases(app))
    number = 0

    def judge(name, guest, outcome, pattern):
        nonlocal number
        number += 1
        result = boot(guest)
        good = result.outcome == outcome and re.search(pattern, result.output, re.MULTILINE)
        print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
        if not good:
            print(f"# {result.outcome}")
            for line in result.output.strip().splitlines()[:12]:
                print(f"# | {line}")

    with tempfile.TemporaryDirectory(prefix="bm-bad-") as work:
        # The app lies behind the kernel: from 64 KiB less than that to its last page but one. On pc,
        # the firmware has the last 128 KiB, and triple faults when there is less than this.
        path = f"{work}/elf"
        make_image(app_path, path, "elf", kernel=kernel_path)
        start, size = [(h[4], h[6]) for h in Kernel(path).loads][-1]
        little = [("microvm", kib) for kib in range((start >> 10) - 64 & -8, (start + size >> 10) - 4, 56)]
        little.append(("pc", (start + size >> 10) + 80))
        print(f"1..{len(tests) + len(little)}")
        for machine, kib in little:
            judge(f"{kib} KiB on {machine}", Guest(kernel=path, machine=machine, memory=f"{kib}K"), "refused",
                  "^error: not enough memory: the program or its files")
        path = f"{work}/image"
        for name, tags, outcome, pattern in tests:
            info = tags + tag(0, b"")
            Path(path).write_bytes(image(kernel, struct.pack("<II", 8 + len(info), 0) + info, app))
            judge(name, Guest(kernel=path, timeout=60), outcome, pattern)
    return 0


if __name__ == "__main__":
    sys.exit(main())
