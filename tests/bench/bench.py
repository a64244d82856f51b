#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure the figures that the project holds itself to; README.md explains each.

Prints `name value unit limit verdict` for each, where the verdict is pass, fail, or info for
one without a limit. Exit status: 0 if none failed, 1 if one did, 2 for wrong usage.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from counting import (HERE, BenchError, Elf, Guest, boot, build_plugin, build_selftest,
                      clock_lines, count, event_options, run_tool)
from figures import FIGURES, figure, note_load
import boot_profile
import disk  # noqa: F401 (registers its figures)
import linux
import web  # noqa: F401 (the same)

TOP = HERE.parents[1]
MIB = 1 << 20
MICROVM = "microvm"
SELFTEST = {(0, 0): 10, (1, 0): 2001, (2, 0): 101, (3, 0): 1, (4, 0): 400001, (5, 1): 600001,
            (6, 0): 41}
SELFTEST_INTERRUPTS = {(6, 0): 10}
API_SUBJECTS = ["system_info", "memory_grow", "memory_info", "clock_info", "phys", "console_write"]


def once(function):
    """A property made when first asked for. What failed once is not tried again."""
    def get(self):
        made = self.__dict__.setdefault("made", {})
        if function.__name__ not in made:
            made[function.__name__] = BenchError(f"no {function.__name__}: see above")
            try:
                made[function.__name__] = function(self)
            except OSError as error:
                raise BenchError(str(error)) from None
        if isinstance(made[function.__name__], BenchError):
            raise made[function.__name__]
        return made[function.__name__]
    return property(get, doc=function.__doc__)


class Bench:
    """What the figures share, each made when first asked for."""

    def __init__(self, prefix, work):
        self.prefix, self.work = Path(prefix), Path(work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.tool = self.prefix / "bin" / "baremetal"
        self.kernel = self.prefix / "lib" / "baremetal" / "kernel.elf"
        self.environment = dict(os.environ, PATH=f"{self.prefix}/bin:{os.environ['PATH']}")

    @once
    def plugin(self):
        return build_plugin(self.work)

    @once
    def hello_project(self):
        """A fresh project from the template, not built."""
        return self.new_project("hello")

    def new_project(self, name, template="hello"):
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        self.run([self.tool, "new", "--template", template, name], cwd=self.work)
        return folder

    def build(self, folder):
        """The program of a project."""
        self.run([self.tool, "build"], cwd=folder)
        found = [p for p in folder.rglob(f"{folder.name}*")
                 if p.is_file() and p.read_bytes()[:4] == b"\x7fELF" and Elf(str(p)).is_app()]
        if not found:
            raise BenchError(f"no program in {folder} after `baremetal build`")
        return found[0]

    def run(self, command, **options):
        return run_tool(command, env=self.environment, **options)

    @once
    def hello(self):
        """The hello template's program."""
        return self.build(self.hello_project)

    def guest_program(self, name):
        """One of guest/*.c, built as a user would: with the compiler wrapper."""
        program = self.work / name
        self.run([self.prefix / "bin" / "baremetal-cc", "-O2", "-o", program,
                  HERE / "guest" / f"{name}.c"])
        return program

    def image(self, app, form, *words):
        suffix = {"elf": "image.elf"}.get(form, form)
        path = self.work / f"{app.name}{''.join(w for w in words if str(w)[0] == '-')}.{suffix}"
        self.run([self.tool, "image", "-f", form, *words, "-o", path, app])
        return path

    def boot_report(self, memory, trace=False):
        image = self.image(self.hello, "elf")
        guest = Guest(kernel=str(image), machine=MICROVM, memory=memory, icount=True, timeout=60)
        return count(self.plugin, guest, event_options(self.kernel, self.hello), trace)

    @once
    def boot_128(self):
        return self.boot_report("128M")[0].between("entry", "main")

    @once
    def clock(self):
        """What guest/clock.c printed, as {name: number}."""
        image = self.image(self.guest_program("clock"), "elf")
        result = boot(Guest(kernel=str(image), machine=MICROVM, icount=True, timeout=60))
        values = clock_lines(result.output)
        if result.outcome != "exit:0" or not {"boot_ticks", "waited_ns"} <= values.keys():
            raise BenchError(f"guest/clock.c ended with {result.outcome}:\n{result.output}")
        return values

    def bootable_size(self, *words, firmwares):
        """Size of hello's ISO, which must also boot."""
        image = self.image(self.hello, "iso", *words)
        for uefi in firmwares:
            result = boot(Guest(iso=str(image), machine="pc", uefi=uefi, memory="256M", timeout=90))
            if result.outcome != "exit:0":
                raise BenchError(f"{image.name} does not boot from {'UEFI' if uefi else 'BIOS'} "
                                 f"({result.outcome}): {' '.join(result.command)}")
        return image.stat().st_size

    def smallest(self, works, step, most, what):
        """The least multiple of step (KiB) for which works(KiB) holds; at most `most`."""
        low, high = 0, most // step
        if not works(high * step):
            raise BenchError(f"{what} does not even run in {high * step} KiB")
        while high - low > 1:
            middle = (low + high) // 2
            if works(middle * step):
                high = middle
            else:
                low = middle
        return high * step

    def copy_of_tree(self, name):
        """The tree's own files, changes included, in a folder that may be written to."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        try:
            listing = subprocess.run(["git", "-C", TOP, "ls-files", "-zco", "--exclude-standard"],
                                     check=True, capture_output=True).stdout
            names = [os.fsdecode(n) for n in listing.split(b"\0") if n]
        except (OSError, subprocess.CalledProcessError):  # not a checkout
            names = [str(p.relative_to(TOP)) for p in TOP.rglob("*") if p.is_file() and
                     p.relative_to(TOP).parts[0] not in ("build", "prefix", ".git")]
        for name in names:
            if (TOP / name).is_file():  # not one that is deleted but still in the index
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(TOP / name, folder / name)
        return folder



# ---- The counter itself ----

@figure("counter-error", "instructions", 0)
def counter_error(bench):
    """how far the plugin is off on code of known length with known interrupts, on two cores"""
    guest = Guest(kernel=str(build_selftest(bench.work)), cores=2, memory="16M", timeout=60)
    report, _ = count(bench.plugin, guest, expect=("no-status",))
    missing = SELFTEST.keys() - report.pairs.keys()
    if missing:
        raise BenchError(f"the self-test's pairs {sorted(missing)} never ran")
    return sum(abs(report.pairs[key].min - length) + (report.pairs[key].count - 1) +
               abs(report.pairs[key].interrupts - SELFTEST_INTERRUPTS.get(key, 0))
               for key, length in SELFTEST.items())


# ---- Boot ----

@figure("boot-instructions", "instructions", 60000)
def boot_instructions(bench):
    """kernel entry (PVH, microvm, 128 MiB, one core) to the first instruction of main"""
    return bench.boot_128


@figure("boot-instructions-16g", "instructions")
def boot_instructions_16g(bench):
    """the same at 16 GiB: at most a tenth more"""
    return bench.boot_report("16G")[0].between("entry", "main"), bench.boot_128 * 11 // 10


@figure("boot-wait", "ns", 1000000)
def boot_wait(bench):
    """all time from kernel entry to main on a clock that counts instructions, waiting included"""
    return bench.clock["boot_ticks"]


@figure("clock-first-use", "ns", 1000000)
def clock_first_use(bench):
    """what the kernel waited once a program read the clock for the first time, on the same clock"""
    return bench.clock["waited_ns"]


# ---- Sizes ----

@figure("memory-elf", "KiB", 2 * 1024)
def memory_elf(bench):
    """smallest machine that runs hello from `baremetal image -f elf`"""
    image = bench.image(bench.hello, "elf")

    def works(kib):
        return boot(Guest(kernel=str(image), machine=MICROVM, memory=f"{kib}K",
                          timeout=20, idle_timeout=5)).outcome == "exit:0"
    return bench.smallest(works, 64, 16 * 1024, "hello (elf)")


@figure("memory-iso", "KiB", 4 * 1024)
def memory_iso(bench):
    """smallest machine that runs hello from an ISO, through BIOS and GRUB"""
    image = bench.image(bench.hello, "iso")

    def works(kib):
        return boot(Guest(iso=str(image), machine="pc", memory=f"{kib}K",
                          timeout=40, idle_timeout=15)).outcome == "exit:0"
    return bench.smallest(works, 256, 16 * 1024, "hello (iso)")


# What came to the kernel for many cores: whole files, and functions in others.
CORES_FILES = ("kernel/task/", "kernel/cpu/core.", "kernel/cpu/apic.", "kernel/cpu/trampoline.",
               "kernel/device/madt.")
CORES_FUNCTIONS = {"heap_guard", "timer_alarm", "timer_interrupt", "remaining_ns", "print_others",
                   "core_info", "core_current", "core_run", "task_depth", "physical_take_low"}
# The same for the display.
DISPLAY_FILES = ("kernel/device/display.",)
DISPLAY_FUNCTIONS = {"confine", "console_confine", "console_confine_unlocked"}
# What came for devices: issue by issue, these parts have limits of their own or none.
DEVICE_FILES = ("drivers/", "kernel/device/block", "kernel/device/net", "kernel/device/driver.", "kernel/device/interrupt.",
                "kernel/device/madt_io.", "kernel/device/mcfg.", "kernel/device/pci", "kernel/device/acpi_windows.",
                "kernel/device/virtio_mmio.", "kernel/memory/dma.", "kernel/memory/span.")
DEVICE_FUNCTIONS = {"heap_take", "heap_hold", "heap_release", "acpi_map_dsdt", "timer_set_alarm", "timer_bound",
                    "is_usable", "program_next", "drop_empty"}
DEVICE_MEMBERS = re.compile(r"\(\*(?:pci|block|net|driver|dma|interrupts)_\w+\)")  # of the API's table
NEWER_FILES = CORES_FILES + DISPLAY_FILES + DEVICE_FILES
NEWER_FUNCTIONS = CORES_FUNCTIONS | DISPLAY_FUNCTIONS | DEVICE_FUNCTIONS


def newer_code(kernel):
    """Bytes of the functions above, by the symbol table and the line table."""
    listing = subprocess.run(["nm", "-S", "-l", "--defined-only", str(kernel)], check=True,
                             capture_output=True, text=True).stdout
    size = 0
    for line in listing.splitlines():
        words = line.split()
        if len(words) < 5 or words[2] not in "tT":
            continue  # no size, no source line, or no function
        if words[3].split(".")[0] in NEWER_FUNCTIONS or any(f in words[4] for f in NEWER_FILES):
            size += int(words[1], 16)
    return size


def newer_data(work):
    """Bytes of the constants, texts and data in those files: each is compiled once more, alone."""
    commands = Path(TOP / "build" / "compile_commands.json")
    if not commands.exists():
        raise BenchError(f"{commands} is missing: kernel-size needs the build folder")
    header = (TOP / "sdk/include/baremetal/api.h").read_text(encoding="utf-8")
    size = 8 * len(DEVICE_MEMBERS.findall(header))
    for entry in json.loads(commands.read_text(encoding="utf-8")):
        source = os.path.relpath(os.path.join(entry["directory"], entry["file"]), TOP)
        if not re.search(r"kernel\.elf\.p|kernel_(fast|request)\.a\.p", entry["command"]) or not source.endswith(".c") or \
                not any(f in source for f in NEWER_FILES):
            continue
        words = shlex.split(entry["command"])
        target = work / "newer.o"
        words[words.index("-o") + 1] = str(target)
        words[words.index("-MF") + 1] = str(target) + ".d"
        subprocess.run(words + ["-fno-lto"], cwd=entry["directory"], check=True, capture_output=True)
        listing = subprocess.run(["size", "-A", target], check=True, capture_output=True, text=True)
        sections = (line.split() for line in listing.stdout.splitlines())
        size += sum(int(s[1]) for s in sections
                    if len(s) == 3 and s[0].startswith((".rodata", ".data", ".drivers")))
    return size


@figure("kernel-size", "bytes", 32768)
def kernel_size(bench):
    """code and data of kernel.elf as they are loaded, without what many cores, display and devices need"""
    code, data = newer_code(bench.kernel), newer_data(bench.work)
    if not code:
        raise BenchError("the kernel's symbols tell no source files: build it with debug=true")
    return sum(s.filesz for s in Elf(str(bench.kernel)).loads()) - code - data


@figure("kernel-size-all", "bytes")
def kernel_size_all(bench):
    """code and data of kernel.elf as they are loaded, all of it"""
    return sum(s.filesz for s in Elf(str(bench.kernel)).loads())


@figure("kernel-memory", "bytes")
def kernel_memory(bench):
    """memory of kernel.elf with its zeroed data, stacks and page tables"""
    return sum(s.memsz for s in Elf(str(bench.kernel)).loads())


@figure("iso-bios", "bytes", 1 * MIB)
def iso_bios(bench):
    """ISO of hello, BIOS only"""
    return bench.bootable_size("--bios-only", firmwares=[False])


@figure("iso", "bytes", 5 * MIB)
def iso(bench):
    """ISO of hello, BIOS and UEFI"""
    return bench.bootable_size(firmwares=[False, True])


# ---- The API ----

@figure("api-call", "instructions", 3)
def api_call(bench):
    """what the costliest of some API calls takes beyond the function that it reaches"""
    image = bench.image(bench.guest_program("api_call"), "elf")
    guest = Guest(kernel=str(image), machine=MICROVM, icount=True, timeout=60)
    report, _ = count(bench.plugin, guest)
    costs = {}
    for i, name in enumerate(API_SUBJECTS):
        if (2 * i, 0) not in report.pairs or (2 * i + 1, 0) not in report.pairs:
            raise BenchError(f"guest/api_call.c never came to {name}")
        # The direct way is the function and one call instruction.
        costs[name] = report.pairs[2 * i, 0].min - (report.pairs[2 * i + 1, 0].min - 1)
    if min(costs.values()) < 1:
        raise BenchError(f"an API call for nothing: {costs}; guest/api_call.c measures wrongly")
    return max(costs.values())


# ---- Devices ----

def block_read(bench, device):
    """Instructions of a 4 KiB read's submission and answer, the wait between left out."""
    image = bench.image(bench.guest_program("block_read"), "elf")
    disk = bench.work / "numbers.img"
    disk.write_bytes(b"".join(n.to_bytes(8, "little") for n in range(MIB // 8)))
    guest = Guest(kernel=str(image), machine="q35", timeout=60,
                  extra=["-drive", f"if=none,id=disk,format=raw,readonly=on,file={disk}",
                         "-device", f"{device},drive=disk"])
    report, _ = count(bench.plugin, guest)
    if os.environ.get("BENCH_SHOW"):
        print(report.pairs)
    return report.pairs[0, 0].min + report.pairs[1, 0].min


@figure("block-read-virtio", "instructions", 400)
def block_read_virtio(bench):
    """a 4 KiB read into a page on virtio-blk, from the API call to its answer, the wait left out"""
    return block_read(bench, "virtio-blk-pci")


@figure("block-read-nvme", "instructions", 400)
def block_read_nvme(bench):
    """a 4 KiB read into a page on NVMe, from the API call to its answer, the wait left out"""
    return block_read(bench, "nvme,serial=bench")


def net_turn(bench, pair, device="virtio-net-pci"):
    """Instructions between a pair of markers of guest/net_turn.c, the fewest."""
    if not hasattr(bench, "net_turn"):
        bench.net_turn = {}
    if device not in bench.net_turn:
        image = bench.image(bench.guest_program("net_turn"), "elf")
        guest = Guest(kernel=str(image), machine="q35", timeout=100,
                      extra=["-netdev", "hubport,id=a,hubid=0", "-netdev", "hubport,id=b,hubid=0",
                             "-device", f"{device},netdev=a", "-device", f"{device},netdev=b"])
        bench.net_turn[device], _ = count(bench.plugin, guest)
        if os.environ.get("BENCH_SHOW"):
            print(bench.net_turn[device].pairs)
    return bench.net_turn[device].pairs[pair, 0].min


@figure("net-poll", "instructions", 20)
def net_poll(bench):
    """bm_net_receive() on virtio-net that finds nothing"""
    return net_turn(bench, 0)


@figure("net-turn", "instructions", 200)
def net_turn_one(bench):
    """a frame received, its addresses exchanged, and sent: device time left out"""
    return net_turn(bench, 1)


@figure("net-turn-batch", "instructions", 100)
def net_turn_batch(bench):
    """the same, a frame, when there are 32 at once"""
    return net_turn(bench, 2) / 32


def net_turn_of(device):
    """The three of another device: they are told, and have no limit."""
    for name, pair, share, text in (("net-poll", 0, 1, "bm_net_receive() that finds nothing"),
                                    ("net-turn", 1, 1, "a frame received, turned round and sent"),
                                    ("net-turn-batch", 2, 32, "the same, a frame, when there are 32 at once")):
        def measure(bench, pair=pair, share=share):
            return net_turn(bench, pair, device) / share
        measure.__doc__ = f"{text}, on {device}"
        figure(f"{name}-{device}", "instructions", default=False)(measure)


net_turn_of("e1000")
net_turn_of("e1000e")


# ---- Turnaround, in wall time ----

@figure("template-build", "s", 2)
def template_build(bench):
    """`baremetal build` in a project fresh from its template, best of three"""
    note_load()
    times = []
    for _ in range(3):
        project = bench.new_project("fresh")
        start = time.monotonic()
        bench.run([bench.tool, "build"], cwd=project)
        times.append(time.monotonic() - start)
    return min(times)  # what else the host does only adds


@figure("kernel-change", "s", 5)
def kernel_change(bench):
    """one line of kernel/main.c changed, the kernel built, hello booted with it; the best of three"""
    tree, build = bench.copy_of_tree("change"), bench.work / "change-build"
    shutil.rmtree(build, ignore_errors=True)
    run_tool(["meson", "setup", "-Dlibc=false", "-Dtests=false", "-Ddocs=disabled", build, tree])
    run_tool(["ninja", "-C", build, "kernel/kernel.elf"])
    note_load()
    app, kernel = bench.hello, build / "kernel" / "kernel.elf"
    original, took = (tree / "kernel" / "main.c").read_text(encoding="utf-8"), []
    for _ in range(3):
        stamp = f"changed-{time.time_ns()}"
        start = time.monotonic()
        (tree / "kernel" / "main.c").write_text(
            f'{original}const char bench_change[] __attribute__((used, retain)) = "{stamp}";\n', encoding="utf-8")
        run_tool(["ninja", "-C", build, "kernel/kernel.elf"])
        result = boot(Guest(kernel=str(kernel), initrd=str(app), timeout=60))
        took.append(time.monotonic() - start)
        if result.outcome != "exit:0" or stamp.encode() not in kernel.read_bytes():
            raise BenchError(f"the changed kernel ended with {result.outcome}:\n{result.output}")
    return min(took)


@figure("sdk-build", "s", 300, default=False)
def sdk_build(bench):
    """the SDK from nothing: configure, build and install, on two cores"""
    tree, build = bench.copy_of_tree("sdk"), bench.work / "sdk-build"
    target = bench.work / "sdk-prefix"
    for folder in (build, target):
        shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    run_tool(["meson", "setup", "--prefix", target, "--libdir", "lib", "-Dtests=false", build, tree])
    run_tool(["ninja", "-j2", "-C", build])
    run_tool(["meson", "install", "--no-rebuild", "-C", build])
    seconds = time.monotonic() - start
    if not (target / "lib" / "baremetal" / "kernel.elf").exists():
        raise BenchError("the installed SDK has no kernel")
    return seconds


# ---- Another system on the same machine ----

@figure("linux-instructions", "instructions", default=False)
def linux_instructions(bench):
    """Debian's kernel for virtual machines: its entry to the first instruction of init"""
    guest = linux.guest(bench.work / "linux", linux.bare_init(bench.work), "128M", icount=True)
    report, _ = count(bench.plugin, guest, f",at=entry:{linux.ENTRY:#x}")
    return report.between("entry", "point-0")


@figure("linux-memory", "KiB", default=False)
def linux_memory(bench):
    """smallest machine that runs that kernel and an init of 9 KB"""
    init = linux.bare_init(bench.work)

    def works(kib):
        guest = linux.guest(bench.work / "linux", init, f"{kib}K", icount=True)
        return boot(guest).outcome == "exit:0"
    return bench.smallest(works, 2048, 128 * 1024, "Linux")


import cores  # noqa: E402, F401 (registers its figures)
import queues  # noqa: E402
import scaling  # noqa: E402


def selected(names, long):
    if not names:
        return [f for f in FIGURES.values() if f.default or (long and "linux" not in f.name)]
    chosen = []
    for name in names:
        found = [f for f in FIGURES.values() if f.name == name] or \
            [f for f in FIGURES.values() if f.name.startswith(name + "-")]
        if not found:
            print(f"bench: no figure is named {name}; see ./bench --list", file=sys.stderr)
            sys.exit(2)
        chosen += [f for f in found if f not in chosen]
    return chosen


def shown(value):
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def main():
    parser = argparse.ArgumentParser(prog="./bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="a figure, or the first word of several (boot, memory, linux)")
    parser.add_argument("--list", action="store_true", help="tell what the figures are, and end")
    parser.add_argument("--long", action="store_true", help="also those that take minutes")
    parser.add_argument("--profile", choices=["boot"], help="show where the instructions go")
    parser.add_argument("--report", choices=["scaling", "queues"],
                        help="measure and print a table: barriers and tasks by the number of cores, "
                             "with a picture; one work queue or one a core")
    parser.add_argument("--prefix", default=TOP / "prefix", help="the installed SDK")
    parser.add_argument("--work", default=TOP / "build" / "bench", help="folder for what is made")
    options = parser.parse_args()
    figures = selected(options.names, options.long)
    if options.list:
        for f in figures if options.names else FIGURES.values():
            print(f"{f.name:<22} {f.unit:<13} {'-' if f.limit is None else f.limit:>8}  {f.text}")
        return 0
    bench = Bench(Path(options.prefix).resolve(), Path(options.work).resolve())
    if options.profile or options.report:
        try:
            if options.report:
                {"scaling": scaling, "queues": queues}[options.report].report(bench)
            else:
                report, _, trace = bench.boot_report("128M", trace=True)
                boot_profile.show(report, trace, bench.kernel, bench.hello)
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
        return 0
    failed = 0
    for f in figures:
        value, limit, verdict = None, f.limit, "fail"
        try:
            value = f.function(bench)
            if isinstance(value, tuple):
                value, limit = value
            verdict = f.verdict(value, limit)
        except (BenchError, OSError) as error:
            print(f"bench: {f.name}: {error}", file=sys.stderr)
        print(f"{f.name:<22} {'-' if value is None else shown(value):>12} {f.unit:<12} "
              f"{'-' if limit is None else limit:>8} {verdict}", flush=True)
        failed += verdict == "fail"
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
