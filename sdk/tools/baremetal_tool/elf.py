# SPDX-License-Identifier: MIT
"""ELF64 files for x86-64: read, strip, and put a bundle into the kernel.

Everything in a file is checked against the file's size before it is used.
"""

import errno
import os
import stat
import struct
from collections import namedtuple

from .errors import Problem, shown

PT_NULL, PT_LOAD, PT_INTERP, PT_NOTE = 0, 1, 3, 4
ET_EXEC, ET_DYN = 2, 3
EM_X86_64 = 62
SHT_SYMTAB = 2
STT_FUNC = 2
PAGE = 4096
NOTE_NAME = b"BareMetal"
NOTE_APP = 1     # sdk/include/baremetal/api.h
NOTE_BUNDLE = 2  # kernel/boot/bundle.h
LOAD_END = 0xc0000000  # images and modules lie below: there a PC's memory below 4 GiB ends

EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
SHDR = struct.Struct("<IIQQQQIIQQ")
SYM = struct.Struct("<IBBHQQ")

Segment = namedtuple("Segment", "type flags offset vaddr paddr filesz memsz align")
Section = namedtuple("Section", "name type flags addr offset size link info align entsize")
Function = namedtuple("Function", "address size name strength")


def page_up(n):
    return (n + PAGE - 1) & -PAGE


def check_file(path):
    """Refuse what is no file on a disk: devices and pipes may have no end, or block."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise Problem(f"{shown(path)} is a device or a pipe, not a file", "copy it into a file first")


def read_file(path):
    check_file(path)
    with open(path, "rb") as file:
        return file.read()


class Elf:
    def __init__(self, path):
        self.path = path
        self.data = read_file(path)
        if self.data[:4] != b"\x7fELF":
            raise self.problem("is not an ELF file", "give the program that the linker made")
        if self.data[4:6] != b"\x02\x01" or len(self.data) < EHDR.size:
            raise self.problem("is not a 64-bit ELF file", "compile it with the SDK's flags")
        (_, self.type, self.machine, _, self.entry, self.phoff, self.shoff, _, _, phentsize,
         phnum, shentsize, shnum, _) = EHDR.unpack_from(self.data)
        if self.machine != EM_X86_64:
            raise self.problem("is for another processor", "compile it with the SDK's flags")
        if phnum and phentsize != PHDR.size:
            raise self.broken()
        self.segments = [Segment(*f) for f in self.table(PHDR, self.phoff, phnum)]
        for s in self.segments:
            if s.type != PT_NULL and s.offset + s.filesz > len(self.data):
                raise self.broken()
        self.sections = []
        if self.shoff and shnum:
            if shentsize != SHDR.size:
                raise self.broken()
            self.sections = [Section(*f) for f in self.table(SHDR, self.shoff, shnum)]

    def problem(self, text, fix=None):
        return Problem(f"{shown(self.path)} {text}", fix)

    def broken(self):
        return self.problem("is a damaged ELF file (a table lies beyond its end)",
                            "build it again")

    def table(self, entry, offset, count):
        if offset + count * entry.size > len(self.data):
            raise self.broken()
        return [entry.unpack_from(self.data, offset + i * entry.size) for i in range(count)]

    def loads(self):
        return [s for s in self.segments if s.type == PT_LOAD]

    def notes(self):
        """(name, type, descriptor) of each ELF note."""
        for s in self.segments:
            if s.type != PT_NOTE:
                continue
            at, end = s.offset, s.offset + s.filesz
            while at + 12 <= end:
                namesz, descsz, kind = struct.unpack_from("<III", self.data, at)
                name_at, desc_at = at + 12, at + 12 + (namesz + 3 & ~3)
                at = desc_at + (descsz + 3 & ~3)
                if desc_at + descsz > end:
                    break
                yield (self.data[name_at:name_at + namesz].rstrip(b"\0"), kind,
                       self.data[desc_at:desc_at + descsz])

    def note(self, kind):
        for name, t, desc in self.notes():
            if name == NOTE_NAME and t == kind:
                return desc
        return None

    def is_kernel(self):
        return self.note(NOTE_BUNDLE) is not None

    def is_app(self):
        return self.note(NOTE_APP) is not None

    def bundle_slot(self):
        """Of a kernel: where in the file the place and size of its bundle are written, once it has one."""
        note = self.note(NOTE_BUNDLE)
        no_kernel = self.problem("is not a kernel of this SDK", "give a kernel.elf of this SDK")
        if note is None or len(note) < 8:
            raise no_kernel
        slot = self.file_offset(struct.unpack_from("<Q", note)[0], 16)
        if struct.unpack_from("<QQ", self.data, slot) != (0, 0):
            raise self.problem("holds a bundle already", "give the SDK's own kernel.elf")
        if not any(s.type == PT_NULL for s in self.segments):  # it becomes the bundle's
            raise no_kernel
        return slot

    def bundle_address(self):
        """Of a kernel: the first page behind it in memory."""
        return page_up(max(s.paddr + s.memsz for s in self.loads()))

    def check_app(self):
        """Refuse what the kernel would refuse, with advice for a developer."""
        use = "link it with what `pkg-config --libs baremetal` prints, or with baremetal-cc"
        if self.is_kernel():
            raise self.problem("is a kernel or an image, not an application",
                               "give the program that your project builds")
        if any(s.type == PT_INTERP for s in self.segments):
            raise self.problem("is a program for this host: it needs a dynamic linker", use)
        if self.type != ET_DYN:
            raise self.problem("is not position-independent", use)
        if not self.is_app():
            raise self.problem("carries no BareMetal note: the SDK's start-up file is not in it",
                               use)

    def file_offset(self, address, size):
        """Where `size` bytes at a virtual address lie in the file."""
        for s in self.loads():
            if s.vaddr <= address and address + size <= s.vaddr + s.filesz:
                return s.offset + address - s.vaddr
        raise self.broken()

    def stripped(self):
        """The file without section headers and what only they describe: symbols, debug data."""
        end = max([EHDR.size, self.phoff + len(self.segments) * PHDR.size] +
                  [s.offset + s.filesz for s in self.segments if s.type != PT_NULL])
        data = bytearray(self.data[:end])
        struct.pack_into("<Q", data, 40, 0)            # e_shoff
        struct.pack_into("<HHH", data, 58, 64, 0, 0)   # e_shentsize, e_shnum, e_shstrndx
        return data

    def string(self, table, offset):
        if offset >= table.size:
            raise self.broken()
        start = table.offset + offset
        end = self.data.find(b"\0", start, table.offset + table.size)
        if end < 0:
            raise self.broken()
        return self.data[start:end]

    def functions(self):
        """The functions of the symbol table, sorted, one an address; none in a stripped file."""
        best = {}
        for table in (s for s in self.sections if s.type == SHT_SYMTAB):
            if table.link >= len(self.sections):
                raise self.broken()
            strings = self.sections[table.link]
            if strings.offset + strings.size > len(self.data):
                raise self.broken()
            for name, info, _, section, address, size in self.table(
                    SYM, table.offset, table.size // SYM.size):
                if info & 15 != STT_FUNC or not 0 < section < len(self.sections):
                    continue
                found = Function(address, size, self.string(strings, name), (size > 0, info >> 4))
                if found.name and (address not in best or found.strength > best[address].strength):
                    best[address] = found
        functions = [best[a] for a in sorted(best)]
        # Assembly functions may have no size: they reach to the next one, within their section.
        for i, f in enumerate(functions):
            if f.size == 0:
                ends = [s.addr + s.size for s in self.sections
                        if s.addr <= f.address < s.addr + s.size]
                ends += [functions[i + 1].address] if i + 1 < len(functions) else []
                functions[i] = f._replace(size=min(ends, default=f.address) - f.address)
        return functions


def kernel_with_bundle(kernel):
    """Prepare a kernel file for a bundle appended to it.

    Returns (bytes, offset, finish): the stripped kernel padded to `offset`, where the bundle
    goes in the file, and finish(size), which gives the patches [(offset, bytes)] that turn the
    spare program header into a PT_LOAD and fill the bundle slot.
    """
    slot = kernel.bundle_slot()
    spare = next(i for i, s in enumerate(kernel.segments) if s.type == PT_NULL)
    physical = kernel.bundle_address()
    data = kernel.stripped()
    offset = page_up(len(data))
    data += bytes(offset - len(data))

    def finish(size):
        header = PHDR.pack(PT_LOAD, 4, offset, physical, physical, size, size, PAGE)
        return [(kernel.phoff + spare * PHDR.size, header),
                (slot, struct.pack("<QQ", physical, size))]

    return data, offset, finish
