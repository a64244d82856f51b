# SPDX-License-Identifier: MIT
"""`baremetal run`: an image, an application or a project in QEMU."""

import os
import shlex

from . import disk, host, network, project, qemu
from .errors import Problem, Usage, say, shown, tell
from .image import check_words, make_image, split_words
from .output import temporary_folder

import sys

DEFAULT_MEMORY = 128 << 20


class Plan:
    """What is to be booted, and on which machine: shared by `run` and `debug`."""

    def __init__(self, options, folder):
        self.app, root = None, None
        target = options.image
        if os.path.isdir(target):
            target, root = project.find_app(target, options.verbose)
        root = options.root if options.root is not None else root
        self.kind = qemu.kind_of(target)
        self.path = os.path.abspath(target)
        extra = [] if not options.words else ["--", *options.words]
        self.words = check_words(split_words(options.args or "") + extra, "the arguments")
        if self.kind == "app":
            self.app = self.path
            if options.framebuffer and options.form == "elf":
                raise Problem("an elf image has no framebuffer: GRUB sets the graphics mode",
                              "leave --form out, or --framebuffer")
            iso = options.uefi or options.framebuffer or options.form == "iso"
            self.kind = "iso" if iso else "elf"
            self.path = os.path.join(folder, "image." + self.kind)
            make_image(self.app, self.path, self.kind, root, kernel=options.kernel,
                       bios=not options.uefi, uefi=options.uefi, framebuffer=options.framebuffer)
        elif options.root is not None:
            raise Usage(f"{shown(target)} is an image: it has its boot filesystem already",
                          "give --root to `baremetal image`, or run the application")
        elif options.framebuffer:
            raise Problem(f"{shown(target)} is an image: its graphics mode was decided already",
                          "give --framebuffer to `baremetal image`, or run the application")
        elif self.kind in ("elf", "kernel") and options.uefi:
            raise Usage("UEFI starts no elf image", "make one with -f iso or -f disk")
        else:
            qemu.check_firmware(target, self.kind, options.uefi)
        self.arguments = self.machine(options)

    def machine(self, options):
        direct = self.kind in ("elf", "kernel")
        program = host.find_program("qemu-system-x86_64")
        self.display = qemu.choose_display(program, options.display)
        screen = self.display != "none"
        disks = [disk.Disk(text) for text in options.disk]
        kind = disk.machine_for(disks, options.machine, "microvm" if direct and not screen else "q35")
        if kind == "microvm" and (not direct or screen):
            raise Usage("the machine microvm boots elf images without a screen only",
                          "use --machine q35 or pc")
        firmware = None
        if options.uefi:
            if kind != "q35":
                raise Usage("UEFI needs --machine q35", "leave --machine out")
            firmware = qemu.host.find_ovmf()
            if firmware is None:
                raise Problem("there is no UEFI firmware for QEMU", "apt-get install ovmf")
        self.accel = options.accel
        if self.accel == "auto":
            self.accel = "kvm" if qemu.kvm_works(program, options.verbose) else "tcg"
        net = network.Network(options)
        memory = self.memory(options, kind, bool(disks) or net.needed())
        pci = ",pcie=on" if kind == "microvm" and (disk.needs_pci(disks) or net.needs_pci()) else ""
        arguments = [program, *qemu.machine(kind + pci, options.cores, memory, self.accel, firmware),
                     *qemu.boot_medium(self.path, self.kind, options.snapshot, kind),
                     *disk.arguments(disks, kind, options.snapshot, not direct),
                     *net.arguments(kind),
                     *qemu.pass_words(self.words, self.kind),
                     "-display", self.display]
        if screen or options.uefi or options.framebuffer:  # GRUB complains where there is no graphics card
            arguments += ["-vga", "std"]
        return arguments

    def memory(self, options, machine, devices):
        """What was asked for; else 128 MiB, or what a larger image needs."""
        if options.memory is not None:
            asked = qemu.parse_memory(options.memory)
            qemu.check_memory(asked, self.path, self.kind, options.uefi, machine, devices)
            return asked
        size = qemu.boot_size(self.path, self.kind)
        least = 256 << 20 if options.uefi else DEFAULT_MEMORY
        return max(least, (size * 2 + (64 << 20) + 0xfffff) & -0x100000)


def show(command):
    """The command as one can type it."""
    say("+ " + " ".join(shlex.quote(a) for a in command), sys.stderr)


def command(options):
    """`baremetal run`"""
    with temporary_folder(keep=options.verbose) as folder:
        plan = Plan(options, folder)
        console = "stdio,id=console" + (",signal=on" if sys.stdin and sys.stdin.isatty() else "")
        guest = qemu.Guest([*plan.arguments, "-chardev", console, "-serial", "chardev:console"],
                           folder)
        if options.verbose:
            tell(f"kept for you: {shown(folder)}")
            show(guest.command)
        with qemu.Terminal():
            end = guest.run(options.timeout)
    if end.text:
        raise Problem(end.text, end.fix, end.status)
    return end.status
