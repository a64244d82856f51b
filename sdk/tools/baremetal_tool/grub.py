# SPDX-License-Identifier: MIT
"""Bootable containers around kernel.elf and a bundle: ISO and raw disk, both with GRUB.

GRUB's core image has all the modules in it that an image needs, so nothing of GRUB lies on the
medium but that and grub.cfg. The core finds its medium by a marker file whose name comes from the
image's content, and reads /boot/grub/grub.cfg there.

Arguments at run time: grub.cfg takes the machine's family in SMBIOS (QEMU: -smbios type=1,family=…) as
words for the kernel if it begins with FAMILY_PREFIX. The words are quoted for GRUB's own parser
by grub_words().

Everything is pinned: dates, serial numbers, UUIDs, so that the same input gives the same bytes.
"""

import hashlib
import os
import re
import struct
import time

from . import host
from .archive import source_date_epoch
from .errors import Problem

FAMILY_PREFIX = "baremetal:"

CORE_MODULES = ["normal", "search", "search_fs_file", "multiboot2", "boot", "eval", "test", "regexp",
                "smbios", "echo", "sleep", "halt", "serial", "terminal"]
MODULES = {
    "i386-pc": CORE_MODULES + ["biosdisk", "vbe"],
    "x86_64-efi": CORE_MODULES + ["efi_gop", "efi_uga"],
}
ON_ISO, ON_DISK = ["iso9660"], ["part_msdos", "fat"]

SECTOR = 512
BMFS_TYPE = 0x7f  # sdk/libbmfs/partition.h
FIRST_SECTOR = 2048  # the partition of a disk image begins at 1 MiB, as is usual
# GRUB reads 32 KiB at a time, and gives wrong data, without an error, where that reaches beyond the
# end of a CD: no file may lie there.
PADDING = "64k"
EPOCH = 315532800    # 1980-01-01, FAT's first day: the date in images unless SOURCE_DATE_EPOCH is set

GRUB_CFG = """\
# Made by `baremetal image`. Starts at once and without a word.
set words=
if smbios --type 1 --get-byte 26 --set family; then
	if [ "$family" -gt 0 ]; then
		smbios --type 1 --get-string 26 --set family
		regexp --set 1:words '^{prefix}(.*)$' "$family"
	fi
fi
eval "multiboot2 /boot/kernel.elf $words"
module2 /boot/bundle
# multiboot2 has set the graphics mode that the kernel's header asks for.
if [ "$grub_platform" != efi ]; then
	set gfxpayload={bios_mode}
fi
boot
# Only reached if that failed; the reason stands above on the screen.
serial --unit=0 --speed=115200
terminal_output --append serial
echo "baremetal: GRUB could not start the kernel. Is there enough memory?"
sleep --interruptible 10
halt
"""


def grub_words(words):
    """Quote words for GRUB's parser, where they become arguments of `multiboot2`.

    GRUB then escapes each for the kernel's command line, but puts quotes only around those that
    have a space: one that is empty, or has other white space alone, would not arrive as one word.
    """
    for word in words:
        if not word or re.search(r"[\t\n\r\v\f]", word) and " " not in word:
            raise Problem("an argument is empty, or has a tab or line break but no space; "
                          "GRUB cannot pass it", "add a space to it, or run an image of the format elf")
    return " ".join("'" + w.replace("'", "'\\''") + "'" for w in words)


def date():
    epoch = source_date_epoch()
    return EPOCH if epoch is None else max(EPOCH, epoch)


def identity(*paths):
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def make_core(folder, platform, form, modules, marker, output):
    """A GRUB core image with `modules`, which looks for its medium by the marker file."""
    config = os.path.join(folder, "early.cfg")
    with open(config, "w", encoding="ascii") as file:
        file.write(f"search --no-floppy --file --set=root /boot/{marker}\n"
                   "set prefix=($root)/boot/grub\n")
    host.run_tool("grub-mkimage", [
        "-O", form, "-d", host.need_grub(platform, ""), "-p", "/boot/grub", "-c", config,
        "-o", output, *MODULES[platform], *modules], "GRUB's core image", folder)


def boot_tree(folder, kernel, bundle, framebuffer):
    """What lies on the medium: /boot/{kernel.elf,bundle,MARKER,grub/grub.cfg}. Returns (tree, marker)."""
    tree = os.path.join(folder, "tree")
    os.makedirs(os.path.join(tree, "boot", "grub"))
    kernel_to = os.path.join(tree, "boot", "kernel.elf")
    with open(kernel_to, "wb") as file:
        file.write(kernel.stripped())
    os.rename(bundle, os.path.join(tree, "boot", "bundle"))
    with open(os.path.join(tree, "boot", "grub", "grub.cfg"), "w", encoding="ascii") as file:
        file.write(GRUB_CFG.format(prefix=FAMILY_PREFIX,
                                   bios_mode="1024x768x32,auto" if framebuffer else "text"))
    marker = "id-" + identity(kernel_to, os.path.join(tree, "boot", "bundle"))
    with open(os.path.join(tree, "boot", marker), "w", encoding="ascii"):
        pass
    return tree, marker


def pin_dates(tree):
    for folder, _, files in os.walk(tree):
        for name in [".", *files]:
            os.utime(os.path.join(folder, name), (date(), date()))


class Fat:
    """A FAT file system of `size` bytes inside `image`, which gets the files of a tree.

    mtools reads commas, quotes and @ in names its own way: it works in `folder`, on a link.
    """

    def __init__(self, folder, image, offset, size, serial):
        self.folder, self.where = folder, f"fat@@{offset}"
        self.place = os.path.dirname(os.path.abspath(image))
        os.symlink(os.path.abspath(image), os.path.join(folder, "fat"))
        self.mtools("mformat", "-T", str(size // SECTOR), "-h", "16", "-s", "63", "-H",
                    str(offset // SECTOR), "-N", serial, "-v", "BAREMETAL", "::")

    def mtools(self, program, *arguments):
        host.run_tool(program, ["-i", self.where, *arguments], "the FAT file system", self.place,
                      {"SOURCE_DATE_EPOCH": str(date()), "MTOOLS_SKIP_CHECK": "1", "TZ": "UTC",
                       "MTOOLSRC": os.devnull}, self.folder)

    def copy(self, tree):
        """Copy the folders and files of `tree`, which lies in the folder, in sorted order."""
        for folder, folders, files in os.walk(os.path.join(self.folder, tree)):
            folders.sort()
            below = os.path.relpath(folder, os.path.join(self.folder, tree))
            target = "::" if below == "." else "::" + below
            if below != ".":
                self.mtools("mmd", target)
            if files:
                self.mtools("mcopy", "-m", *(os.path.join(tree, below, f) for f in sorted(files)),
                            target + "/")


def need_tools(bios, uefi, *programs):
    """Say what is missing before any work is done."""
    for name in programs:
        host.find_program(name)
    if bios:
        host.need_grub("i386-pc", ", or give --uefi-only" if uefi else "")
    if uefi:
        host.need_grub("x86_64-efi", ", or give --bios-only" if bios else "")
        host.find_program("mformat")


def make_iso(output, folder, kernel, bundle, bios, uefi, framebuffer):
    """Write an ISO image, also good for a USB stick, to the path `output`."""
    need_tools(bios, uefi, "xorriso", "grub-mkimage")
    tree, marker = boot_tree(folder, kernel, bundle, framebuffer)
    stamp = time.strftime("%Y%m%d%H%M%S00", time.gmtime(date()))
    options = ["-as", "mkisofs", "-quiet", "-o", output, "-r", "-iso-level", "3", "-V", "BAREMETAL",
               "--modification-date=" + stamp, "--set_all_file_dates", stamp, "--boot-catalog-hide", "-c", "/boot/boot.cat"]
    if bios:
        pc = host.need_grub("i386-pc", "")
        make_core(folder, "i386-pc", "i386-pc-eltorito", ON_ISO, marker,
                  os.path.join(tree, "boot", "grub", "core.img"))
        options += ["--grub2-mbr", os.path.join(pc, "boot_hybrid.img"), "--protective-msdos-label",
                    "-b", "/boot/grub/core.img", "-no-emul-boot", "-boot-load-size", "4",
                    "-boot-info-table", "--grub2-boot-info"]
    if uefi:
        esp = os.path.join(folder, "esp")
        boot = os.path.join(esp, "EFI", "BOOT")
        os.makedirs(boot)
        loader = os.path.join(boot, "BOOTX64.EFI")
        make_core(folder, "x86_64-efi", "x86_64-efi", ON_ISO, marker, loader)
        pin_dates(esp)
        image = os.path.join(folder, "esp.img")
        size = (os.path.getsize(loader) + (64 << 10) + 0x7fff) & -0x8000
        with open(image, "wb") as file:
            file.truncate(size)
        Fat(folder, image, 0, size, marker[3:11]).copy("esp")
        options += ["-eltorito-alt-boot"] if bios else []
        options += ["-append_partition", "2", "0xef", image,
                    "-e", "--interval:appended_partition_2:all::", "-no-emul-boot"]
    pin_dates(tree)
    host.run_tool("xorriso", [*options, tree, "--", "-padding", PADDING], "the ISO image",
                  os.path.dirname(os.path.abspath(output)))


def make_disk(output, folder, kernel, bundle, bios, uefi, framebuffer, data=0):
    """Write a raw disk image: MBR, GRUB's core in the gap after it, a FAT partition.

    data: bytes of an empty partition behind that, of BMFS's type. Returns where it begins.
    """
    need_tools(bios, uefi, "grub-mkimage", "mformat")
    tree, marker = boot_tree(folder, kernel, bundle, framebuffer)
    if uefi:
        boot = os.path.join(tree, "EFI", "BOOT")
        os.makedirs(boot)
        make_core(folder, "x86_64-efi", "x86_64-efi", ON_DISK, marker,
                  os.path.join(boot, "BOOTX64.EFI"))
    pin_dates(tree)
    used = sum(os.path.getsize(os.path.join(d, f)) + 0x10000 for d, _, fs in os.walk(tree) for f in fs)
    # Whole megabytes, and enough of them that mformat takes FAT16 with room for the tables.
    size = max(8 << 20, (used + used // 64 + (1 << 20) + 0xfffff) & -0x100000)
    offset = FIRST_SECTOR * SECTOR
    if (offset + size + data) // SECTOR >= 1 << 32:
        raise Problem("a disk image's partition table reaches no further than 2 TiB",
                      "give a smaller --data, or make a disk of its own with `baremetal disk create`")
    first = _mbr(folder, marker, size, data) if bios else _plain_mbr(marker, size, data)
    try:
        with open(output, "r+b") as file:
            file.truncate(offset + size + data)
            file.write(first)
    except OSError as error:
        error.filename = output  # a full disk names no file
        raise
    Fat(folder, output, offset, size, marker[3:11]).copy("tree")
    return offset + size


def _partition_table(marker, size, data):
    """Bytes 440 to 512 of the first sector: disk id, an active partition of type EF (EFI system), and
    one of BMFS's if there are data."""
    entries = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0xef, b"\xfe\xff\xff",
                          FIRST_SECTOR, size // SECTOR)
    if data:
        entries += struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", BMFS_TYPE, b"\xfe\xff\xff",
                               FIRST_SECTOR + size // SECTOR, data // SECTOR)
    return bytes.fromhex(marker[3:11]) + b"\0\0" + entries.ljust(64, b"\0") + b"\x55\xaa"


def _plain_mbr(marker, size, data):
    return bytes(440) + _partition_table(marker, size, data)


def _mbr(folder, marker, size, data):
    """GRUB's boot sector and its core image, as grub-install would lay them out."""
    pc = host.need_grub("i386-pc", "")
    core_path = os.path.join(folder, "core.img")
    make_core(folder, "i386-pc", "i386-pc", ON_DISK, marker, core_path)
    with open(os.path.join(pc, "boot.img"), "rb") as file:
        sector = bytearray(file.read(SECTOR))
    with open(core_path, "rb") as file:
        core = bytearray(file.read())
    core += bytes(-len(core) % SECTOR)
    if len(core) > (FIRST_SECTOR - 1) * SECTOR:
        raise Problem("GRUB's core image does not fit before the first partition",
                      "use another version of GRUB")
    # boot.img: sector of the core (0x5c), boot drive (0x64: as the BIOS says), and the check of that
    # drive (0x66) made a no-op, as grub-install does for hard disks.
    struct.pack_into("<QB", sector, 0x5c, 1, 0xff)
    sector[0x66:0x68] = b"\x90\x90"
    # diskboot.img, the core's first sector: its last block list entry, at 0x1f4, is the rest.
    struct.pack_into("<QHH", core, 0x1f4, 2, len(core) // SECTOR - 1, 0x820)
    sector[440:] = _partition_table(marker, size, data)
    return bytes(sector + core)
