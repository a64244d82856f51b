# SPDX-License-Identifier: MIT
"""`baremetal image`: application, boot filesystem and kernel in one bootable file."""

import os
import re
import shlex

from . import disk, grub, sdk
from .bundle import write_bundle
from .elf import LOAD_END, Elf, kernel_with_bundle, read_file
from .errors import Problem, Usage, from_oserror, shown
from .output import temporary_folder, whole_file
from .symbols import symbols_module

SUFFIXES = {"iso": ".iso", "elf": ".elf", "disk": ".img"}


def split_words(text, option="--args"):
    """Split a command line as the kernel does: words, quoted as in a shell."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Usage(f"{option}: {str(error).lower()}", "close the quote or double the backslash") \
            from None


# What the kernel has room for (kernel/boot/command_line.h); argv[0] is its own.
KERNEL_WORDS_MAX, VARIABLES_MAX, ARGUMENTS_MAX = 32, 64, 255


def check_words(words, option="--args"):
    """Refuse more words than the kernel takes; they are told apart as command_line.c does."""
    kernel = variables = arguments = 0
    only_arguments = False
    for word in words:
        if not only_arguments and word.startswith(("bm.", "virtio_mmio.")):
            kernel += 1
        elif not only_arguments and word == "--":
            only_arguments = True
        elif not only_arguments and not arguments and re.match(r"[A-Za-z_][A-Za-z0-9_]*=", word):
            variables += 1
        else:
            arguments += 1
    for count, most, what in ((kernel, KERNEL_WORDS_MAX, "words for the kernel"),
                              (variables, VARIABLES_MAX, "variables"),
                              (arguments, ARGUMENTS_MAX, "arguments")):
        if count > most:
            raise Usage(f"{option}: {count} {what}; the kernel takes {most}",
                        "put them into a file of the boot filesystem (--root)")
    return words


def join_words(words):
    """The command line, as bytes, whose words these are."""
    return os.fsencode(" ".join(shlex.quote(w) for w in words))


def load(path):
    try:
        return Elf(path)
    except OSError as error:
        raise from_oserror(error, path) from None


def make_image(app, output, form, root=None, words=(), kernel=None, check=True, bios=True, uefi=True,
               framebuffer=False, data=0, data_from=None):
    """Make an image of the form "elf", "iso" or "disk" at `output`; returns the root's Summary.

    data: bytes of a disk's data partition; data_from: the folder whose files it gets.

    words: the image's own command line. check=False puts any file in as the application.
    """
    kernel = load(kernel or sdk.kernel_path())
    kernel.bundle_slot()  # refuses what is no kernel
    if check:
        program = load(app)
        program.check_app()
        content = program.stripped()
    else:
        program = None
        try:
            content = read_file(app)
        except OSError as error:
            raise from_oserror(error, app) from None
    _guard(app, output, root)
    # GRUB's modules have addresses of 32 bits; where it puts them it has no less room than this.
    parts = ([content, symbols_module(kernel, program)], root, join_words(words), LOAD_END - kernel.bundle_address())
    with whole_file(output) as out:
        if form == "elf":
            data, offset, finish = kernel_with_bundle(kernel)
            out.write(data)
            size, summary = write_bundle(out, offset, *parts)
            for at, patch in finish(size):
                out.seek(at)
                out.write(patch)
            os.fchmod(out.fileno(), 0o700)
            return summary
        with temporary_folder() as folder:
            bundle = os.path.join(folder, "bundle")
            try:
                with open(bundle, "w+b") as file:
                    _, summary = write_bundle(file, 0, *parts)
                if form == "iso":
                    grub.make_iso(out.name, folder, kernel, bundle, bios, uefi, framebuffer)
                else:
                    place = grub.make_disk(out.name, folder, kernel, bundle, bios, uefi, framebuffer, data)
                    if data:
                        disk.bmfs("format", "-q", "--offset", place, out.name, hidden=out.name, name=output)
                    if data_from:
                        disk.fill(out.name, data_from, "--offset", place, name=output)
            except OSError as error:
                if error.filename == out.name:
                    raise  # the image itself, not what it is made of
                raise from_oserror(error, error.filename or folder) from None
        return summary


def _guard(app, output, root):
    """Refuse an output that would replace or contain its own input."""
    if os.path.exists(output) and os.path.samefile(app, output):
        raise Problem(f"{shown(output)} is the application itself", "choose another name with -o")
    if root is None or not os.path.isdir(root):
        return
    around = os.path.join(os.path.realpath(root), "")
    if os.path.realpath(output).startswith(around):
        raise Problem(f"{shown(output)} lies inside the boot filesystem's folder {shown(root)}",
                      "choose a place outside with -o")


def default_output(app, form):
    """NAME.iso in the current folder, for an application NAME or NAME.elf."""
    stem = os.path.basename(app)
    stem = stem[:-4] if stem.endswith(".elf") else stem
    return stem + SUFFIXES[form]


def form_of_name(output):
    """The form that a file name asks for, or None."""
    return next((f for f, s in SUFFIXES.items() if output and output.endswith(s)), None)


def command(options):
    """`baremetal image`"""
    from . import project
    if options.output == "":
        raise Usage("-o: the name is empty", "name the image, or leave -o out")
    form = options.format or form_of_name(options.output) or "iso"
    if form == "elf" and (options.bios_only or options.uefi_only or options.framebuffer):
        raise Usage("an elf image has no boot loader: --bios-only, --uefi-only and --framebuffer "
                      "do not go with it", "use -f iso or -f disk")
    if form != "disk" and (options.data is not None or options.data_from):
        raise Problem(f"an image of the form {form} has no data partition: --data and --data-from do "
                      "not go with it", "use -f disk, or `baremetal disk create` for a disk of its own")
    data = disk.parse_size(disk.DATA_DEFAULT if options.data is None else options.data, "--data")
    data = (data + 0xfffff) & -0x100000
    if 0 < data < disk.DATA_LEAST:
        raise Problem("--data: a BMFS partition has at least 32 MiB", "write --data 32M, or --data 0 for none")
    if options.data_from and not data:
        raise Problem("--data 0 leaves no place for the files of --data-from", "give --data a size")
    app, root = project.find_app(options.app)
    if options.root is not None:
        root = options.root
    output = options.output or default_output(app, form)
    summary = make_image(app, output, form, root, check_words(split_words(options.args or "")),
                         options.kernel, not options.no_check, not options.uefi_only,
                         not options.bios_only, options.framebuffer, data if form == "disk" else 0,
                         options.data_from)
    if not options.quiet:
        text = f"{shown(output)}: {form}, {os.stat(output).st_size / 1024:,.0f} KiB"
        if summary:
            text += (f", {summary.files} files in {summary.folders} folders, "
                     f"{summary.bytes:,} bytes")
        print(text)
    return 0
