# SPDX-License-Identifier: MIT
"""Bundles: app, boot filesystem and symbols in one file (kernel/boot/bundle.h)."""

import io
import os
import struct
from collections import namedtuple

from .archive import source_date_epoch, too_large, write_archive
from .elf import PAGE, page_up
from .errors import Problem

MAGIC = b"BMBUND01"
MEMBERS_MAX = 8
ARGS_MAX = 3072
HEADER = struct.Struct("<8sII")
MEMBER = struct.Struct("<QQ")
HEADER_SIZE = HEADER.size + MEMBERS_MAX * MEMBER.size

Member = namedtuple("Member", "kind offset size")


def write_bundle(out, base, contents, root, args, most=None):
    """Write a bundle of at most `most` bytes at offset `base` of the file `out`; returns (its size, Summary of root).

    contents: members as bytes; root: the folder of a boot filesystem, one more member, or None;
    args: the image's own command line as bytes.
    """
    if len(args) > ARGS_MAX:
        raise Problem(f"the image's command line is {len(args)} bytes long; {ARGS_MAX} fit",
                      "put the rest into a file of the boot filesystem (--root)")
    writers = [lambda content=content: out.write(content) for content in contents]
    end = None if most is None else base + most
    if root is not None:
        writers.append(lambda: write_archive(out, root, source_date_epoch(), end))
    if len(writers) > MEMBERS_MAX:
        raise Problem(f"a bundle has at most {MEMBERS_MAX} members", "leave some out")
    members, at, result = [], PAGE, None
    for writer in writers:
        out.seek(base + at)
        result = writer()
        members.append((at, out.tell() - base - at))
        at = page_up(out.tell() - base)
        if end is not None and base + at > end:
            raise too_large()
    header = HEADER.pack(MAGIC, len(members), len(args))
    header += b"".join(MEMBER.pack(*m) for m in members)
    out.seek(base)
    out.write(header.ljust(HEADER_SIZE, b"\0") + args)
    out.truncate(base + at)
    return at, result if root is not None else None


def archive(root):
    """The boot filesystem made from a folder, as bytes."""
    out = io.BytesIO()
    write_archive(out, root, source_date_epoch())
    return out.getvalue()


def pack(contents, args=""):
    """A bundle of members given as bytes, as bytes."""
    out = io.BytesIO()
    size, _ = write_bundle(out, 0, contents, None, os.fsencode(args))
    return out.getvalue().ljust(size, b"\0")


def read_bundle(data, base):
    """(args, members) of the bundle at `base` of a bytes-like object, or None if it is not one."""
    if len(data) - base < HEADER_SIZE:
        return None
    magic, count, args_size = HEADER.unpack_from(data, base)
    if magic != MAGIC or count > MEMBERS_MAX or args_size > ARGS_MAX:
        return None
    members = []
    for i in range(count):
        offset, size = MEMBER.unpack_from(data, base + HEADER.size + i * MEMBER.size)
        if offset % PAGE or offset < PAGE or base + offset + size > len(data):
            return None
        start = bytes(data[base + offset:base + offset + min(size, 262)])
        kind = ("application" if start[:4] == b"\x7fELF" else
                "symbols" if start[:8] == b"BMSYMS01" else
                "boot filesystem" if start[257:262] == b"ustar" else "unknown")
        members.append(Member(kind, base + offset, size))
    args_at = base + HEADER_SIZE
    return bytes(data[args_at:args_at + args_size]), members
