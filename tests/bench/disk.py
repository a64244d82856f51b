# SPDX-License-Identifier: MIT
"""The figures of disks: the same two under our kernel and under Debian's, on the same QEMU.

Ours runs examples/05-diskbench, Linux runs fio with O_DIRECT. Both have one core, the same memory and
the same drives: raw files behind a virtio-blk and an NVMe device. They take turns; medians count.
"""

import os
import re
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from counting import HERE, BenchError, Guest, boot
from figures import figure, note_load
import linux
import linux_programs
from processors import share_out

MIB = 1 << 20
DISK_MIB = 256
MEMORY = "512M"
SECONDS = int(os.environ.get("BENCH_DISK_SECONDS", "1"))  # of each workload
ROUNDS = int(os.environ.get("BENCH_DISK_ROUNDS", "3"))
# QEMU's own share is smallest with io_uring on the host, so what differs between the guests shows most.
DRIVE = os.environ.get("BENCH_DISK_DRIVE", "aio=io_uring")

# name: QEMU's device, our driver, Linux's node
DEVICES = {"virtio": ("virtio-blk-pci,num-queues=2", "virtio_blk", "vda"),
           "nvme": ("nvme,serial=bench", "nvme", "nvme0n1")}


@dataclass
class Workload:
    title: str       # as our program prints it
    fio: str
    at_least: float  # times Linux's


WORKLOADS = {
    "1": Workload("random 4 KiB reads, 1 at a time", "--rw=randread --bs=4k --iodepth=1", 4),
    "32": Workload("random 4 KiB reads, 32 at a time", "--rw=randread --bs=4k --iodepth=32", 3),
    "read": Workload("1 MiB reads, 4 at a time", "--rw=read --bs=1m --iodepth=4", 1),
    "write": Workload("1 MiB writes, 4 at a time", "--rw=write --bs=1m --iodepth=4", 1),
}

# Beside linux.FAST: no scheduler, no merging, no statistics.
LINUX_QUEUE = {"scheduler": "none", "iostats": "0", "nomerges": "2", "add_random": "0",
               "rq_affinity": "0", "wbt_lat_usec": "0"}
FIO = ("--name=job --direct=1 --thread --time_based --norandommap --gtod_reduce=1 --invalidate=0 "
       "--random_generator=lfsr --output-format=terse --terse-version=3")


@dataclass
class Linux:
    """A way to set Linux up. The best of those with Debian's queues is what the limits are for."""
    name: str
    fio: str
    words: str = ""
    module: str = ""  # parameters of virtio_blk
    workloads: tuple = tuple(WORKLOADS)
    rounds: int = ROUNDS
    timeout: int = 90
    tries: int = 4  # a round that fails so often fails the figures
    counts: bool = True  # else it is for information: a round that fails is left out


URING = "--ioengine=io_uring --fixedbufs --registerfiles"
LINUXES = [
    Linux("libaio", "--ioengine=libaio"),
    Linux("io_uring", URING),
    # Queues that Debian's kernel does not have by itself, and polls as we do. For information: on one
    # core of this QEMU it hangs now and then, with requests that it splits always.
    Linux("polled", f"{URING} --hipri", "nvme.poll_queues=1", "poll_queues=1", ("1", "32"), 2, tries=1, counts=False),
]


def drives(work):
    """QEMU's words for the disks. They are filled, so that no hole is read."""
    words = []
    for name, (device, _, _) in DEVICES.items():
        path = Path(work) / f"disk-{name}.img"
        if not path.exists() or path.stat().st_size != DISK_MIB * MIB:
            block = (bytes(range(1, 256)) * 4113)[:MIB]
            with open(path, "wb") as out:
                for _ in range(DISK_MIB):
                    out.write(block)
        words += ["-drive", f"if=none,id={name},format=raw,file={path},{DRIVE}",
                  "-device", f"{device},drive={name}"]
    return words


def run(work, timeout=240, **options):
    result = boot(share_out(Guest(machine="q35", memory=MEMORY, extra=drives(work), timeout=timeout,
                                  **options)))
    if result.outcome != "exit:0":
        raise BenchError(f"the guest ended with {result.outcome}; QEMU: {' '.join(result.command)}\n"
                         f"{result.complaints}{result.output[-2000:]}")
    return result.output


def ours(image, work):
    """{(device, workload): requests a second}"""
    output = run(work, kernel=str(image), append=f"-- seconds={SECONDS} depth=32 write")
    values = {}
    for device, (_, driver, _) in DEVICES.items():
        part = output[output.find(f"{driver}0: "):]
        for name, workload in WORKLOADS.items():
            match = re.search(rf"^{workload.title} +(\d+) /s", part, re.MULTILINE)
            if not match:
                raise BenchError(f"nothing about {workload.title} on {device}:\n{output}")
            values[device, name] = int(match[1])
    return values


def script(variant):
    """Lines for guest/linux_script.c."""
    lines = []
    for device, (_, _, node) in DEVICES.items():
        lines.append(f"wait /dev/{node}")
        lines += [f"set /sys/block/{node}/queue/{key} {value}" for key, value in LINUX_QUEUE.items()]
        for name in variant.workloads:
            lines += [f"say job {device} {name}",
                      f"run /usr/bin/fio {FIO} --filename=/dev/{node} --runtime={SECONDS} "
                      f"{variant.fio} {WORKLOADS[name].fio}"]
    return lines


def theirs(cache, work, variant):
    """The same of Linux."""
    kernel = linux.fetch(cache)
    files = linux_programs.program_files(cache, "fio", "usr/bin/fio")
    modules = ["virtio_pci", f"virtio_blk {variant.module}".strip()]
    archive = linux_programs.initrd(work, kernel, files, modules, script(variant))
    output = run(work, variant.timeout, kernel=str(kernel), initrd=str(archive),
                 append=f"{linux.FAST} {variant.words}")
    values = {}
    for device, name, line in re.findall(r"^job (\S+) (\S+)\n(?:.*\n)*?(3;fio.*)$", output,
                                         re.MULTILINE):
        # Terse format 3: operations a second of reads, and of writes.
        values[device, name] = int(line.split(";")[48 if name == "write" else 7])
    missing = {(d, w) for d in DEVICES for w in variant.workloads} - values.keys()
    if missing:
        raise BenchError(f"fio says nothing about {sorted(missing)}:\n{output[-3000:]}")
    return values


def try_theirs(bench, variant):
    """
    theirs(), once more if the guest hangs; None: this round is left out.

    Linux tells QEMU's NVMe device of new commands by a word in memory and rings the doorbell only
    if the device says that it does not look there (NVMe 1.4, 7.13). QEMU 7.2 now and then takes such
    a command for good with 32 of them under way: "I/O timeout, aborting", and nothing comes any
    more. Our driver always rings.
    """
    for number in range(variant.tries):
        try:
            return theirs(bench.work / "linux", bench.work, variant)
        except BenchError as error:
            print(f"bench: Linux with {variant.name} has failed, try {number + 1} of {variant.tries}: "
                  f"{str(error).splitlines()[0][:60]}", file=sys.stderr)
            if number + 1 == variant.tries and variant.counts:
                raise
    return None


def measure_all(bench):
    """{who: {(device, workload): requests a second}}, "best" among them: Linux's best."""
    note_load()
    program = bench.work / "diskbench"
    bench.run([bench.prefix / "bin" / "baremetal-cc", "-O2", "-o", program,
               HERE.parents[1] / "examples" / "05-diskbench" / "diskbench.c"])
    image = bench.image(program, "elf")
    names = ["ours"] + [v.name for v in LINUXES]
    runs = {name: [] for name in names}
    for number in range(ROUNDS):
        runs["ours"].append(ours(image, bench.work))
        for variant in [v for v in LINUXES if number < v.rounds]:
            result = try_theirs(bench, variant)
            if result:
                runs[variant.name].append(result)
    medians = {name: {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
               for name, rounds in runs.items() if rounds}
    for device, name in medians["ours"]:
        told = ", ".join(f"{who} {medians[who][device, name]:.0f}" for who in names
                         if (device, name) in medians.get(who, ()))
        print(f"bench: {device}: {WORKLOADS[name].title}, a second: {told}", file=sys.stderr)
    medians["best"] = {key: max(medians[v.name][key] for v in LINUXES if v.counts)
                       for key in medians["ours"]}
    return medians


def measure(bench):
    """The same, once for all figures, even if it fails."""
    if not hasattr(bench, "disks"):
        bench.disks = BenchError("see above")
        bench.disks = measure_all(bench)
    if isinstance(bench.disks, BenchError):
        raise bench.disks
    return bench.disks


def register(device, name, workload):
    key, text = (device, name), f"{workload.title} on {device}"

    def of(bench, who):
        values = measure(bench)
        if key not in values.get(who, ()):
            raise BenchError(f"no measurement of {who}: see above")
        return values[who][key]

    def mine(bench):
        return round(of(bench, "ours"))

    def linuxes(bench):
        return round(of(bench, "best"))

    def ratio(bench):
        return of(bench, "ours") / of(bench, "best")

    def polled(bench):
        theirs_polled = measure(bench).get("polled", {}).get(key)  # may have hung, see above
        return of(bench, "ours") / theirs_polled if theirs_polled else None

    mine.__doc__ = f"{text}, ours"
    linuxes.__doc__ = f"{text}, of Linux with the better of libaio and io_uring"
    ratio.__doc__ = f"{text}: how many times Linux's"
    polled.__doc__ = f"{text}: how many times Linux's with polled queues"
    figure(f"disk-{device}-{name}-ours", "a second", default=False)(mine)
    figure(f"disk-{device}-{name}-linux", "a second", default=False)(linuxes)
    figure(f"disk-{device}-{name}", "times", workload.at_least, default=False, at_least=True)(ratio)
    if name in LINUXES[-1].workloads:
        figure(f"disk-{device}-{name}-polled", "times", default=False)(polled)


for _device in DEVICES:
    for _name, _workload in WORKLOADS.items():
        register(_device, _name, _workload)
