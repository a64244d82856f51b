#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Errors of a disk: errors.py KERNEL LOAD DISK MACHINE DEVICE DEPTH [retries] [LOAD'S WORDS…]

QEMU's blkdebug fails one request of a short load: the Nth read, write or flush that reaches it, for every N
of the run in turn; or each request that touches one bad sector. The app must be told EIO for exactly
that one, and nothing else may go wrong: load.c checks every other request, every other sector and all counts.
With one request under way, and with DEPTH; `retries`: the driver may try once more what was under way with
others when an error came, so that one which does not come again is never told.

All N with CHECK_LONG set in the environment, until there is no Nth; else a sample. Each run makes the same
requests: what it counts must be what the first has counted.
"""
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
import run_guest  # noqa: E402

REQUESTS = 96
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
    """Whether the load ended well, and what its last line counts: {"reads": 48, …}."""
    with tempfile.TemporaryDirectory(prefix="bm-errors-") as folder:
        with open(f"{folder}/rules", "w", encoding="utf-8") as file:
            file.write(rules)
        image = f"{folder}/disk"  # blkdebug lies under the format: no snapshot=on
        with open(image, "wb") as file:
            file.truncate(size)
        # Given a geometry, QEMU does not read the first sector to guess one.
        result = run_guest.boot(run_guest.Guest(
            kernel=kernel, initrd=load, machine=machine, append="load " + words, timeout=150,
            extra=["-drive", f"if=none,id=d,format=raw,cache.no-flush=off,file=blkdebug:{folder}/rules:{image}",
                   *f"-device {device}".split()]))
    good = result.outcome == "exit:0"  # QEMU may complain: of the error
    if not good:
        print(f"ended with {result.outcome}, expected exit:0\n{result.output}\n{result.complaints}", flush=True)
    return good, {what: int(n) for n, what in re.findall(r"(\d+) ([a-z]+)[,\r\n]", result.output)}


class Errors:
    def __init__(self, kernel, load, disk, machine, device, depth, *more):
        self.machine = kernel, load, os.path.getsize(disk), machine, device
        self.base = " ".join([f"requests={REQUESTS} errors=1 sectors=256 most=16384 steps=1"] +
                             [w for w in more if w != "retries"])
        self.depth, self.retries = depth, "retries" in more
        self.runs = self.failed = 0
        self.firsts = {}

    def one(self, rules, name, words):
        """Returns whether an error came, and whether all was well."""
        good, counts = run(*self.machine, rules, f"{self.base} {words}")
        depth = words.split()[0]
        made = {what: counts.get(what) for what in ("reads", "writes", "flushes")}
        # Else the Nth would be another in each run, and the last of them nobody knows which.
        if self.firsts.setdefault(depth, made) != made:
            print(f"not the same requests as in the first run: {made}, {self.firsts[depth]}")
            good = False
        came = counts.get("errors", 0) > 0
        print(f"{name}, {words}: {'an error' if came else 'no error'}{'' if good else ': FAILED'}", flush=True)
        self.runs += 1
        self.failed += not good
        return came, good

    def require(self, what, name):
        if not what:
            print(f"FAILED: {name}")
            self.failed += 1

    def sample(self):
        for event, all_n in SAMPLE.items():
            for n in all_n:
                self.one(nth(event, n), f"{event} {n}", "depth=1 eio=1")
                if self.depth != "1" and n != 1:
                    self.one(nth(event, n), f"{event} {n}", self.several())

    def several(self):
        return f"depth={self.depth} eio{'-most' if self.retries else ''}=1"

    def every(self):
        """Each N of each kind, until there is no Nth. What the driver tries again shows no error; there N goes up
        to what came one at a time, and to what the load makes."""
        ends = {}
        for depth in dict.fromkeys(("1", self.depth)):
            self.one("", "no rule", f"depth={depth} eio-most=0")
            first = self.firsts[f"depth={depth}"]
            least = {"read_aio": first["reads"], "write_aio": first["writes"], "flush_to_disk": 1}
            for event in SAMPLE:
                n = 0
                came = True
                hidden = self.retries and depth != "1"
                while n < max(least[event], ends[event]) if hidden else came and n < 1000:
                    n += 1
                    came, good = self.one(nth(event, n), f"{event} {n}", f"depth={depth} eio-most=1")
                    came = came or not good
                n -= not hidden
                ends.setdefault(event, n)
                print(f"{event}: {n} with depth={depth}")
                self.require(n < 999, f"{event} has no end")
                # QEMU skips a flush of nothing, and joins what virtio has under way together.
                self.require(n >= least[event] if depth == "1" else n,
                             f"{event}: {n}, but the load made {least[event]} with depth={depth}")

    def bad_sectors(self, sectors):
        for sector in sectors:
            self.one(always(sector), f"bad sector {sector}", f"depth={self.depth} bad={sector}")


def main():
    errors = Errors(*sys.argv[1:])
    if "CHECK_LONG" in os.environ:
        errors.every()
        errors.bad_sectors(BAD_SECTORS)
    else:
        errors.sample()
        errors.bad_sectors(SAMPLE_BAD)
    print(f"{errors.runs} runs, {errors.failed} failed")
    return 1 if errors.failed or not errors.runs else 0


if __name__ == "__main__":
    sys.exit(main())
