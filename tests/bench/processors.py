# SPDX-License-Identifier: MIT
"""The host's processors, shared out among QEMU's threads, so that its scheduler does not decide by chance.

A guest that polls keeps one busy: if QEMU's thread that emulates the disk wakes up behind it, each request takes a
time slice. Two of the guest's processors on one of the host's are no faster than one.
"""

import os
import re
import threading
import time

# The vCPUs' threads can be told by their names then.
NAMES = ["-name", "bench,debug-threads=on"]
SECONDS = 10


def _threads(pid):
    """({number of the vCPU: its thread}, [the others])"""
    processors, others = {}, []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8") as file:
            name = re.match(r"CPU (\d+)/", file.read())
        if name:
            processors[int(name[1])] = int(thread)
        else:
            others.append(int(thread))
    return processors, others


def _share_out(process, cores):
    available = sorted(os.sched_getaffinity(0))
    end = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            processors, others = _threads(process.pid)
            if len(processors) == cores:
                for number, thread in processors.items():
                    os.sched_setaffinity(thread, [available[number % len(available)]])
                for thread in others if cores < len(available) else []:
                    os.sched_setaffinity(thread, available[cores:])
                return
        except OSError:
            pass  # one that has ended
        time.sleep(0.01)


def share_out(guest):
    """Each vCPU of the guest gets a processor, QEMU's other threads those that are left, if any."""
    guest.extra = guest.extra + NAMES
    guest.started = lambda process: threading.Thread(target=_share_out, args=[process, guest.cores],
                                                     daemon=True).start()
    return guest
