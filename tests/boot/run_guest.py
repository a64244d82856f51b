#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot one guest in QEMU and judge how it ended.

The verdict comes from the guest's own status line: the kernel writes "exit N",
"crash" or "refused" to a debug console (kernel/cpu/power.h) and then ends QEMU.
A time-out, a triple fault, a reset and an end without a status are outcomes of
their own, and failures unless the test expects exactly that one.

The app travels as the kernel's initrd (PVH): alone, or in a bundle together with
--root (a boot filesystem), --module files and --args. --image, --iso and --disk boot
a ready image instead. Exit status: 0 as expected, 1 not, 2 wrong usage.
"""
import argparse
import ctypes
import json
import os
import re
import selectors
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sdk" / "tools"))
sys.dont_write_bytecode = True

PR_SET_THP_DISABLE = 41  # linux/prctl.h
OUTPUT_MAX = 64 << 20  # bytes of console; more is a guest that prints for ever
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS.fd"


def without_huge_pages():
    """In QEMU: a byte that a guest touches shall cost the host 4 KiB. QEMU asks for huge pages, and a
    guest that touches 16 GiB here and there would take, and clear, all of them."""
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


@dataclass
class Guest:
    """What to boot, and how."""
    kernel: str | None = None
    initrd: str | None = None
    iso: str | None = None
    disk: str | None = None
    append: str = ""
    machine: str = "microvm"
    cpu: str = "max"
    memory: str = "128M"
    cores: int = 1
    icount: bool = False
    uefi: bool = False
    status_devices: bool = True
    extra: list = field(default_factory=list)  # more words for QEMU
    started: object = None  # called with QEMU's process
    stdin: bytes = b""
    keys: list = field(default_factory=list)  # names as QEMU's send-key has them
    send_after: str | None = None  # stdin and keys wait for this in the output
    watch_end: bool = False  # learn from QMP whether the machine was reset or powered off
    watch_halt: bool = False  # end when the processor halts with interrupts off
    screen: bool = False  # add a VGA screen, and keep its text once the machine is off
    shots: str | None = None  # the same with its picture; and one, then an empty line, when this comes out
    timeout: float = 60
    idle_timeout: float | None = None  # seconds without any output


@dataclass
class Result:
    outcome: str  # exit:N crash refused timeout triple-fault reset poweroff halt flood no-status
    output: str
    seconds: float
    command: list
    complaints: str  # QEMU's own stderr
    screen: str = ""
    shots: list = field(default_factory=list)  # pictures of the screen, PPM


def connect(path, process):
    """A connection to one of QEMU's sockets, as soon as it is there."""
    deadline = time.monotonic() + 20
    connection = socket.socket(socket.AF_UNIX)
    while True:
        try:
            connection.connect(path)
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.settimeout(20)
    return connection


class Monitor:
    """QEMU's machine protocol, as far as it is needed here."""

    def __init__(self, path, process):
        self.socket = connect(path, process)
        self.file = self.socket.makefile("r", encoding="utf-8", errors="replace")
        self.end_reason = None
        self.file.readline()  # greeting
        self.call("qmp_capabilities")

    def call(self, name, **arguments):
        self.socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while line := self.file.readline():
            answer = json.loads(line)
            self.note(answer)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(f"QEMU refuses {name}: {answer['error'].get('desc')}")

    def note(self, answer):
        if answer.get("event") == "SHUTDOWN":
            self.end_reason = answer["data"].get("reason")

    def drain(self):
        """Read what is left once QEMU has gone."""
        try:
            while line := self.file.readline():
                self.note(json.loads(line))
        except (OSError, ValueError):
            pass
        self.file.close()
        self.socket.close()


def qemu_command(guest, work):
    machine = guest.machine
    if guest.uefi and machine == "microvm":
        machine = "q35"
    command = ["qemu-system-x86_64", "-M", machine, "-accel", "tcg", "-cpu", guest.cpu,
               "-m", guest.memory, "-smp", str(guest.cores), "-nodefaults", "-no-reboot",
               "-no-user-config", "-display", "none", "-d", "cpu_reset", "-D", f"{work}/qemu.log",
               "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
    if guest.status_devices:
        command += ["-chardev", f"file,id=status,path={work}/status",
                    "-device", "isa-debugcon,iobase=0x504,chardev=status",
                    "-device", "isa-debug-exit,iobase=0x501"]
    if guest.icount:
        command += ["-icount", "shift=0,sleep=off"]
    if guest.uefi:
        shutil.copyfile(OVMF_VARS, f"{work}/vars.fd")
        command += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}",
                    "-drive", f"if=pflash,format=raw,unit=1,file={work}/vars.fd"]
    if guest.kernel:
        command += ["-kernel", guest.kernel]
        if guest.append:
            command += ["-append", guest.append]
        if guest.initrd:
            command += ["-initrd", guest.initrd]
    if guest.iso:
        command += ["-cdrom", guest.iso]
    if guest.disk:
        command += ["-drive", f"format=raw,snapshot=on,file={guest.disk}"]
    if guest.screen or guest.shots:
        command += ["-device", "VGA", "-no-shutdown"]
    if guest.watch_end or guest.watch_halt or guest.keys or guest.screen or guest.shots:
        command += ["-S", "-qmp", f"unix:{work}/qmp,server=on,wait=off"]
    return command + guest.extra


def boot(guest):
    """Run the guest to its end (or ours) and return a Result. Leaves no process behind."""
    with tempfile.TemporaryDirectory(prefix="bm-guest-") as work:
        command = qemu_command(guest, work)
        start = time.monotonic()
        with open(f"{work}/stderr", "wb") as stderr:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                                       preexec_fn=without_huge_pages)
        monitor, end = None, None
        output = bytearray()
        try:
            if guest.started:
                guest.started(process)
            if "-S" in command:
                monitor = Monitor(f"{work}/qmp", process)
                monitor.call("cont")
            end = watch(guest, process, monitor, output, start, work)
        except (OSError, RuntimeError) as error:
            if process.poll() is None:
                end = f"broken: {error}"
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
            try:
                process.stdin.close()
            except OSError:
                pass  # it died with our input unread
        if monitor:
            monitor.drain()
        seconds = time.monotonic() - start
        text = output.decode("utf-8", "replace").replace("\r\n", "\n")
        screen = read_screen(f"{work}/screen")
        shots = [path.read_bytes() for path in sorted(Path(work).glob("shot*"))]
        complaints = Path(work, "stderr").read_text(errors="replace")
        return Result(end or judge(work, monitor), text, seconds, command, complaints, screen, shots)


def read_screen(path):
    """The text of a VGA screen of 80 by 25, saved as characters and attributes."""
    try:
        cells = Path(path).read_bytes()[::2].decode("cp437")
    except FileNotFoundError:
        return ""
    return "\n".join(cells[i:i + 80].rstrip() for i in range(0, len(cells), 80))


def ended_in_place(guest, monitor, work):
    """An outcome of a machine whose QEMU goes on: off, or halted. Saves its screen."""
    outcome = None
    if (guest.screen or guest.shots) and monitor.call("query-status")["status"] == "shutdown":
        outcome = {"guest-shutdown": "poweroff", "guest-reset": "reset"}.get(monitor.end_reason, "no-status")
    elif guest.watch_halt:
        text = monitor.call("human-monitor-command", **{"command-line": "info registers"})
        flags = re.search(r"[RE]FL=([0-9a-f]+).*HLT=1", text)
        if flags and not int(flags[1], 16) & 0x200:
            outcome = "halt"
    if outcome and guest.screen:
        monitor.call("pmemsave", val=0xb8000, size=4000, filename=f"{work}/screen")
    if outcome and guest.shots:
        monitor.call("screendump", filename=f"{work}/shot-end")
    return outcome


def take_shots(guest, process, monitor, output, taken, work):
    """A picture wherever the guest printed the pattern and waits for a line. Returns how many there are."""
    while taken < len(re.findall(guest.shots.encode(), output, re.MULTILINE)):
        monitor.call("screendump", filename=f"{work}/shot-{taken:03}")
        taken += 1
        process.stdin.write(b"\n")
        process.stdin.flush()
    return taken


def watch(guest, process, monitor, output, start, work):
    """Collect the console until QEMU ends; return an outcome only where we end it."""
    deadline = start + guest.timeout
    heard = start
    shots = 0
    to_send = guest.stdin or guest.keys
    pattern = re.compile(guest.send_after.encode()) if guest.send_after else None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if to_send and (pattern is None or pattern.search(output)):
                to_send = None
                for key in guest.keys:
                    codes = [{"type": "qcode", "data": k} for k in key.split("-")]
                    monitor.call("send-key", keys=codes)
                    time.sleep(0.15)  # send-key holds each key for 100 ms
                if guest.stdin:
                    process.stdin.write(guest.stdin)
                    process.stdin.flush()
            if guest.shots:
                shots = take_shots(guest, process, monitor, output, shots, work)
            now = time.monotonic()
            limit = deadline
            if guest.idle_timeout:
                limit = min(limit, heard + guest.idle_timeout)
            if now >= limit:
                return "timeout"
            if not selector.select(min(limit - now, 0.2)):
                end = ended_in_place(guest, monitor, work) if monitor else None
                if end:
                    return end
                continue
            data = process.stdout.read1(65536)
            if not data:
                try:
                    process.wait(max(1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    return "timeout"
                return None
            heard = time.monotonic()
            output += data
            if len(output) > OUTPUT_MAX:
                return "flood"


def judge(work, monitor):
    try:
        status = Path(work, "status").read_text(errors="replace")
    except FileNotFoundError:
        status = ""
    if status:
        if match := re.fullmatch(r"exit (\d{1,3})\n", status):
            return f"exit:{match[1]}"
        if status in ("crash\n", "refused\n"):
            return status.strip()
        return f"garbled status {status[:80]!r}"
    try:
        if "Triple fault" in Path(work, "qemu.log").read_text(errors="replace"):
            return "triple-fault"
    except FileNotFoundError:
        pass
    reasons = {"guest-reset": "reset", "guest-shutdown": "poweroff"}
    if monitor and monitor.end_reason in reasons:
        return reasons[monitor.end_reason]
    return "no-status"


def pack(work, app, modules, root, args, kernel=None):
    """One file for -initrd: a bundle (kernel/boot/bundle.h); with symbols if the kernel is given."""
    from baremetal_tool import bundle, elf, symbols
    members = [Path(m).read_bytes() for m in ([app] if app else []) + modules]
    if root:
        members.append(bundle.archive(root))
    if kernel:
        members.append(symbols.symbols_module(elf.Elf(kernel), elf.Elf(app)))
    path = f"{work}/initrd"
    Path(path).write_bytes(bundle.pack(members, args))
    return path


def expectations(result, options):
    """What differs from what the test wants, as sentences."""
    wrong = []
    if result.outcome != options.expect:
        wrong.append(f"ended with {result.outcome}, expected {options.expect}")
    for pattern in options.expect_output:
        if not re.search(pattern, result.output, re.MULTILINE):
            wrong.append(f"output lacks {pattern!r}")
    for pattern in options.reject_output:
        if re.search(pattern, result.output, re.MULTILINE):
            wrong.append(f"output has {pattern!r}")
    for pattern in options.expect_screen:
        if not re.search(pattern, result.screen):
            wrong.append(f"the screen lacks {pattern!r}")
    return wrong


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("app", nargs="?", help="the app's ELF")
    what = parser.add_argument_group("what to boot")
    what.add_argument("--kernel", help="kernel.elf")
    what.add_argument("--root", metavar="DIR", help="folder for the boot filesystem")
    what.add_argument("--module", action="append", default=[], metavar="FILE", help="one more module")
    what.add_argument("--args", default="", help="command line kept in the bundle")
    what.add_argument("--symbols", action="store_true", help="add the names of functions")
    what.add_argument("--append", default="", help="command line from the loader")
    what.add_argument("--append-file", metavar="FILE", help="the same, from a file")
    what.add_argument("--raw-initrd", metavar="FILE", help="hand this file over as it is")
    what.add_argument("--image", metavar="ELF", help="a self-contained image")
    what.add_argument("--iso", metavar="FILE")
    what.add_argument("--disk", metavar="FILE")
    how = parser.add_argument_group("the machine")
    how.add_argument("--machine", default="microvm", help="microvm (default), pc, q35, with QEMU's options")
    how.add_argument("--memory", default="128M")
    how.add_argument("--cpu", default="max")
    how.add_argument("--cores", type=int, default=1)
    how.add_argument("--icount", action="store_true", help="the clock counts instructions")
    how.add_argument("--uefi", action="store_true")
    how.add_argument("--no-status-devices", action="store_true")
    how.add_argument("--qemu", default="", metavar="WORDS", help="more words for QEMU")
    how.add_argument("--stdin", metavar="FILE", help="typed on the serial port")
    how.add_argument("--type", default="", metavar="TEXT", help=r"the same from here, with \n")
    how.add_argument("--keys", default="", help='keyboard: QEMU\'s key names, "shift-a b ret"')
    how.add_argument("--send-after", metavar="REGEX", help="wait for this output before typing")
    how.add_argument("--timeout", type=float, default=60, metavar="SECONDS")
    want = parser.add_argument_group("what is expected")
    want.add_argument("--expect", default="exit:0",
                      help="exit:N (default exit:0), crash, refused, reset, poweroff, halt")
    want.add_argument("--expect-output", action="append", default=[], metavar="REGEX")
    want.add_argument("--reject-output", action="append", default=[], metavar="REGEX")
    want.add_argument("--expect-differ", metavar="REGEX",
                      help="boot twice: this regex's first group must match both times, differently")
    want.add_argument("--expect-screen", action="append", default=[], metavar="REGEX",
                      help="on the VGA screen, once the machine is off")
    parser.add_argument("-v", "--verbose", action="store_true", help="always show the console")
    options = parser.parse_args(words)
    if not re.fullmatch(r"exit:(\d+)|crash|refused|reset|poweroff|halt", options.expect):
        parser.error(f"--expect {options.expect}: not an outcome")
    if not (options.kernel or options.image or options.iso or options.disk):
        parser.error("nothing to boot: give --kernel, --image, --iso or --disk")
    return options


def main(words=None):
    options = parse(words)
    append = options.append
    if options.append_file:
        append = Path(options.append_file).read_text()
    with tempfile.TemporaryDirectory(prefix="bm-pack-") as work:
        initrd = options.raw_initrd
        if not initrd and (options.root or options.module or options.args or options.symbols):
            initrd = pack(work, options.app, options.module, options.root, options.args,
                          options.kernel if options.symbols else None)
        guest = Guest(
            kernel=options.image or options.kernel, initrd=initrd or options.app,
            iso=options.iso, disk=options.disk, append=append, machine=options.machine,
            cpu=options.cpu, memory=options.memory, cores=options.cores, icount=options.icount,
            uefi=options.uefi, status_devices=not options.no_status_devices,
            extra=shlex.split(options.qemu), keys=options.keys.split(),
            stdin=Path(options.stdin).read_bytes() if options.stdin else
            options.type.replace("\\n", "\n").encode(),
            send_after=options.send_after, timeout=options.timeout,
            watch_end=options.expect in ("reset", "poweroff"), watch_halt=options.expect == "halt",
            screen=bool(options.expect_screen))
        results = [boot(guest) for _ in range(2 if options.expect_differ else 1)]
    wrong = [line for result in results for line in expectations(result, options)]
    if options.expect_differ:
        found = [re.search(options.expect_differ, r.output, re.MULTILINE) for r in results]
        if not all(found):
            wrong.append(f"output lacks {options.expect_differ!r}")
        elif found[0][1] == found[1][1]:
            wrong.append(f"two boots give the same {found[0][1]!r}")
    for result in results:
        print(f"{result.outcome} after {result.seconds:.2f} s")
        if wrong or options.verbose:
            print("command:", shlex.join(result.command))
            if result.complaints:
                print("QEMU says:", result.complaints.strip())
            print("--- console ---")
            print(result.output[-20000:])
            if result.screen:
                print("--- screen ---", result.screen.rstrip(), sep="\n")
            print("--- end ---")
    for line in wrong:
        print("FAILED:", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
