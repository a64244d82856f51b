#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Errors of a disk: errors.py KERNEL LOAD DISK MACHINE DEVICE DEPTH [retries] [LOAD'S WORDS…]

QEMU's blkdebug fails one request of a short load: the Nth read, write or flush that reaches it, for every N
of the run in turn; or each request that touches one bad sector. The app must be told EIO for exactly
that one, and nothing else may go wrong: load.c checks every other request, every other sector and all counts.
With one request under way, and with DEPTH; `retries`: the driver may try once more what was under way with
others when an error came, so that one which does not come again is never told.

All N with CHECK_LONG set in the environment, else a sample.
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
import run_guest  # noqa: E402

REQUESTS = 96
LAST = {"read_aio": 24, "write_aio": 24, "flush_to_disk": 3}  # of each, that a run has for certain
SAMPLE = {"read_aio": (1, 2, 9, 24), "write_aio": (1, 2, 9, 24), "flush_to_disk": (1, 3)}
BAD_SECTORS = (0, 77, 255)
SAMPLE_BAD = (77,)


def nth(event, n):
    """blkdebug's rules: count states up to n at each event, and fail the one that meets state n."""
    text = ""
    for state in range(1, n):
        text += f'[set-state]\nevent = "{event}"\nstate = "{state}"\nnew_state = "{state + 1}"\n\n'
    return text + f'[inject-error]\nevent = "{event}"\nstate = "{n}"\nerrno = "5"\nonce = "on"\n'


def always(sector):
    """Reads and writes that touch this sector (of 512 bytes) fail, each time."""
    return "\n".join(f'[inject-error]\nevent = "none"\niotype = "{kind}"\nerrno = "5"\nsector = "{sector}"\n'
                     for kind in ("read", "write"))


def run(kernel, load, size, machine, device, rules, words):
    with tempfile.TemporaryDirectory(prefix="bm-errors-") as folder:
        with open(f"{folder}/rules", "w", encoding="utf-8") as file:
            file.write(rules)
        image = f"{folder}/disk"  # blkdebug lies under the format: no snapshot=on
        with open(image, "wb") as file:
            file.truncate(size)
        # Given a geometry, QEMU does not read the first sector to guess one.
        return run_guest.main(["--kernel", kernel, "--machine", machine, "--append", "load " + words, "--qemu",
                               f"-drive if=none,id=d,format=raw,cache.no-flush=off,"
                               f"file=blkdebug:{folder}/rules:{image} -device {device}", load])


def main():
    kernel, load, disk, machine, device, depth = sys.argv[1:7]
    more = sys.argv[7:]
    one = "eio=1"
    several = "eio-most=1" if "retries" in more else "eio=1"
    base = " ".join([f"requests={REQUESTS} errors=1 sectors=256 most=16384"] +
                    [w for w in more if w != "retries"])
    size = os.path.getsize(disk)
    whole = "CHECK_LONG" in os.environ
    runs = []
    for event, last in LAST.items():
        for n in range(1, last + 1) if whole else [n for n in SAMPLE[event] if n <= last]:
            runs.append((nth(event, n), f"{event} {n}", f"depth=1 {one}"))
            if depth != "1" and (whole or n != 1):
                runs.append((nth(event, n), f"{event} {n}", f"depth={depth} {several}"))
    for sector in BAD_SECTORS if whole else SAMPLE_BAD:
        runs.append((always(sector), f"bad sector {sector}", f"depth={depth} bad={sector}"))
    failed = 0
    for rules, name, words in runs:
        print(f"{name}, {words}:", flush=True)
        if run(kernel, load, size, machine, device, rules, f"{base} {words}"):
            print(f"FAILED: {name}, {words}")
            failed += 1
    print(f"{len(runs)} runs, {failed} failed")
    return 1 if failed or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
