#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An idle guest leaves the host's processor alone: idle.py KERNEL APP CORES

Reads QEMU's processor time over 5 s in which the guest has nothing to do. The limit is
0.4 s: a core that polls would take 5 s, one that wakes for a tick 100 times a second
about half a second; what QEMU itself needs for its clocks is a few hundredths.
"""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True
from run_guest import Guest, judge, qemu_command  # noqa: E402

SECONDS = 5
LIMIT = 0.4


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    kernel, app, cores = sys.argv[1:4]
    guest = Guest(kernel=kernel, initrd=app, cores=int(cores), append=f"{(SECONDS + 2) * 1000}")
    with tempfile.TemporaryDirectory(prefix="bm-idle-") as work:
        process = subprocess.Popen(qemu_command(guest, work), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            first = process.stdout.readline()
            while first and first.strip() != b"idle":
                first = process.stdout.readline()
            if not first:
                print("FAILED: the guest ended before it was idle")
                return 1
            time.sleep(0.5)
            before = cpu_seconds(process.pid)
            time.sleep(SECONDS)
            used = cpu_seconds(process.pid) - before
            rest = process.communicate(timeout=60)[0].decode(errors="replace")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        outcome = judge(work, None)
    print(rest.strip())
    print(f"{used:.2f} s of processor time in {SECONDS} s, {cores} cores, ended with {outcome}")
    if outcome != "exit:0":
        print("FAILED: expected exit:0")
        return 1
    if used > LIMIT:
        print(f"FAILED: more than {LIMIT} s")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
