# SPDX-License-Identifier: MIT
"""`baremetal info`: the SDK, or what is in an image or an application. `baremetal env`."""

import io
import os
import shlex
import struct
import tarfile

from . import qemu, sdk
from .elf import NOTE_APP, Elf
from .errors import Problem, say, shown


def size(n):
    return f"{n:,} bytes" if n < 4096 else f"{n:,} bytes ({n / 1024:,.0f} KiB)"


def command(options):
    """`baremetal info`"""
    about_file(options.file) if options.file else about_sdk()
    return 0


def about_sdk():
    rows = [("version", sdk.version()), ("prefix", shown(sdk.PREFIX))]
    try:
        path = sdk.kernel_path()
        kernel = Elf(path)
        rows += [("kernel", shown(path)),
                 ("kernel size", size(sum(s.filesz for s in kernel.loads())) + " of code and data")]
    except Problem as problem:
        rows.append(("kernel", problem.text))
    rows += [("C library", shown(sdk.SYSROOT) if os.path.isdir(sdk.SYSROOT) else "(not installed)"),
             ("pkg-config", shown(sdk.PKGCONFIG)),
             ("templates", ", ".join(sdk.templates()) or "(none)")]
    for name, value in rows:
        say(f"{name + ':':13} {value}")


def about_file(path):
    kind = qemu.kind_of(path)
    names = {"app": "application", "elf": "image for `qemu -kernel` and GRUB", "kernel": "kernel",
             "iso": "ISO image", "disk": "disk image"}
    say(f"{shown(path)}: {names[kind]}, {size(os.path.getsize(path))}")
    if kind in ("app", "kernel"):
        about_elf(Elf(path))
        return
    found = qemu.bundle_of(path, kind)
    if found is None:
        raise Problem(f"{shown(path)} has no BareMetal bundle in it",
                      "make it with `baremetal image`")
    data, args, members = found
    say(f"  arguments: {os.fsdecode(args) or '(none)'}")
    for member in members:
        content = memoryview(data)[member.offset:member.offset + member.size]
        say(f"  {member.kind}: {size(member.size)}{details(member.kind, content)}")


def details(kind, content):
    if kind == "symbols" and len(content) >= 24:
        kernel, app = struct.unpack_from("<II", content, 8)
        return f", {kernel} functions of the kernel and {app} of the application"
    if kind == "boot filesystem":
        try:
            with tarfile.open(fileobj=io.BytesIO(content), encoding="utf-8") as tar:
                entries = tar.getmembers()
        except tarfile.TarError as error:
            return f", damaged: {error}"
        files = [e for e in entries if e.isfile()]
        return (f", {len(files)} files in {len(entries) - len(files)} folders" +
                "".join(f"\n    {e.size:10,}  {shown(e.name)}" for e in files))
    return ""


def about_elf(elf):
    note = elf.note(NOTE_APP)
    if note and len(note) >= 4:
        say(f"  kernel API: version {struct.unpack_from('<I', note)[0]} or later")
    loads = elf.loads()
    for what, flag in (("code", 1), ("data", 2)):
        part = [s for s in loads if s.flags & flag]
        say(f"  {what}: {size(sum(s.filesz for s in part))}, "
            f"{size(sum(s.memsz for s in part))} in memory")
    say(f"  symbols: {len(elf.functions())} functions")


def command_env(_):
    """`baremetal env`"""
    for name, value in sdk.environment().items():
        say(f"export {name}={shlex.quote(value)}")
    return 0
