# SPDX-License-Identifier: MIT
"""Boot guests with the counting plugin (plugin/count.c) and read its report."""

import re
import subprocess
import sys
import tempfile
from array import array
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE.parent / "boot"), str(HERE.parents[1] / "sdk" / "tools")]

from run_guest import Guest, boot  # noqa: E402
from baremetal_tool.elf import Elf  # noqa: E402

PVH_NOTE = (b"Xen", 18)  # XEN_ELFNOTE_PHYS32_ENTRY
APP_FLOOR = 0x200000     # the kernel ends below; any app's base is above
MATCH_BYTES = 48         # of main's code


class BenchError(Exception):
    """What went wrong, and what to do about it."""


@dataclass
class Event:
    vcpu: int
    own: int      # instructions of that core before it
    total: int    # of all cores
    address: int


@dataclass
class Pair:
    count: int
    min: int
    max: int
    sum: int
    interrupts: int  # returned from, in all of them

    @property
    def average(self):
        """Instructions of one, rounded up."""
        return -(-self.sum // self.count)


class Report:
    """The plugin's report; its lines are described in count.c."""

    def __init__(self, path):
        self.events, self.pairs, self.ends, self.insns, self.lost = {}, {}, {}, {}, 0
        for line in Path(path).read_text().splitlines():
            f = line.split()
            if f[0] == "event":
                self.events[f[1]] = Event(int(f[3]), int(f[5]), int(f[7]), int(f[9], 16))
            elif f[0] == "pair":
                self.pairs[int(f[1]), int(f[3])] = Pair(*(int(f[i]) for i in (5, 7, 9, 11, 13)))
            elif f[0] == "end":
                self.ends[int(f[2])] = int(f[4])
            elif f[0] == "insn":
                self.insns[int(f[1])] = (int(f[2], 16), bytes.fromhex(f[3]))
            elif f[0] == "lost":
                self.lost = int(f[1])

    def between(self, first, last):
        """Instructions of all cores from one event to another."""
        for name in (first, last):
            if name not in self.events:
                raise BenchError(f"the guest never reached \"{name}\"")
        return self.events[last].total - self.events[first].total


def run_tool(command, **options):
    """Run a host program; its output is in the error if it fails."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        raise BenchError(f"{' '.join(map(str, command[:3]))} … ended with status "
                         f"{done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def build_plugin(folder):
    plugin = folder / "count.so"
    run_tool(["cc", "-O2", "-g", "-Wall", "-Wextra", "-shared", "-fPIC", "-fvisibility=hidden",
              HERE / "plugin" / "count.c", "-o", plugin])
    return plugin


def build_selftest(folder):
    kernel = folder / "selftest.elf"
    run_tool(["cc", "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none",
              "-Wl,-Ttext=0x100000,-e,entry", "-o", kernel, HERE / "plugin" / "selftest.S"])
    return kernel


def kernel_entry(kernel):
    for name, kind, descriptor in Elf(str(kernel)).notes():
        if (name, kind) == PVH_NOTE:
            return int.from_bytes(descriptor, "little")
    raise BenchError(f"{kernel} has no PVH note: it is not the kernel")


def main_symbol(app):
    for function in Elf(str(app)).functions():
        if function.name == b"main":
            return function
    raise BenchError(f"{app} has no symbol main: build it without stripping")


def event_options(kernel, app=None):
    """Plugin options that give the events `entry` and `main`."""
    options = f",at=entry:{kernel_entry(kernel):#x}"
    if app:
        main, elf = main_symbol(app), Elf(str(app))
        size = min(main.size, MATCH_BYTES)
        offset = elf.file_offset(main.address, size)
        options += (f",match=main:{APP_FLOOR:#x}:{main.address & 0xfff:#x}:"
                    f"{elf.data[offset:offset + size].hex()}")
    return options


def count(plugin, guest, options="", trace=False, expect=("exit:0",)):
    """Boot a guest under the plugin. Returns (Report, Result[, trace as array of ids])."""
    with tempfile.TemporaryDirectory(prefix="bm-bench-") as folder:
        report = f"{folder}/report"
        if trace:
            options += f",trace={folder}/trace,from=entry,to=main"
        guest.extra = guest.extra + ["-plugin", f"{plugin},out={report}{options}"]
        result = boot(guest)
        if result.outcome not in expect:
            raise BenchError(f"the guest ended with {result.outcome} instead of "
                             f"{' or '.join(expect)}; QEMU: {' '.join(result.command)}\n"
                             f"{result.complaints}{result.output[-2000:]}")
        parsed = Report(report)
        if not trace:
            return parsed, result
        ids = array("I")
        ids.frombytes(Path(folder, "trace").read_bytes())
        return parsed, result, ids


def clock_lines(output):
    """NAME=NUMBER words of a guest's output, as a dict."""
    return {k: int(v) for k, v in re.findall(r"^([a-z_0-9]+)=(\d+)$", output, re.MULTILINE)}
