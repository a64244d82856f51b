# SPDX-License-Identifier: MIT
"""The boot filesystem: a pax archive made from a folder, the same bytes from the same folder.

Entries are sorted by their bytes, owned by root and read-only; times are kept, but none is later
than SOURCE_DATE_EPOCH if that is set. Symbolic links stay links, with a message about one that leads
nowhere in the guest; sockets, devices and pipes are left out with a message, and so is what bears a
name that the guest gives to something of its own.
"""

import os
import re
import stat
import tarfile
from collections import namedtuple

from .errors import Problem, from_oserror, shown, tell

Summary = namedtuple("Summary", "files folders bytes")

# What the guest has at these places (sdk/libbaremetal/files/boot.c, device.c).
GUEST_FOLDERS = (b"tmp", b"dev")
GUEST_DEVICES = tuple(b"dev/" + name for name in (
    b"null", b"zero", b"full", b"urandom", b"random", b"console", b"tty", b"stdin", b"stdout",
    b"stderr"))


DISK = re.compile(rb"disk[0-9]+")  # places of disks with BMFS, where there are any


def source_date_epoch():
    """SOURCE_DATE_EPOCH as a number, or None."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if text is None or text == "":
        return None
    if not text.isascii() or not text.isdigit() or int(text) >= 1 << 33:
        raise Problem(f"SOURCE_DATE_EPOCH is not a number of seconds: {shown(text)}",
                      "set it as `date +%s` prints it, or unset it")
    return int(text)


def walk(folder):
    """Yield (archive name, host path, lstat result), folders before what is in them."""
    def visit(path, name):
        try:
            entries = sorted(os.listdir(path))
        except OSError as error:
            raise from_oserror(error, path) from None
        for entry in entries:
            child, child_name = os.path.join(path, entry), name + entry
            try:
                info = os.lstat(child)
            except OSError as error:
                raise from_oserror(error, child) from None
            kind = stat.S_IFMT(info.st_mode)
            if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                tell(f"left out: {shown(child)} (neither file, folder nor link)")
                continue
            if child_name in GUEST_DEVICES or (child_name in GUEST_FOLDERS and
                                               kind != stat.S_IFDIR):
                what = "device" if child_name in GUEST_DEVICES else "folder"
                tell(f"left out: {shown(child)} (the guest has a {what} of its own there)")
                continue
            if DISK.fullmatch(child_name):
                tell(f"{shown(child)} is hidden from a guest that has a disk with files: "
                     f"/{shown(child_name)} is its place")
            yield child_name, child, info
            if kind == stat.S_IFDIR:
                yield from visit(child, child_name + b"/")

    try:
        info = os.stat(folder)
    except OSError as error:
        raise from_oserror(error, folder) from None
    if not stat.S_ISDIR(info.st_mode):
        raise Problem(f"{shown(folder)} is not a folder", "give --root a folder")
    yield from visit(os.fsencode(folder), b"")


def leads_inside(root, name, target):
    """Does a link at `name` lead to something in the folder `root`, seen as the guest's /?"""
    start = b"/" if target.startswith(b"/") else os.path.dirname(b"/" + name)
    return os.path.lexists(os.fsencode(root) + os.path.normpath(os.path.join(start, target)))


def too_large():
    return Problem("the boot filesystem is too large: an image must fit below 3 GiB of memory",
                   "put fewer files into --root, or larger ones on a disk (`baremetal disk create`)")


def write_archive(out, folder, epoch, end=None):
    """Write the archive of `folder` to the binary file `out`, up to its offset `end` at most."""
    files = folders = size = 0
    # errors=: names that are not UTF-8 keep their bytes (pax's hdrcharset=BINARY).
    any_entry = False
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8",
                      errors="surrogateescape") as tar:
        for name, path, info in walk(folder):
            any_entry = True
            entry = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
            entry.mtime = max(0, int(info.st_mtime))
            if epoch is not None:
                entry.mtime = min(entry.mtime, epoch)
            entry.mode = 0o555 if info.st_mode & 0o100 else 0o444
            if stat.S_ISDIR(info.st_mode):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o555
                tar.addfile(entry)
                folders += 1
                continue
            if stat.S_ISLNK(info.st_mode):
                target = os.readlink(path)
                if not leads_inside(folder, name, target):
                    tell(f"{shown(path)} is a link that leads nowhere in the guest: {shown(target)}")
                entry.type, entry.mode = tarfile.SYMTYPE, 0o777
                entry.linkname = target.decode("utf-8", "surrogateescape")
                tar.addfile(entry)
                continue
            try:
                file = open(path, "rb")
            except OSError as error:
                raise from_oserror(error, path) from None
            with file:
                entry.size = os.fstat(file.fileno()).st_size
                if end is not None and out.tell() + entry.size > end:
                    raise too_large()
                try:
                    tar.addfile(entry, file)
                except OSError as error:
                    if "unexpected end of data" in str(error):
                        raise Problem(f"{shown(path)} became shorter while it was read",
                                      "try again when nothing writes to it") from None
                    raise
            files += 1
            size += entry.size
        if not any_entry:  # the kernel knows an archive by its first header
            entry = tarfile.TarInfo("./")
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o555, 0
            tar.addfile(entry)
    return Summary(files, folders, size)
