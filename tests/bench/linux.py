# SPDX-License-Identifier: MIT
"""Debian's own kernel for virtual machines, with an init of ours, as the measure beside ours.

The package is fetched with apt-get and unpacked into the cache folder; it is not installed.
"""

import re
import subprocess
from pathlib import Path

from counting import HERE, BenchError, Guest, run_tool

PACKAGE = "linux-image-cloud-amd64"
ENTRY = 0x100000  # where the boot protocol's loaders put and enter the 32-bit kernel
COMMAND_LINE = "console=ttyS0 quiet panic=-1 reboot=t"
# What makes it fast: no mitigations, no watchdog, the time-stamp counter as its clock (what it takes by itself
# here costs an exit each time).
FAST = ("console=ttyS0 quiet panic=-1 reboot=t mitigations=off nowatchdog tsc=reliable "
        "clocksource=tsc audit=0 apparmor=0 random.trust_cpu=on")
TIMEOUT = 240


def kernel_package():
    """The package that PACKAGE, which holds nothing itself, depends on."""
    shown = run_tool(["apt-cache", "show", "--no-all-versions", PACKAGE])
    match = re.search(r"^Depends: (linux-image-[\w.+-]+)", shown, re.MULTILINE)
    if not match:
        raise BenchError(f"{PACKAGE} is not in the package lists: run apt-get update")
    return match[1]


def fetch(cache):
    """The kernel's file, from the cache or the archive."""
    name = kernel_package()
    folder = Path(cache) / name
    if not (images := list(folder.glob("boot/vmlinuz-*"))):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(["apt-get", "-q", "download", name], cwd=folder, check=True,
                           capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            raise BenchError(f"{name} cannot be fetched: {error.stderr.strip()}") from None
        for package in folder.glob("*.deb"):
            run_tool(["dpkg-deb", "-x", package, folder])
            package.unlink()
        images = list(folder.glob("boot/vmlinuz-*"))
    if not images:
        raise BenchError(f"{name} holds no kernel: remove {folder} and try again")
    return images[0]


def cpio_entry(name, mode, data):
    """One member of a "newc" archive, as the kernel takes for its first file system."""
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % f for f in fields) + name + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def archive(folder, init):
    """The first file system: this program as the first process."""
    packed = folder / f"{init.name}.cpio"
    packed.write_bytes(cpio_entry(b"init", 0o100755, init.read_bytes()) +
                       cpio_entry(b"TRAILER!!!", 0, b""))
    return packed


def bare_init(folder):
    """guest/linux_init.c, which only ends the machine."""
    init = folder / "linux_init"
    run_tool(["cc", "-O2", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector",
              "-fno-pie", "-no-pie", "-fomit-frame-pointer", "-Wl,--build-id=none", "-o", init,
              HERE / "guest" / "linux_init.c"])
    return archive(folder, init)


def program(folder, name):
    """One of guest/*.c that runs on either system, with the host's C library."""
    init = folder / f"linux_{name}"
    run_tool(["cc", "-O2", "-D_GNU_SOURCE", "-static", "-pthread", "-o", init,
              HERE / "guest" / f"{name}.c"])
    return archive(folder, init)


def guest(cache, initrd, memory, arguments="", **options):
    """Debian's kernel with that first file system; the arguments go to the first process."""
    return Guest(**{"kernel": str(fetch(cache)), "initrd": str(initrd),
                    "append": f"{COMMAND_LINE} -- {arguments}", "memory": memory,
                    "timeout": TIMEOUT, **options})
