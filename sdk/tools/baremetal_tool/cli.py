# SPDX-License-Identifier: MIT
"""The command line of `baremetal`."""

import argparse
import os
import sys

from . import debug, disk, doctor, image, info, project, qemu, run, sdk
from .errors import STATUS_NO_STATUS, STATUS_PROBLEM, Problem, from_oserror, say
from .output import Terminated, die_of, unwind_on_signals

EXAMPLES = """\
from nothing to a running program:
  baremetal new hello && cd hello && baremetal run

`baremetal COMMAND --help` describes each command; the manual page is baremetal(1)."""


def positive(text):
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError
    return value


def core_count(text):
    value = int(text)
    if not 1 <= value <= 255:
        raise ValueError
    return value


def file_name(text):
    """A file or folder, for which argparse knows no check."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return text


positive.__name__, core_count.__name__ = "number of seconds", "number of cores (1 to 255)"


def add_machine_options(parser, image_help):
    """Options that `run` and `debug` share."""
    parser.add_argument("image", nargs="?", default=".", type=file_name, metavar="IMAGE|APP|PROJECT",
                        help=image_help)
    parser.add_argument("--accel", choices=("auto", "kvm", "tcg"), default="auto",
                        help="KVM or emulation; auto takes KVM if a trial shows that it works")
    parser.add_argument("--cores", type=core_count, default=1, metavar="N",
                        help="processor cores (1)")
    parser.add_argument("--memory", metavar="SIZE", help="like 64M or 2G (128M, or what fits)")
    parser.add_argument("--machine", choices=qemu.MACHINES,
                        help="QEMU's machine (microvm for elf images, else q35)")
    parser.add_argument("--uefi", action="store_true", help="boot through UEFI firmware (OVMF)")
    parser.add_argument("--display", choices=qemu.DISPLAYS, default="none", nargs="?",
                        const=True, help="show the machine's screen (gtk if no kind is given)")
    parser.add_argument("--framebuffer", action="store_true",
                        help="for APP: a graphics mode (boots an iso image through GRUB)")
    parser.add_argument("--root", type=file_name, metavar="DIR",
                        help="for APP: the folder that becomes the boot filesystem")
    parser.add_argument("--args", metavar="LINE",
                        help="words for the command line, split as in a shell: the kernel's "
                             "(bm.log=debug), NAME=value, arguments")
    parser.add_argument("--disk", action="append", default=[], metavar="FILE[,driver=NAME][,readonly]",
                        help="attach a disk image; several may be given. Drivers: virtio (the default), "
                             "nvme, ahci, ata")
    parser.add_argument("--snapshot", action="store_true", help="drop what is written to disks")
    parser.add_argument("--net", metavar="user|tap[:NAME]|none",
                        help="a network: inside QEMU, or the host's interface NAME (none; user if one of the "
                             "following is given)")
    parser.add_argument("--forward", action="append", default=[], metavar="[udp:][ADDRESS:]PORT:PORT",
                        help="have a port of this host's reach one of the guest's: 8080:80; several may be given")
    parser.add_argument("--nic", choices=("virtio", "e1000", "e1000e"), help="the network device (virtio)")
    parser.add_argument("--pcap", type=file_name, metavar="FILE",
                        help="keep all frames in a file for Wireshark or tcpdump")
    parser.add_argument("--kernel", type=file_name, metavar="FILE", help="another kernel.elf, for APP")
    parser.add_argument("--form", choices=("elf", "iso"), default=None,
                        help="for APP: which image to make of it (elf)")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="show the exact QEMU command, and keep its files")


def make_parser():
    parser = argparse.ArgumentParser(prog="baremetal", description="Make, boot and debug programs "
                                     "that run on a PC without an operating system.",
                                     epilog=EXAMPLES, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"baremetal {sdk.version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name, function, text, more=None):
        sub = commands.add_parser(name, help=text, description=more or text[0].upper() + text[1:] + ".",
                                  allow_abbrev=False)
        sub.set_defaults(function=function, parser=sub)
        return sub

    sub = command("new", project.command_new, "make a project from a template")
    sub.add_argument("--template", default="hello", metavar="NAME", help="the template (hello)")
    sub.add_argument("--list", action="store_true", help="list the templates")
    sub.add_argument("name", nargs="?", metavar="NAME", help="the project's name and folder")

    sub = command("build", project.command_build, "compile the project around the current folder",
                  "Compile the project around the current folder with Meson, in its folder build/. "
                  "Words after -- go to `meson setup`.")
    sub.add_argument("-C", dest="dir", default=".", type=file_name, metavar="DIR", help="another folder than this")
    sub.add_argument("-q", "--quiet", action="store_true", help="print nothing unless it fails")

    sub = command("image", image.command, "make a bootable image of an application")
    sub.add_argument("-f", "--format", choices=("iso", "elf", "disk"),
                     help="iso: CD or USB stick; elf: `qemu -kernel` and GRUB; disk: raw disk "
                          "(as OUT is named, else iso)")
    sub.add_argument("-o", "--output", metavar="OUT", help="the image (APP.iso, .elf or .img)")
    sub.add_argument("--root", type=file_name, metavar="DIR", help="the folder that becomes the boot filesystem")
    sub.add_argument("--args", metavar="LINE",
                     help="the image's own command line, split as in a shell: the kernel's words "
                          "(bm.log=debug), NAME=value, arguments")
    only = sub.add_mutually_exclusive_group()
    only.add_argument("--bios-only", action="store_true", help="leave UEFI out: a smaller image")
    only.add_argument("--uefi-only", action="store_true", help="leave BIOS out")
    sub.add_argument("--framebuffer", action="store_true",
                     help="a graphics mode with BIOS too, not VGA text")
    sub.add_argument("--data", metavar="SIZE",
                     help=f"disk: the partition for the program's own files, /disk0 ({disk.DATA_DEFAULT}; "
                          "0: none)")
    sub.add_argument("--data-from", type=file_name, metavar="DIR", help="disk: the folder whose files it gets")
    sub.add_argument("--kernel", type=file_name, metavar="FILE", help="another kernel.elf than the SDK's")
    sub.add_argument("--no-check", action="store_true",
                     help="put APP in unread, to test what the kernel makes of it")
    sub.add_argument("-q", "--quiet", action="store_true", help="print nothing when it succeeds")
    sub.add_argument("app", nargs="?", default=".", type=file_name, metavar="APP|PROJECT",
                     help="the program, or a project's folder, which is built first (.)")

    group = command("disk", None, "make disks for a program's files")
    kinds = group.add_subparsers(dest="disk_command", metavar="COMMAND", required=True)
    sub = kinds.add_parser("create", help="make a disk image with an empty BMFS file system", allow_abbrev=False,
                           description="Make a disk image with a BMFS file system, which is /disk0 in a program that "
                                       "runs with --disk FILE. bmfs(1) looks into it and changes it.")
    sub.set_defaults(function=disk.command_create, parser=sub)
    sub.add_argument("size", metavar="SIZE", help="like 64M, 2G or 1T; the file is as small as what is in it")
    sub.add_argument("file", type=file_name, metavar="FILE", help="the image")
    sub.add_argument("--from", dest="source", type=file_name, metavar="DIR", help="copy the files of this folder to it")
    sub.add_argument("-f", "--force", action="store_true", help="replace FILE")
    sub.add_argument("-q", "--quiet", action="store_true", help="print nothing when it succeeds")

    sub = command("run", run.command, "boot an image, an application or a project in QEMU",
                  "Boot in QEMU; the console is on standard input and output. Words after -- become "
                  "main's arguments. The exit status is the program's own; 124: time-out, 125: no "
                  "status (triple fault, or QEMU failed), 126: refused by the kernel, 134: crash, 141: "
                  "nobody reads the output any more.")
    add_machine_options(sub, "what to boot; an application becomes a temporary image, a project's "
                             "folder is built first (.)")
    sub.add_argument("--timeout", type=positive, metavar="SECONDS", help="end it after that time")

    sub = command("debug", debug.command, "boot in QEMU with gdb attached, stopped in main",
                  "Boot in QEMU with gdb attached, symbols of kernel and application loaded, stopped "
                  "in main. Words after -- become main's arguments.")
    add_machine_options(sub, "as for run")
    sub.add_argument("--app", type=file_name, metavar="APP", help="the application of an IMAGE, for its symbols")
    sub.add_argument("--stop", choices=("main", "reset"), default="main",
                     help="where to stop first (main)")
    sub.add_argument("--batch", action="store_true", help="end after the -ex commands")
    sub.add_argument("-ex", action="append", metavar="CMD", help="a gdb command to run at main")

    sub = command("info", info.command, "show the SDK, or what is in an image or application")
    sub.add_argument("file", type=file_name, nargs="?", metavar="FILE", help="an image or an application")

    sub = command("doctor", doctor.command, "check the programs that the SDK needs")
    sub.add_argument("--install", action="store_true",
                     help="only print the apt command that installs what is missing")

    command("env", info.command_env, "print shell commands that put the SDK into the search paths",
            'Print shell commands that put the SDK into the search paths: eval "$(baremetal env)".')
    return parser


TAKES_WORDS = {"run": "words", "debug": "words", "build": "meson_options"}


def parse(arguments):
    words = []
    if "--" in arguments and arguments[0] in TAKES_WORDS:
        cut = arguments.index("--")
        arguments, words = arguments[:cut], arguments[cut + 1:]
    parser = make_parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:  # argparse itself would show the usage of all commands
        (parser if arguments[0] in unknown else options.parser).error("unrecognized arguments: " + " ".join(unknown))
    if options.command in TAKES_WORDS:
        setattr(options, TAKES_WORDS[options.command], words)
    return options


def carry_out(options, failure):
    try:
        status = options.function(options)
        sys.stdout.flush()
        return status
    except Problem as problem:
        say(f"baremetal: {problem.text}", sys.stderr)
        if problem.fix:
            say(f"  fix: {problem.fix}", sys.stderr)
        return failure if problem.status == STATUS_PROBLEM else problem.status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return failure
    except OSError as error:
        problem = from_oserror(error)
        say(f"baremetal: {problem.text}\n  fix: {problem.fix}", sys.stderr)
        return failure


def main():
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    options = parse(sys.argv[1:])
    failure = STATUS_NO_STATUS if options.command in ("run", "debug") else STATUS_PROBLEM
    try:
        unwind_on_signals()
        return carry_out(options, failure)
    except Terminated as end:  # also while a message is printed
        die_of(end.number)
    return failure
