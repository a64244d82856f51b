# SPDX-License-Identifier: MIT
"""The measurement behind the work queue's design: a queue a core with stealing, or one for all.

Both are kernel/task/scheduler.c, with kernel/task/deque.h or with one_queue/task/deque.h. On the host
(threads for cores) and in the guest (two kernels), guest/queues.c; instructions by guest/costs.c.
"""

import os
import shutil

from counting import HERE, BenchError, Guest, boot, clock_lines, count, run_tool
from cores import SUBMIT, STOLEN, TASK
from figures import note_load

TOP = HERE.parents[1]
DESIGNS = {"a queue a core": None, "one queue": HERE / "one_queue"}
HOST_CORES = (1, 2, 4)
GUEST_CORES = (1, 2, 4, 8)
SUBMITTERS = {"one": "core 0 submits", "all": "all cores submit", "tree": "a tree"}
WORK = (0, 100, 1000)


def host_program(bench, design):
    folder = DESIGNS[design]
    program = bench.work / f"queues_{design.replace(' ', '_')}"
    run_tool(["cc", "-O2", "-D_GNU_SOURCE", "-DHOST_CORES", '-DTASK_PORT="host_port.h"',
              *([f"-I{folder}"] if folder else []), f"-I{TOP / 'kernel'}", f"-I{TOP / 'sdk' / 'include'}",
              f"-I{TOP / 'tests' / 'unit' / 'task'}", "-pthread", "-o", program,
              HERE / "guest" / "queues.c", TOP / "kernel" / "task" / "scheduler.c"])
    return program


def kernel(bench, design):
    """A kernel of this tree, with that design."""
    tree, build = bench.copy_of_tree("queues-tree"), bench.work / "queues-build"
    if DESIGNS[design]:
        shutil.copy2(DESIGNS[design] / "task" / "deque.h", tree / "kernel" / "task" / "deque.h")
    shutil.rmtree(build, ignore_errors=True)
    run_tool(["meson", "setup", "-Dlibc=false", "-Dtests=false", "-Ddocs=disabled", build, tree])
    run_tool(["ninja", "-C", build, "kernel/kernel.elf"])
    made = bench.work / f"kernel_{design.replace(' ', '_')}.elf"
    shutil.copy2(build / "kernel" / "kernel.elf", made)
    return made


def rates(text):
    values = clock_lines(text)
    if not {f"{who}_{work}" for who in SUBMITTERS for work in WORK} <= values.keys():
        raise BenchError(f"guest/queues.c did not end:\n{text}")
    return values


def in_guest(kernel_file, app, cores):
    result = boot(Guest(kernel=str(kernel_file), initrd=str(app), cores=cores, timeout=120))
    if result.outcome != "exit:0":
        raise BenchError(f"guest/queues.c on {cores} cores ended with {result.outcome}:\n{result.output}")
    return rates(result.output)


def instructions(bench, kernel_file, app):
    """An empty task on its submitter's core, and on another one."""
    pairs = {}
    for cores, append in ((1, ""), (2, "stolen")):
        guest = Guest(kernel=str(kernel_file), initrd=str(app), cores=cores, icount=cores == 1,
                      append=append, timeout=60)
        pairs |= {pair: value for (pair, _), value in count(bench.plugin, guest)[0].pairs.items()}
    return pairs[TASK].average, pairs[SUBMIT].average + pairs[STOLEN].average


def print_rates(where, found, cores):
    print(f"\n| {where}, tasks a µs | additions | " +
          " | ".join(f"{n} {'core' if n == 1 else 'cores'}" for n in cores) + " |")
    print("|---|---" + "|---" * len(cores) + "|")
    for who, text in SUBMITTERS.items():
        for work in WORK:
            cells = [" / ".join(f"{found[design, n][f'{who}_{work}'] / 1e6:.3g}" for design in DESIGNS)
                     for n in cores]
            print(f"| {text} | {work} | " + " | ".join(cells) + " |")


def report(bench):
    """Measure both designs, print tables: a queue a core / one queue."""
    note_load()
    programs = {design: host_program(bench, design) for design in DESIGNS}
    kernels = {design: kernel(bench, design) for design in DESIGNS}
    app, costs = bench.guest_program("queues"), bench.guest_program("costs")
    print("| an empty task: instructions | " + " | ".join(DESIGNS) + " |\n|---|---|---|")
    cost = {design: instructions(bench, kernels[design], costs) for design in DESIGNS}
    for i, where in enumerate(("on its submitter's core", "on another core")):
        print(f"| {where} | " + " | ".join(str(cost[design][i]) for design in DESIGNS) + " |")
    print(f"\nBelow: {' / '.join(DESIGNS)}. The host has {len(os.sched_getaffinity(0))} processors.")
    print_rates("on the host", {(design, n): rates(run_tool([programs[design], n]))
                                for n in HOST_CORES for design in DESIGNS}, HOST_CORES)
    print_rates("in the guest", {(design, n): in_guest(kernels[design], app, n)
                                 for n in GUEST_CORES for design in DESIGNS}, GUEST_CORES)
