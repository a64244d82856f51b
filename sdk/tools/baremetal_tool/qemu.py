# SPDX-License-Identifier: MIT
"""The virtual machine: QEMU's command line, the choice of an accelerator, the guest's end."""

import errno
import hashlib
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

from . import grub, host, sdk
from .bundle import read_bundle
from .elf import Elf, check_file
from .errors import (STATUS_CRASH, STATUS_INTERRUPTED, STATUS_NO_STATUS, STATUS_REFUSED,
                     STATUS_TIMEOUT, Problem, Usage, from_oserror, shown, tell)
from .image import join_words
from .output import Terminated

STATUS_PORT, EXIT_PORT = 0x504, 0x501  # kernel/cpu/power.h
MACHINES = ("microvm", "q35", "pc")
DISPLAYS = ("none", "gtk", "sdl", "curses")
TRIAL_SECONDS = 5
READER_SECONDS = 1  # that a guest may go on, silently, after the reader of its output has gone
TRIAL_MACHINES = (("microvm", 1), ("q35", 2))  # from the simplest to one with firmware, and cores
KVM_FAILED = b"KVM internal error"
# The least machine memory that these have been seen to start in (`./bench memory-iso`): below, they
# wait for ever or reset. What the image itself takes comes on top. A little above, it is the kernel
# that says what it lacks.
GRUB_MEMORY = 1864 << 10
UEFI_MEMORY = 47 << 20
# On pc and q35 SeaBIOS works in the memory's last 400 KiB after QEMU has loaded an elf image, and in some more with
# the ROM of a network device or with disks: an image that lies there is damaged, and may start nevertheless.
BIOS_MEMORY, BIOS_MEMORY_DEVICES = 400 << 10, 512 << 10
GRUB_WORDS_MAX = 8000  # bytes; GRUB 2.06 hangs at 16,000


def kind_of(path):
    """What a file is: "app", "elf", "kernel", "iso", "disk"; a Problem if it is none of these."""
    try:
        check_file(path)
        with open(path, "rb") as file:
            start = file.read(512)
            file.seek(32769)
            volume = file.read(5)
    except OSError as error:
        raise from_oserror(error, path) from None
    if start[:4] == b"\x7fELF":
        elf = Elf(path)
        if elf.is_kernel():
            return "elf" if bundle_of(path, "elf") else "kernel"
        elf.check_app()
        return "app"
    if volume == b"CD001":
        check_whole(path, "iso")
        return "iso"
    if start[510:512] == b"\x55\xaa":
        check_whole(path, "disk")
        return "disk"
    raise Problem(f"{shown(path)} is neither an image nor an application",
                  "give what `baremetal image` or your project's build made")


def check_whole(path, kind):
    """Refuse an image that has lost its end: a firmware would search in it for ever."""
    with open(path, "rb") as file:
        if kind == "iso":  # ECMA-119 8.4.8, 8.4.12: blocks of the volume, bytes of one
            file.seek(32768)
            volume = file.read(2048).ljust(2048, b"\0")
            end = struct.unpack_from("<I", volume, 80)[0] * struct.unpack_from("<H", volume, 128)[0]
        else:
            sector = file.read(512)
            ends = [(start + count) * 512 for kind, start, count in
                    (struct.unpack_from("<4xB3xII", sector, 446 + 16 * i) for i in range(4))
                    if kind not in (0, 0xee)]  # none, or GPT's, which covers all there could be
            end = max(ends, default=0)
        size = file.seek(0, os.SEEK_END)
    if size < end:
        raise Problem(f"{shown(path)} is cut short: {size:,} of {end:,} bytes are there",
                      "copy it once more, or make it again")


def firmware_of(path, kind):
    """Which of "bios" and "uefi" an ISO or disk can start from; empty if it tells neither."""
    with open(path, "rb") as file:
        if kind == "iso":
            return _el_torito(file)
        sector = file.read(512)
        found = {"bios"} if any(sector[:440]) else set()
        start, count = struct.unpack_from("<II", sector, 446 + 8)
        file.seek(start * 512)
        # The short name in the folder of the removable medium's loader (UEFI 2.10, section 3.5.1.1).
        return found | ({"uefi"} if b"BOOTX64 EFI" in file.read(count * 512) else set())


def _el_torito(file):
    """The platforms in a CD's boot catalog: El Torito 1.0, figures 2 to 5; UEFI 2.10, section 13.3.2.1."""
    file.seek(17 * 2048)
    record = file.read(2048)
    if record[1:6] != b"CD001" or record[7:30] != b"EL TORITO SPECIFICATION":
        return set()
    file.seek(struct.unpack_from("<I", record, 0x47)[0] * 2048)
    found, platform = set(), None
    catalog = file.read(2048)
    for at in range(0, len(catalog) - 31, 32):
        kind = catalog[at]
        if kind == 1 and at == 0 or kind in (0x90, 0x91):  # validation entry, section header
            platform = catalog[at + 1]
        elif kind == 0x88 and platform in (0, 0xef):  # bootable
            found.add("uefi" if platform else "bios")
        elif not kind:
            break
    return found


def check_firmware(path, kind, uefi):
    """Refuse a firmware that finds nothing to start in this image: it would wait for ever."""
    found = firmware_of(path, kind) if kind in ("iso", "disk") else set()
    if found == {"bios"} and uefi:
        raise Usage(f"{shown(path)} starts from a BIOS only, not from UEFI",
                    "leave --uefi out, or make the image without --bios-only")
    if found == {"uefi"} and not uefi:
        raise Usage(f"{shown(path)} starts from UEFI only, not from a BIOS",
                    "give --uefi, or make the image without --uefi-only")


def boot_size(path, kind):
    """Bytes of an image that booting needs: of a disk, up to the end of its first partition."""
    size = os.path.getsize(path)
    if kind == "disk":
        with open(path, "rb") as file:
            start, count = struct.unpack_from("<II", file.read(512), 446 + 8)
        size = min(size, (start + count) * 512)
    return size


def bundle_of(path, kind):
    """(data, args, members) of the bundle in an image, or None."""
    with open(path, "rb") as file:
        data = file.read(boot_size(path, kind))
    step = 4096 if kind == "elf" else 512
    at = data.find(b"BMBUND01")
    while at >= 0:
        found = read_bundle(data, at) if at % step == 0 else None
        if found:
            return (data, *found)
        at = data.find(b"BMBUND01", at + 1)
    return None


def kernel_memory(data):
    """Bytes that GRUB keeps for the kernel in an image: what is read of it, and its place."""
    at = data.find(b"\x7fELF")
    while at >= 0:
        phoff, = struct.unpack_from("<Q", data[at:at + 64].ljust(64, b"\0"), 32)
        count, = struct.unpack_from("<H", data[at:at + 64].ljust(64, b"\0"), 56)
        table = data[at + phoff:at + phoff + count * 56] if phoff == 64 and at % 512 == 0 else b""
        # Type, flags, offset, two addresses, size in the file, size in memory, alignment.
        loads = [s for s in struct.iter_unpack("<IIQQQQQQ", table[:len(table) // 56 * 56]) if s[0] == 1]
        if loads and loads[0][4] == 1 << 20:  # kernel.ld
            return sum(s[5] + s[6] for s in loads)
        at = data.find(b"\x7fELF", at + 1)
    return 0


def parse_memory(text):
    """Bytes of "128", "128M", "2G", "2560K" (megabytes without a letter)."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})([KMG]?)", text.upper().removesuffix("B"), re.ASCII)
    if not match:
        raise Usage(f"--memory: {shown(text) or 'an empty word'} is not an amount of memory",
                      "write it like 128M, 2G or 2560K")
    return int(match[1]) << {"K": 10, "M": 20, "": 20, "G": 30}[match[2]]


def memory_text(size):
    """Like "3M" or "2560K", as --memory takes it."""
    return f"{size >> 20}M" if size % (1 << 20) == 0 else f"{-(-size >> 10)}K"


def check_memory(asked, path, kind, uefi, machine, devices):
    """Refuse a machine in which what is loaded has no place: nobody in there could say so.

    devices: whether it has disks or a network.
    """
    if kind in ("elf", "kernel"):
        loads = Elf(path).loads()
        least = max((s.paddr + s.memsz for s in loads), default=0)
        what = "the image is loaded up to"
        if machine != "microvm":
            least += BIOS_MEMORY_DEVICES if devices else BIOS_MEMORY
            what = f"the image and the firmware of {machine} need"
    else:
        bundle = bundle_of(path, kind)
        size = sum(-(-m.size // 4096) * 4096 for m in bundle[2]) if bundle else 0
        least = UEFI_MEMORY + size if uefi else GRUB_MEMORY + size + (kernel_memory(bundle[0]) if bundle else 0)
        what = ("the UEFI firmware, " if uefi else "") + "the boot loader and the image need"
    least = -(-least // 4096) * 4096
    if asked < least:
        raise Usage(f"--memory {memory_text(asked)} is too little: {what} {memory_text(least)}",
                      f"give {memory_text(least)} and what the program itself uses")


def quoted(value):
    """A value inside one of QEMU's option lists: commas are doubled."""
    return os.fsdecode(value).replace(",", ",,")


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "baremetal")


def _kvm_memory():
    return os.path.join(cache_folder(), "kvm.json")


def _kvm_key(trial):
    """What the answer depends on: QEMU, the host's kernel and processor, and the trial itself."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            cpu = next((line for line in file if line.startswith("model name")), "")
    except OSError:
        cpu = ""
    about = [os.stat(path)[:] for path in (trial, sdk.kernel_path())]
    seen = (host.version_of("qemu-system-x86_64"), os.uname(), cpu,
            [(a[6], a[8]) for a in about])  # size and time
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:24]


def remember_kvm(works):
    """Keep the answer for the next time; only a memory aid, so failing at it is no problem."""
    path = _kvm_memory()
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
            json.dump({"key": _kvm_key(sdk.trial_path()), "works": works}, file)
        os.replace(file.name, path)
    except OSError:
        pass


def kvm_works(qemu, verbose):
    """Does a program run under KVM here? The SDK's trial program is run once; then remembered.

    KVM may start a guest and yet fail at its first vector instruction.
    """
    trial = sdk.trial_path()
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or not os.path.isfile(trial):
        return False
    try:
        with open(_kvm_memory(), encoding="utf-8") as file:
            known = json.load(file)
        if known["key"] == _kvm_key(trial):
            return known["works"] is True
    except (OSError, ValueError, KeyError, TypeError):
        pass
    works = all(
        Guest([qemu, *machine(kind, cores, 128 << 20, "kvm"), "-kernel", sdk.kernel_path(),
               "-initrd", trial, "-serial", "null"]).run(TRIAL_SECONDS, quiet=True).status == 0
        for kind, cores in TRIAL_MACHINES)
    if verbose:
        tell(f"KVM was tried and {'works' if works else 'does not work here'}")
    remember_kvm(works)
    return works


def displays(program):
    """The kinds of display that this QEMU has: Debian has some in packages of their own."""
    try:
        done = subprocess.run([program, "-display", "help"], stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20)
    except OSError:
        return ()
    except subprocess.TimeoutExpired:
        return DISPLAYS
    return done.stdout.decode(errors="replace").split()


def choose_display(program, asked):
    """The display to take. True: gtk. A Problem if it is not there."""
    if asked == "none":
        return asked
    kind = "gtk" if asked is True else asked
    if kind in displays(program):
        return kind
    raise Problem(f"this QEMU has no display of the kind {kind}",
                  f"apt-get install {host.DISPLAY_PACKAGES[kind]}")


def machine(kind, cores, memory, accel, firmware=None):
    """QEMU's arguments for the machine itself, without a console."""
    cpu = "host,+invtsc,migratable=off" if accel == "kvm" else "max"
    arguments = ["-M", kind, "-accel", accel, "-cpu", cpu, "-smp", str(cores),
                 "-m", memory_text(memory), "-nodefaults", "-no-user-config", "-no-reboot"]
    if firmware:
        code, variables = firmware
        for unit, path, more in ((0, code, "readonly=on"), (1, variables, "snapshot=on")):
            arguments += ["-drive",
                          f"if=pflash,unit={unit},format=raw,{more},file={quoted(path)}"]
    return arguments


def boot_medium(path, kind, snapshot=False, machine=None):
    """QEMU's arguments that attach an image. snapshot: what is written to a disk is dropped."""
    if kind in ("elf", "kernel"):
        return ["-kernel", path]
    read_only, device = ("on", "ide-cd") if kind == "iso" else ("off", "ide-hd")
    snapshot = kind == "disk" and (snapshot or not os.access(path, os.W_OK))
    return ["-drive", f"if=none,id=medium,format=raw,readonly={read_only},file={quoted(path)},"
                      f"snapshot={'on' if snapshot else 'off'}",
            "-device", f"{device},drive=medium,bootindex=0" + (",bus=ide.0,unit=0" if machine == "pc" else "")]


COMMAND_LINE_MAX = 4095  # bytes (kernel/boot/command_line.h)


def pass_words(words, kind):
    """QEMU's arguments that hand words to the kernel's command line."""
    if not words:
        return []
    line = join_words(words)
    if len(line) > COMMAND_LINE_MAX:  # QEMU's own loader may hang with much more
        raise Usage(f"these arguments are {len(line):,} bytes long; the kernel takes {COMMAND_LINE_MAX:,}",
                    "put them into a file of the boot filesystem (--root)")
    if kind in ("elf", "kernel"):
        return ["-append", os.fsdecode(line)]
    text = grub.FAMILY_PREFIX + grub.grub_words(words)
    if len(os.fsencode(text)) > GRUB_WORDS_MAX:
        raise Problem(f"these arguments are {len(text)} bytes long; GRUB takes {GRUB_WORDS_MAX}",
                      "run an image of the format elf, or put them into a file of --root")
    return ["-smbios", "type=1,family=" + quoted(text)]


class End:
    """How a guest ended: the outcome in one word, and the exit status that `run` gives."""

    def __init__(self, outcome, status, text=None, fix=None):
        self.outcome, self.status, self.text, self.fix = outcome, status, text, fix


class Output(threading.Thread):
    """Passes a guest's console on to standard output: QEMU goes on when that cannot be written, and says nothing.

    Then .error is set, and QEMU has been ended.
    """

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.error = process, None

    def run(self):
        try:
            for data in self.blocks():
                while data:
                    data = data[self.write(data):]
        except OSError as error:
            self.error = error
            self.process.kill()

    def blocks(self):
        """What QEMU writes, until it ends or nobody can read it."""
        source, look, gone = self.process.stdout.fileno(), select.poll(), False
        look.register(source, select.POLLIN)
        look.register(1, 0)  # tells when the other end of a pipe is closed
        while True:
            ready = [fd for fd, _ in look.poll(READER_SECONDS * 1000 if gone else None)]
            if source in ready:
                block = os.read(source, 1 << 16)
                if not block:
                    return
                yield block
                time.sleep(0.001)  # a serial port sends single bytes: some are gathered
            elif gone:
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
            else:
                gone = True
                look.unregister(1)

    @staticmethod
    def write(data):
        """Write some of it; returns how much."""
        while True:
            try:
                return os.write(1, data)
            except BlockingIOError:  # whoever shares it has set it so
                look = select.poll()
                look.register(1, select.POLLOUT)
                look.poll()

    def end(self):
        if self.error.errno == errno.EPIPE:
            raise Terminated(signal.SIGPIPE)
        return End("output", STATUS_NO_STATUS, f"the program's output could not be written: {self.error.strerror}",
                   "send it to another place; the program was ended")


class Guest:
    """A QEMU process, with the devices that tell how the guest ended."""

    def __init__(self, command, folder=None):
        self.folder, self.kvm_failed = folder, False
        self.status_path = os.path.join(folder, "status") if folder else None
        if folder:
            chardev = f"file,id=status,path={quoted(self.status_path)}"
        else:
            self.reader, self.writer = os.pipe()
            chardev = f"file,id=status,path=/dev/fd/{self.writer}"
        self.command = [*command, "-display", "none"] if "-display" not in command else command
        self.command += ["-chardev", chardev,
                         "-device", f"isa-debugcon,iobase={STATUS_PORT:#x},chardev=status",
                         "-device", f"isa-debug-exit,iobase={EXIT_PORT:#x}"]

    def start(self, extra_fds=(), **more):
        fds = extra_fds if self.folder else (*extra_fds, self.writer)
        try:
            return subprocess.Popen(self.command, pass_fds=fds, **more)
        except OSError as error:
            raise from_oserror(error, self.command[0]) from None

    def run(self, timeout=None, quiet=False):
        """Run to the end, or to the time limit in seconds, and say how it ended."""
        streams, output = {}, None
        if quiet:
            streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        elif not os.isatty(1):  # which QEMU may set up as it needs it, and which can be written
            streams = {"stdout": subprocess.PIPE}
        started = time.monotonic()
        process = self.start(stderr=subprocess.PIPE, **streams)
        watcher = threading.Thread(target=self.watch, args=(process, quiet), daemon=True)
        watcher.start()
        if process.stdout:
            output = Output(process)
            output.start()
        late = interrupted = False
        try:
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                late = True
            except Terminated as end:
                if end.number != signal.SIGINT:
                    raise
                interrupted = True
        finally:
            stop(process)
        watcher.join(5)
        seconds = time.monotonic() - started
        if output:
            # Whoever reads it takes the time that he needs, unless there is a limit.
            output.join(5 if late or interrupted else None)
            if output.error:
                return output.end()
        return self.end(process.returncode, late, interrupted, seconds)

    def watch(self, process, quiet):
        """Pass QEMU's complaints on. After an error inside KVM it would stand still for ever."""
        for line in process.stderr:
            if not quiet:
                try:
                    sys.stderr.buffer.write(line)
                    sys.stderr.buffer.flush()
                except OSError:
                    quiet = True  # nobody reads it; QEMU shall not wait for that
            if KVM_FAILED in line and not self.kvm_failed:
                self.kvm_failed = True
                threading.Timer(0.5, process.kill).start()  # once it has said the rest

    def said(self):
        """The line that the guest wrote to the status port, or an empty string."""
        if self.folder:
            try:
                with open(self.status_path, "rb") as file:
                    data = file.read(100)
            except OSError:
                data = b""
        else:
            os.close(self.writer)
            with open(self.reader, "rb") as file:
                data = file.read(100)
        line = data.split(b"\n")[0] if b"\n" in data else b""
        return line.decode("ascii", "replace")

    def end(self, returncode, late, interrupted, seconds):
        line = self.said()
        if match := re.fullmatch(r"exit (-?[0-9]{1,10})", line):
            return End("exit", int(match[1]) & 255)
        if line == "crash":
            return End("crash", STATUS_CRASH, "the program crashed",
                       "the report is on the console, above; "
                       "`baremetal debug` shows more")
        if line == "refused":
            return End("refused", STATUS_REFUSED, "the kernel could not start the program",
                       "the reason is on the console, above")
        if self.kvm_failed:
            remember_kvm(False)
            return End("kvm", STATUS_NO_STATUS, "KVM cannot run this program here",
                       "run it again: it will be emulated; or give --accel tcg")
        if interrupted:
            return End("interrupted", STATUS_INTERRUPTED, "interrupted")
        if late:
            return End("timeout", STATUS_TIMEOUT,
                       f"the program had not ended after {seconds:.{0 if seconds >= 1 else 2}f} s",
                       "give --timeout more, or find what it waits for with `baremetal debug`")
        if returncode:
            how = (f"was killed by {signal.Signals(-returncode).name}" if returncode < 0 else
                   f"failed with status {returncode}")
            return End("qemu", STATUS_NO_STATUS, f"QEMU {how}",
                       "see what it says above; -v shows its command, and --accel tcg avoids KVM")
        return End("lost", STATUS_NO_STATUS,
                   "the machine was reset or switched off without a status: "
                   "a triple fault, a reboot, or a power-off that nobody reported",
                   "try `baremetal debug`, or QEMU's own log with -d int,cpu_reset")


def stop(process):
    """End QEMU if it still runs. At once: it has nothing to save, and says nothing so."""
    if process.poll() is None:
        process.kill()
        process.wait()


class Terminal:
    """Put the terminal back as it was, however QEMU ends."""

    def __enter__(self):
        self.saved = None
        try:
            self.saved = termios.tcgetattr(sys.stdin.fileno())
        except (termios.error, OSError, ValueError, AttributeError):
            pass

    def __exit__(self, *_):
        if self.saved:
            # In the background this would stop us.
            old = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self.saved)
            signal.signal(signal.SIGTTOU, old)
