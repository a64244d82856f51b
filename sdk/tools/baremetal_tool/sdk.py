# SPDX-License-Identifier: MIT
"""Where the SDK's files are: all found from the place of the running script, so that an
installed SDK can be moved."""

import os
import re

from .errors import Problem, shown

PACKAGE = os.path.dirname(os.path.abspath(__file__))
PREFIX = os.environ.get("BAREMETAL_PREFIX") or os.path.abspath(
    os.path.join(PACKAGE, "..", "..", "..", ".."))
BIN = os.path.join(PREFIX, "bin")
DATA = os.path.join(PREFIX, "share")
LIBRARY = os.path.join(PREFIX, "lib", "baremetal")
SYSROOT = os.path.join(LIBRARY, "sysroot")
PKGCONFIG = os.path.join(PREFIX, "lib", "pkgconfig")
TEMPLATES = os.path.join(DATA, "baremetal", "templates")


def kernel_path():
    path = os.environ.get("BAREMETAL_KERNEL") or os.path.join(LIBRARY, "kernel.elf")
    if not os.path.isfile(path):
        raise Problem(f"the SDK's kernel is missing: {shown(path)}",
                      "install the SDK again (meson install), or set BAREMETAL_KERNEL")
    return path


def bmfs_path():
    """The program that makes and fills disks (sdk/tools/bmfs)."""
    path = os.environ.get("BAREMETAL_BMFS") or os.path.join(BIN, "bmfs")
    if not os.access(path, os.X_OK):
        raise Problem(f"the SDK's program bmfs is missing: {shown(path)}",
                      "install the SDK again (meson install), or set BAREMETAL_BMFS")
    return path


def trial_path():
    """The program that shows whether KVM works (sdk/tools/trial)."""
    return os.environ.get("BAREMETAL_TRIAL") or os.path.join(LIBRARY, "trial.elf")


def version():
    try:
        from . import version as made  # written by Meson
        return made.VERSION
    except ImportError:
        return "(not installed)"


def templates():
    """{name: first paragraph of its README}"""
    found = {}
    if not os.path.isdir(TEMPLATES):
        return found
    for name in sorted(os.listdir(TEMPLATES)):
        if os.path.isfile(os.path.join(TEMPLATES, name, "meson.build")):
            found[name] = _about(os.path.join(TEMPLATES, name, "README.md"))
    return found


def _about(path):
    try:
        with open(path, encoding="utf-8") as file:
            paragraphs = re.split(r"\n\s*\n", file.read())
    except OSError:
        return ""
    text = next((p for p in paragraphs[1:] if p.strip()), "")
    return " ".join(text.split())


def unusable_characters():
    """Those of the prefix that PATH or pkg-config (its output is split by shells) cannot carry."""
    return " ".join(sorted(set(re.findall(r"[^A-Za-z0-9 /._+,@%=~^-]", PREFIX))))


def environment():
    """The variables that let other programs find the SDK: {name: value}."""
    if odd := unusable_characters():
        raise Problem(f"the SDK lies in a folder whose name has {odd}, which search paths and "
                      f"pkg-config cannot hold: {shown(PREFIX)}", "move it to another folder")

    def before(name, folder, default=""):
        rest = os.environ.get(name) or default
        parts = [p for p in rest.split(":") if p and p != folder]
        return ":".join([folder, *parts])

    return {
        "PATH": before("PATH", BIN, os.defpath),
        "PKG_CONFIG_PATH": before("PKG_CONFIG_PATH", PKGCONFIG),
        "XDG_DATA_DIRS": before("XDG_DATA_DIRS", DATA, "/usr/local/share:/usr/share"),
    }
