# SPDX-License-Identifier: MIT
"""`baremetal disk`, and the disks that `baremetal run --disk` attaches. The host's program bmfs does
what is done inside of a disk."""

import os
import re
import subprocess

from . import sdk
from .errors import Problem, from_oserror, say, shown
from .output import whole_file

DRIVERS = ("virtio", "nvme", "ahci", "ata")
NEVER_READ_ONLY = ("ahci", "ata")  # QEMU refuses such a disk
DATA_DEFAULT = "64M"  # the data partition of `image -f disk`
DATA_LEAST = 32 << 20
LETTERS = "BKMGTPE"
MMIO_MOST = 23  # of microvm's 24 places for virtio, one is the network's
PCI_MOST = 28  # of a bus's 32 places: the machine's own devices, a screen and the network have the others


def parse_size(text, option):
    """Bytes of "4096", "64M", "2G" (powers of 1024)."""
    match = re.fullmatch(r"([0-9]{1,19})([KMGTPE]?)", text.upper())
    size = int(match[1]) << 10 * LETTERS.index(match[2] or "B") if match else 1 << 63
    if size >= 1 << 63:
        raise Problem(f"{option}: {shown(text) or 'an empty word'} is not a size", "write it like 64M, 2G or 1T")
    return size


def bmfs(*arguments, hidden=None, name=None):
    """Run bmfs; its complaint becomes a Problem.

    hidden: the path of a temporary file, which the complaint calls by the name that it will get.
    """
    command = [sdk.bmfs_path(), *map(str, arguments)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise from_oserror(error, command[0]) from None
    text = done.stderr.decode("utf-8", "surrogateescape")
    if hidden:
        text = text.replace(re.sub(r"[\0-\x1f\x7f]", "?", hidden), shown(name))  # as bmfs shows it
    if done.returncode and (match := re.search(r"(?m)^bmfs: (.*)\n  fix: (.*)$", text)):
        raise Problem(match[1], match[2])
    if done.returncode:
        lines = [line.removeprefix("bmfs: ") for line in text.splitlines()]
        raise Problem("; ".join(lines) or f"bmfs ended with status {done.returncode}",
                      "mend what it complains about")
    return done.stdout.decode("utf-8", "surrogateescape")


def fill(image, folder, *place, name=None):
    """Copy a folder's files into the file system of an image; name: what messages call that."""
    if not os.path.isdir(folder):
        raise Problem(f"{shown(folder)} is no folder", "name the folder that holds the files")
    bmfs("import", "-q", *place, image, folder, hidden=image, name=name or image)


def command_create(options):
    """`baremetal disk create`"""
    size = parse_size(options.size, "SIZE")
    if os.path.exists(options.file) and not options.force:
        raise Problem(f"{shown(options.file)} exists", "choose another name, or give --force to replace it")
    with whole_file(options.file) as out:
        bmfs("format", "-q", "--size", size, out.name, hidden=out.name, name=options.file)
        if options.source:
            fill(out.name, options.source, name=options.file)
    if not options.quiet:
        summary = bmfs("list", options.file).splitlines()[-1]
        say(f"{shown(options.file)}: {summary}")
    return 0


class Disk:
    """FILE[,driver=NAME][,readonly[=on|off]] of --disk."""

    def __init__(self, text):
        self.driver, self.read_only = "virtio", False
        while match := re.fullmatch(r"(.+),(driver=(?P<driver>[^,]*)|readonly(=(?P<readonly>on|off))?)", text, re.DOTALL):
            text = match[1]
            if match["driver"] is None:
                self.read_only = match["readonly"] != "off"
            else:
                self.driver = match["driver"]
        if not text:
            raise Problem("--disk: the name is empty", "name the image")
        self.path = os.path.abspath(text)
        if self.driver not in DRIVERS:
            raise Problem(f"--disk: there is no driver {shown(self.driver)}",
                          "choose one of " + ", ".join(DRIVERS))
        if self.read_only and self.driver in NEVER_READ_ONLY:
            raise Problem(f"--disk: QEMU has no {self.driver} disk that is read-only",
                          "leave driver= out (virtio can be), or give --snapshot instead, which drops what is written")
        if not os.path.exists(self.path):
            raise Problem(f"{shown(text)} does not exist",
                          f"baremetal disk create 64M {shown(text)}")


def machine_for(disks, machine, default):
    """The machine that has a place for all of them."""
    if any(d.driver == "ata" for d in disks):
        if machine not in (None, "pc"):
            raise Problem(f"the machine {machine} has no ATA controller", "use --machine pc, or another driver")
        return "pc"
    return machine or default


def arguments(disks, machine, snapshot, medium):
    """QEMU's words for disks. medium: the boot medium takes the first place of pc's ATA controller.

    A guest finds PCI's devices before the others, and each controller's disks together: so that the
    order stays, virtio goes with the rest to PCI, and disks apart have AHCI controllers of their own.
    """
    words, sata, port, places = [], -1, 0, 0
    mmio = machine == "microvm" and not needs_pci(disks)
    ata = ["bus=ide.0,unit=0", "bus=ide.0,unit=1", "bus=ide.1,unit=0", "bus=ide.1,unit=1"][bool(medium):]
    for number, disk in enumerate(disks):
        name = f"disk{number}"
        words += ["-drive", f"if=none,id={name},format=raw,cache=writeback,readonly={'on' if disk.read_only else 'off'},"
                            f"snapshot={'on' if snapshot else 'off'},file={os.fsdecode(disk.path).replace(',', ',,')}"]
        if disk.driver == "virtio":
            words += ["-device", f"{'virtio-blk-device' if mmio else 'virtio-blk-pci'},drive={name}"]
        elif disk.driver == "nvme":
            words += ["-device", f"nvme,drive={name},serial={name}"]
        elif disk.driver == "ahci":
            port = port + 1 if number and disks[number - 1].driver == "ahci" else 0
            if port % 6 == 0:
                sata += 1
                words += ["-device", f"ahci,id=sata{sata}"]
            words += ["-device", f"ide-hd,drive={name},bus=sata{sata}.{port % 6}"]
        elif not ata:
            raise Problem("an ATA controller has room for four disks, the boot medium among them",
                          "use another driver for some of them")
        else:
            words += ["-device", f"ide-hd,drive={name},{ata.pop(0)}"]
        places += disk.driver in ("virtio", "nvme") or disk.driver == "ahci" and port % 6 == 0
        if places > PCI_MOST:
            raise Problem(f"a machine has room for {PCI_MOST} disks and controllers",
                          "give driver=ahci to neighbours: six of these need one controller")
    return words


def needs_pci(disks):
    return len(disks) > MMIO_MOST or any(d.driver in ("nvme", "ahci") for d in disks)
