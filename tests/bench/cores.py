# SPDX-License-Identifier: MIT
"""The figures of tasks, threads and many cores."""

import os
import re

from counting import HERE, BenchError, Guest, boot, clock_lines, count, run_tool
from figures import figure, note_load
import linux
from processors import share_out

TOP = HERE.parents[1]

TASK, SWITCH, CREATE, LOCK, SUBMIT, STOLEN = range(6)  # guest/costs.c: its pairs


def costs(bench, number_of_cores, append=""):
    """What guest/costs.c cost, as {pair: Pair}."""
    kept = bench.__dict__.setdefault("costs", {})
    if append not in kept:
        image = bench.image(bench.guest_program("costs"), "elf")
        guest = Guest(kernel=str(image), cores=number_of_cores, icount=number_of_cores == 1,
                      append=append, timeout=60)
        report, _ = count(bench.plugin, guest)
        kept[append] = {pair: value for (pair, _), value in report.pairs.items()}
    return kept[append]


def cost(bench, pair):
    found = costs(bench, 1)
    if pair not in found:
        raise BenchError(f"guest/costs.c never came to pair {pair}")
    return found[pair].average


@figure("task-own-core", "instructions", 150)
def task_own_core(bench):
    """an empty task that the submitter's core runs: submit, run, complete"""
    return cost(bench, TASK)


@figure("task-other-core", "instructions", 150)
def task_other_core(bench):
    """an empty task that another core takes: both sides together"""
    found = costs(bench, 2, "stolen")
    if SUBMIT not in found or STOLEN not in found:
        raise BenchError("no task of guest/costs.c was taken by the second core")
    return found[SUBMIT].average + found[STOLEN].average


@figure("thread-switch", "instructions", 60)
def thread_switch(bench):
    """from one thread's sched_yield() to another thread"""
    return cost(bench, SWITCH)


@figure("thread-create", "instructions", 1000)
def thread_create(bench):
    """pthread_create() and pthread_join() of a thread that does nothing"""
    return cost(bench, CREATE)


@figure("mutex", "instructions", 20)
def mutex(bench):
    """lock and unlock of a mutex that is free"""
    return cost(bench, LOCK)


# ---- Noise: what the system takes of a core that runs a task ----

NOISE_MS = 400  # of each of the two benchmarks
NOISE_CORES = 4


def noise(bench, system, number_of_cores):
    """What guest/noise.c found on "ours" or "linux": its lines, and the plugin's interrupts."""
    kept = bench.__dict__.setdefault("noise", {})
    if (system, number_of_cores) not in kept:
        # Linux has no clock to start several cores by on microvm, unless instructions are counted.
        options = {"cores": number_of_cores, "icount": number_of_cores == 1, "timeout": 240,
                   "machine": "microvm" if number_of_cores == 1 else "q35"}
        if system == "linux":
            guest = linux.guest(bench.work / "linux", linux.program(bench.work, "noise"), "128M",
                                str(NOISE_MS), **options)
        else:
            image = bench.image(bench.guest_program("noise"), "elf")
            guest = Guest(kernel=str(image), append=str(NOISE_MS), **options)
        report, result = count(bench.plugin, guest, ",instructions=no")
        values = clock_lines(result.output)
        ran = {(pair, core) for pair in (0, 1) for core in range(number_of_cores)}
        if values.get("cores") != number_of_cores or not ran <= report.pairs.keys():
            raise BenchError(f"guest/noise.c did not run on {number_of_cores} cores:\n{result.output}")
        values["interrupts"] = sum(report.pairs[key].interrupts for key in ran)
        kept[system, number_of_cores] = values
    return kept[system, number_of_cores]


def noise_figure(name, unit, limit, text, value, number_of_cores=1):
    """The same of both systems, one below the other; the limit is ours."""
    def ours(bench):
        return value(noise(bench, "ours", number_of_cores))

    def theirs(bench):
        return value(noise(bench, "linux", number_of_cores))
    ours.__doc__, theirs.__doc__ = text, f"{text}: Linux"
    figure(f"noise-{name}", unit, limit)(ours)
    figure(f"noise-{name}-linux", unit, default=False)(theirs)


noise_figure("detours", "detours", 0, "selfish detour on one core under icount: detours in 0.4 s",
             lambda v: v["detours"])
noise_figure("longest", "ns", None, "selfish detour: the longest time that the loop stood still",
             lambda v: v["longest"] - v["shortest"])
noise_figure("lost", "ppm", 0, "selfish detour: the share of time that was lost",
             lambda v: v["lost_ticks"] * 1000000 // v["ticks"])
noise_figure("ftq", "units", 1, "fixed time quantum: work of the best quantum less that of the worst",
             lambda v: v["ftq_most"] - v["ftq_least"])
noise_figure("interrupts", "interrupts", 0, "interrupts during both benchmarks, by the plugin",
             lambda v: v["interrupts"])
noise_figure("interrupts-4", "interrupts", 0, "the same on four busy cores together",
             lambda v: v["interrupts"], NOISE_CORES)


# ---- Two cores against one, in time: two of the host's processors are needed ----

def check_host():
    """Wall times of two cores mean nothing on one processor, or on a busy host."""
    if len(os.sched_getaffinity(0)) < 2:
        raise BenchError("two cores at once need a host with two processors")
    note_load()


def times(bench, image, arguments, pattern):
    """A run on two cores: for each group of the pattern what it found, all over the output."""
    check_host()
    guest = share_out(Guest(kernel=str(image), cores=2, append=arguments, memory="256M", timeout=300))
    result = boot(guest)
    found = re.findall(pattern, result.output)
    if result.outcome != "exit:0" or not found:
        raise BenchError(f"{image.name} ended with {result.outcome}:\n{result.output}")
    return [[float(number) for number in numbers] for numbers in zip(*found)]


@figure("speedup-host", "times", default=False)
def speedup_host(bench):
    """two loops on the host itself that share nothing, against one: no guest can have more"""
    check_host()
    program = bench.work / "host_speed"
    run_tool(["cc", "-O2", "-pthread", "-o", program, HERE / "host_speed.c"])
    values = clock_lines(run_tool([program]))
    return 2 * values["one"] / values["two"]


@figure("speedup-raytracer", "times", 1.9, default=False, at_least=True)
def speedup_raytracer(bench):
    """the ray tracer of examples/ on two cores against one"""
    made = bench.work / "raytracer"
    options = ["-O2", "-fopenmp", "-ffp-contract=off"]  # as its meson.build
    compiler = bench.prefix / "bin" / "baremetal-cc"
    bench.run([compiler, *options, "-c", "-Dmain=example_main", "-o", f"{made}.o",
               TOP / "examples" / "03-raytracer" / "raytracer.c"])
    bench.run([compiler, *options, "-o", made, HERE / "guest" / "rounds.c", f"{made}.o"])
    one, two = times(bench, bench.image(made, "elf"), "96 72", r"one core ([\d.]+) ms, 2: ([\d.]+) ms")
    return min(one[1:]) / min(two[1:])


def malloc_speedup(bench, how):
    image = bench.image(bench.guest_program("malloc"), "elf")
    one, two = times(bench, image, how, r"one=(\d+)\nall=(\d+)")  # pairs a second
    return two[0] / one[0]


@figure("speedup-malloc", "times", 1.9, default=False, at_least=True)
def speedup_malloc(bench):
    """pairs of malloc() and free() of two threads against one"""
    return malloc_speedup(bench, "")


@figure("speedup-malloc-wide", "times", 1.9, default=False, at_least=True)
def speedup_malloc_wide(bench):
    """the same with blocks of 256 to 4,095 bytes"""
    return malloc_speedup(bench, "wide")


@figure("speedup-malloc-newlib", "times", default=False)
def speedup_malloc_newlib(bench):
    """the same without the caches of the cores, for comparison"""
    return malloc_speedup(bench, "newlib")
