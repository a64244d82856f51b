#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""absent.py KERNEL TASKS: a core that does not come up, and one that comes too late.

QEMU's stub for gdb starts the machine with core 2 of 0 to 3 standing still. The kernel must say so, and
the tests of the work queue must pass on the other three. In the middle of them core 2 wakes up, hears
what it was sent long ago, and must not disturb.
"""
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import run_guest  # noqa: E402

CORES, ABSENT, SECONDS = 4, 2, 120


class Stub:
    """The remote protocol of gdb (its manual, appendix E), as far as it is needed."""

    def __init__(self, path, process):
        self.socket = run_guest.connect(path, process)

    def send(self, text):
        self.socket.sendall(f"${text}#{sum(text.encode()) % 256:02x}".encode())

    def answer(self):
        """The next packet, acknowledged."""
        data = b""
        while not (match := re.search(rb"\$([^#]*)#..", data)):
            more = self.socket.recv(4096)
            if not more:
                raise OSError("QEMU has closed the connection")
            data += more
        self.socket.sendall(b"+")
        return match[1].decode()

    def go(self, cores):
        """Let these run; threads are numbered from 1."""
        self.send("vCont" + "".join(f";c:{core + 1:x}" for core in cores))

    def stop(self):
        self.socket.sendall(b"\x03")
        return self.answer()


def main():
    kernel, app = sys.argv[1:]
    guest = run_guest.Guest(kernel=kernel, initrd=app, cores=CORES,
                            append=f"bm.log=info {CORES - 1}")
    with tempfile.TemporaryDirectory(prefix="bm-absent-") as work:
        command = run_guest.qemu_command(guest, work) + [
            "-S", "-chardev", f"socket,id=gdb,path={work}/gdb,server=on,wait=off", "-gdb", "chardev:gdb"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        output, late = b"", False
        try:
            stub = Stub(f"{work}/gdb", process)
            stub.go(core for core in range(CORES) if core != ABSENT)
            end = time.monotonic() + SECONDS
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                while time.monotonic() < end:
                    if not selector.select(1):
                        continue
                    data = process.stdout.read1(65536)
                    if not data:
                        break
                    output += data
                    if not late and re.search(rb"^cores: 3\r?$", output, re.MULTILINE):
                        late = True
                        stub.stop()
                        stub.go(range(CORES))
            process.wait(max(1, end - time.monotonic()))
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        outcome = run_guest.judge(work, None)
    text = output.decode("utf-8", "replace").replace("\r\n", "\n")
    print(outcome, text, sep="\n")
    wrong = [pattern for pattern in (rf"^warning: cores: APIC {ABSENT} does not start, the others go on$",
                                     rf"^info: cores: {CORES - 1} of {CORES}$", r"^\d+ tasks$")
             if not re.search(pattern, text, re.MULTILINE)]
    if outcome != "exit:0" or wrong or not late:
        sys.exit(f"expected exit:0, and the output lacks {wrong}; woken late: {late}")


if __name__ == "__main__":
    main()
