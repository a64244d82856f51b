# SPDX-License-Identifier: MIT
"""Programs and files of the host, each with the Debian package that brings it."""

import os
import shutil
import subprocess

from .errors import Problem, from_oserror, shown

# program: (Debian package, what it is for, required, how it is asked for its version)
PROGRAMS = {
    "gcc": ("gcc", "compiles applications", True, ["--version"]),
    "ld": ("binutils", "links applications", True, ["--version"]),
    "pkg-config": ("pkg-config", "finds the SDK's flags", True, ["--version"]),
    "meson": ("meson", "builds projects", True, ["--version"]),
    "ninja": ("ninja-build", "builds projects", True, ["--version"]),
    "qemu-system-x86_64": ("qemu-system-x86", "runs images", True, ["--version"]),
    "grub-mkimage": ("grub-common", "makes ISO and disk images", True, ["--version"]),
    "xorriso": ("xorriso", "makes ISO images", True, ["-version"]),
    "mformat": ("mtools", "makes images for UEFI and disks", True, ["--version"]),
    "gdb": ("gdb", "debugs applications", False, ["--version"]),
    "clang": ("clang", "another compiler for applications", False, ["--version"]),
    "make": ("make", "builds projects that use it", False, ["--version"]),
    "cmake": ("cmake", "builds projects that use it", False, ["--version"]),
}

GRUB_FOLDERS = ("/usr/lib/grub", "/usr/local/lib/grub")
GRUB_PLATFORMS = {
    "i386-pc": ("grub-pc-bin", "images that boot from BIOS"),
    "x86_64-efi": ("grub-efi-amd64-bin", "images that boot from UEFI"),
}
DISPLAY_PACKAGES = {"gtk": "qemu-system-gui", "sdl": "qemu-system-gui",
                    "curses": "qemu-system-common"}
OVMF_FOLDERS = ("/usr/share/OVMF", "/usr/share/ovmf/x64", "/usr/share/edk2/x64",
                "/usr/share/edk2/ovmf")
OVMF_NAMES = (("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), ("OVMF_CODE.4m.fd", "OVMF_VARS.4m.fd"),
              ("OVMF_CODE.fd", "OVMF_VARS.fd"))


def find_program(name):
    path = shutil.which(name)
    if path is None:
        package = PROGRAMS[name][0]
        raise Problem(f"the program {name} is missing", f"apt-get install {package}")
    return path


def grub_folder(platform):
    """The folder of a GRUB platform, or None. BAREMETAL_GRUB_DIR replaces the usual places."""
    own = os.environ.get("BAREMETAL_GRUB_DIR")
    for folder in [own] if own else GRUB_FOLDERS:
        if os.path.isfile(os.path.join(folder, platform, "kernel.img")):
            return os.path.join(folder, platform)
    return None


def need_grub(platform, alternative):
    folder = grub_folder(platform)
    if folder is None:
        package, what = GRUB_PLATFORMS[platform]
        raise Problem(f"GRUB's files for {platform} are missing: they make {what}",
                      f"apt-get install {package}{alternative}")
    return folder


def find_ovmf():
    """(code, variables) of a UEFI firmware for QEMU, or None."""
    own = os.environ.get("BAREMETAL_OVMF_DIR")
    for folder in [own] if own else OVMF_FOLDERS:
        for names in OVMF_NAMES:
            paths = tuple(os.path.join(folder, n) for n in names)
            if all(os.path.isfile(p) for p in paths):
                return paths
    return None


def version_of(name):
    """The first line that a program prints about its version, or None if it is not there."""
    path = shutil.which(name)
    if path is None:
        return None
    try:
        done = subprocess.run([path, *PROGRAMS[name][3]], stdin=subprocess.DEVNULL, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "(does not start)"
    lines = done.stdout.decode(errors="replace").splitlines()
    return next((line.strip() for line in lines if any(c.isdigit() for c in line)), "?")


def run_tool(name, arguments, writes, place, env=None, cwd=None):
    """Run a host program silently; its complaint becomes a Problem. It makes `writes` in `place`."""
    command = [find_program(name), *arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, cwd=cwd,
                              env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})})
    except OSError as error:
        raise from_oserror(error, command[0]) from None
    if done.returncode:
        text = done.stdout.decode(errors="replace").strip()
        if any(word in text.lower() for word in ("no space left", "disk full", "exceeds free space",
                                                 "device full", "file too large")):
            raise Problem(f"there is no space for {writes} in {shown(place)}",
                          "free some space, or choose another place (-o, TMPDIR)")
        last = "\n    ".join(text.splitlines()[-6:])
        raise Problem(f"{name} could not make {writes} (status {done.returncode}). It says:\n"
                      f"    {last}", "mend what it complains about")
