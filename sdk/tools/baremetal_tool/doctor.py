# SPDX-License-Identifier: MIT
"""`baremetal doctor`: is everything there that the SDK needs?"""

import os
import platform

from . import host, qemu, sdk
from .errors import Problem, say


def checks():
    """Yield (name, what was found or None, Debian package, purpose, required)."""
    yield "python3", platform.python_version(), "python3", "runs this tool", True
    for name, (package, purpose, required, _) in host.PROGRAMS.items():
        yield name, host.version_of(name), package, purpose, required
    for name, (package, purpose) in host.GRUB_PLATFORMS.items():
        yield f"GRUB {name}", host.grub_folder(name), package, "makes " + purpose, True
    firmware = host.find_ovmf()
    yield "OVMF", firmware and firmware[0], "ovmf", "runs images with UEFI", False
    there = "gtk" in qemu.displays("qemu-system-x86_64")
    yield ("QEMU's window", "gtk" if there else None, host.DISPLAY_PACKAGES["gtk"],
           "shows the screen (run --display)", False)


def sdk_checks():
    """Yield (name, what was found or None) for the SDK's own parts."""
    try:
        yield "kernel.elf", sdk.kernel_path()
    except Problem:
        yield "kernel.elf", None
    try:
        yield "bmfs", sdk.bmfs_path()
    except Problem:
        yield "bmfs", None
    for name, path in (("C library", os.path.join(sdk.SYSROOT, "usr", "lib", "libc.a")),
                       ("baremetal.pc", os.path.join(sdk.PKGCONFIG, "baremetal.pc"))):
        yield name, path if os.path.exists(path) else None


def command(options):
    """`baremetal doctor`"""
    missing, wanting = [], []
    lines = []
    for name, found, package, purpose, required in checks():
        state = "ok" if found else "MISSING" if required else "missing"
        lines.append(f"{state:8} {name:20} {found or purpose + ': apt-get install ' + package}")
        if not found:
            (missing if required else wanting).append(package)
    broken = False
    for name, found in sdk_checks():
        broken |= not found
        lines.append(f"{'ok' if found else 'MISSING':8} {name:20} "
                     f"{found or 'install the SDK again (meson install)'}")
    if odd := sdk.unusable_characters():
        broken = True
        lines.append(f"{'WRONG':8} {'prefix':20} pkg-config cannot carry {odd}: move the SDK elsewhere")
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        kvm = "present; `baremetal run` tries whether it works"
    else:
        kvm = "no access to /dev/kvm: images run by emulation, slower but as well"
    lines.append(f"{'note':8} {'KVM':20} {kvm}")
    if options.install:
        packages = sorted(set(missing + wanting))
        if packages:
            print("apt-get install --no-install-recommends " + " ".join(packages))
    else:
        for line in lines:
            say(line)
        if missing or wanting:
            print("`baremetal doctor --install` prints one command that installs what is missing.")
    return 1 if missing or broken else 0
