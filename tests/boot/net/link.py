#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pull and put back a network cable while the guest (link.c) runs: link.py ID WORDS…

ID is the network device's id= in QEMU; the words are those of run_guest.py. QEMU is told over a second
monitor, every second or so, until the guest has ended.
"""
import shlex
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True
import run_guest  # noqa: E402


class Alive:
    """What run_guest.Monitor asks of a process."""

    def __init__(self, ended):
        self.ended = ended

    def poll(self):
        return 0 if self.ended.is_set() else None


def wiggle(path, name, ended, calls):
    try:
        monitor = run_guest.Monitor(path, Alive(ended))
        up = False
        while not ended.wait(1.2):
            command = f"set_link {name} {'on' if up else 'off'}"
            monitor.call("human-monitor-command", **{"command-line": command})
            calls.append(up)
            up = not up
    except (OSError, ValueError, RuntimeError) as error:
        if not ended.is_set():
            calls.append(error)


def main():
    name, words = sys.argv[1], sys.argv[2:]
    ended, calls = threading.Event(), []
    with tempfile.TemporaryDirectory(prefix="bm-link-") as work:
        at = words.index("--qemu") + 1
        words[at] += f" -qmp {shlex.quote(f'unix:{work}/wiggle,server=on,wait=off')}"
        thread = threading.Thread(target=wiggle, args=(f"{work}/wiggle", name, ended, calls))
        thread.start()
        try:
            status = run_guest.main(words)
        finally:
            ended.set()
            thread.join()
    print(f"the cable was moved {len(calls)} times")
    return status


if __name__ == "__main__":
    sys.exit(main())
