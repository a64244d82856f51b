#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Power cuts: QEMU is killed while power.c changes /disk0: test_power.py [CUTS]

What the guest said on the console before is the log: it left QEMU when it was true. Then the disk
must be sound, and have of each file
- at least what was synced last, unless something that was begun later takes it away,
- only whole versions that were ever begun, their lines in order from 0, and no other byte,
and files that are said to be gone must be.
20 cuts, 200 with CHECK_LONG; one image goes through all of them, so damage would add up.
"""
import os
import random
import re
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from disk_support import DEVICES, Image, bmfs, drive  # noqa: E402


def run_and_kill(image, seed, numbers):
    """The guest's log up to the moment in which it was killed."""
    words, machine = DEVICES[numbers.choice(sorted(DEVICES))]
    command = ["qemu-system-x86_64", "-M", machine, "-accel", "tcg", "-cpu", "max", "-m", "64M", "-nodefaults",
               "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio", "-kernel",
               os.environ["KERNEL"], "-initrd", os.environ["POWER"], "-append", f"-- {seed}",
               *drive(image, "cache=" + numbers.choice(("writeback", "none"))), *words]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = numbers.randrange(1, 400)
    log = b""
    deadline = time.monotonic() + 100
    try:
        while log.count(b"\n") < lines and time.monotonic() < deadline:
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                break
            log += data
        time.sleep(numbers.random() * 0.01)
    finally:
        process.kill()
        log += process.stdout.read()
        process.wait()
    text = log.decode("ascii", "replace").replace("\r\n", "\n")
    return text[:text.rfind("\n") + 1].splitlines()


class Wrong(Exception):
    pass


def parse(data, name):
    """(version, lines) of a file's content, which must be whole lines of one version, in order."""
    lines = data.split(b"\n")
    version = None
    if lines[-1]:
        raise Wrong(f"{name}: its last line is cut: {lines[-1][-60:]!r}")
    for i, line in enumerate(lines[:-1]):
        match = re.fullmatch(rb"(n\d+) (\d+) (\d+)", line)
        if not match or match[1].decode() != name or int(match[3]) != i or version not in (None, match[2]):
            raise Wrong(f"{name}: line {i} is {line[:60]!r}")
        version = match[2]
    return int(version) if version is not None else None, len(lines) - 1


def expected(log, before):
    """For each name: (what was synced last or None, versions begun after that, whether it may be gone)."""
    state = {name: [found, set(), False] for name, found in before.items()}
    if "ready" not in log:
        return state
    for line in log[log.index("ready") + 1:]:
        words = line.split()
        if words[0] == "failed":
            raise Wrong(f"the guest: {line}")
        if words[:2] == ["begin", "remove"]:
            state.setdefault(words[2], [None, set(), True])[2] = True
        elif words[0] == "begin":
            entry = state.setdefault(words[2], [None, set(), True])
            entry[1].add(int(words[3]))
        elif words[0] == "synced":
            version = int(words[2])
            entry = state.setdefault(words[1], [None, set(), True])
            entry[0], entry[2] = (version, int(words[3])), False
            entry[1] = {v for v in entry[1] if v >= version}
        elif words[0] == "gone":
            entry = state[words[1]]
            entry[0], entry[1], entry[2] = None, set(), True
    return state


def judge(image, log, before):
    done = bmfs("check", image)
    if done.returncode:
        raise Wrong(f"bmfs check: {done}")
    other, found = Image(image), {}
    files = {name: other.read(name) for name in other.list()}
    files.pop("new", None)  # what is being written to take another's place
    state = expected(log, before)
    for name, data in files.items():
        if name not in state:
            raise Wrong(f"{name} was never made")
        synced, begun, may_be_gone = state[name]
        # Appended lines beyond the last fsync() may be there in part: the size was never committed then.
        version, count = parse(data, name)
        found[name] = (version, count)
        if version is None:
            if synced and synced[1] and not may_be_gone and not begun - {synced[0]}:
                raise Wrong(f"{name} is empty; synced was {synced}")
            continue
        if synced and version == synced[0]:
            if count < synced[1]:
                raise Wrong(f"{name} has {count} lines of version {version}; synced were {synced[1]}")
        elif version not in begun:
            raise Wrong(f"{name} has version {version}; synced was {synced}, begun {sorted(begun)}")
    for name, (synced, begun, may_be_gone) in state.items():
        if synced and not may_be_gone and name not in files:
            raise Wrong(f"{name} is gone; synced was {synced}")
    return found


def main():
    cuts = int(sys.argv[1]) if len(sys.argv) > 1 else 200 if os.environ.get("CHECK_LONG") else 20
    numbers = random.Random(7)
    lines = syncs = 0
    with tempfile.TemporaryDirectory(prefix="bm-power-") as folder:
        image = os.path.join(folder, "disk.img")
        for cut in range(cuts):
            if cut % 10 == 0:  # from the start again: the guest's versions begin at 1
                bmfs("format", "-q", "-f", "--size", "64M", image)
            else:
                for name in Image(image).list():
                    bmfs("delete", image, name)
            log = run_and_kill(image, cut + 1, numbers)
            try:
                judge(image, log, {})
            except Wrong as wrong:
                print(f"FAILED: cut {cut}: {wrong}")
                print("\n".join(log[-40:]))
                print(bmfs("list", image).stdout.decode())
                return 1
            lines += len(log)
            syncs += sum(line.startswith("synced") for line in log)
    print(f"{cuts} power cuts, {syncs} synced states, {lines} lines of log: the disk agreed every time")
    return 0 if syncs > cuts else 1


if __name__ == "__main__":
    sys.exit(main())
