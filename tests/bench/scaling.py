# SPDX-License-Identifier: MIT
"""Barriers and tasks against the number of cores, here and in a Linux guest: a table and a picture."""

import os
import shutil
import subprocess

from counting import HERE, BenchError, Guest, boot, clock_lines
from figures import note_load
import linux

PICTURE = HERE.parents[1] / "sdk" / "docs" / "images" / "scaling.png"
CORES = (1, 2, 4, 8, 16)
MACHINE = "q35"  # where Linux finds a clock to start several cores by
TIMEOUT = 300

# Title, factor from the guest's number, and the curves: system, name in guest/scaling.c, title.
PANELS = [
    ("Barrier (µs; less is better)", 1e-3,
     [("ours", "team_ns", "BareMetal SDK: team of tasks (spins)"),
      ("ours", "threads_ns", "BareMetal SDK: POSIX threads"),
      ("linux", "threads_ns", "Linux: POSIX threads")]),
    ("Empty tasks (thousands a second)", 1e-3,
     [("ours", "tasks_empty", "BareMetal SDK: tasks"),
      ("ours", "pool_empty", "BareMetal SDK: pool of POSIX threads"),
      ("linux", "pool_empty", "Linux: the same pool")]),
    ("Tasks of 6,000 instructions (thousands a second)", 1e-3,
     [("ours", "tasks_work", "BareMetal SDK: tasks"),
      ("ours", "pool_work", "BareMetal SDK: pool of POSIX threads"),
      ("linux", "pool_work", "Linux: the same pool")]),
]

PLOT = """\
set terminal pngcairo size 1500,560 font "DejaVu Sans,11" background "#ffffff"
set output "{picture}"
set multiplot layout 1,3 margins 0.05,0.985,0.24,0.86 spacing 0.055,0 \\
    title "The same QEMU (TCG, {host} host processors), the same machine: BareMetal SDK and Linux" font ",14"
set logscale x 2
set logscale y 10
set xrange [0.85:{right}]
set xtics ({tics})
set xlabel "cores of the guest"
set grid ytics lc rgb "#dddddd" lt 1
set border 3 lc rgb "#666666"
set tics nomirror
set key below vertical maxrows 3 Left reverse samplen 2.5 spacing 1.15
set object 1 rectangle from {shared},graph 0 to graph 1,graph 1 fc rgb "#f3f3f3" fs solid noborder behind
set label 1 "more cores than host processors" at {shared},graph 0.965 left offset 0.6,0 tc rgb "#888888" font ",9"
set style line 1 lc rgb "#0a5fb4" lw 2.5 pt 7 ps 1.2
set style line 2 lc rgb "#2aa198" lw 2.5 pt 5 ps 1.1
set style line 3 lc rgb "#d9480f" lw 2.5 pt 9 ps 1.3
set format y "%g"
"""


def measure(bench, system, cores):
    """What guest/scaling.c printed, as {name: number}."""
    if system == "linux":
        guest = linux.guest(bench.work / "linux", linux.program(bench.work, "scaling"), "256M",
                            cores=cores, machine=MACHINE, timeout=TIMEOUT)
    else:
        image = bench.image(bench.guest_program("scaling"), "elf")
        guest = Guest(kernel=str(image), cores=cores, machine=MACHINE, memory="256M", timeout=TIMEOUT)
    result = boot(guest)
    values = clock_lines(result.output)
    needed = {name for _, _, curves in PANELS for of, name, _ in curves if of == system}
    if result.outcome != "exit:0" or values.get("cores") != cores or not needed <= values.keys():
        raise BenchError(f"guest/scaling.c on {cores} cores ({system}) ended with {result.outcome}:\n"
                         f"{result.output[-2000:]}")
    return values


def shown(number):
    return f"{number:.3g}" if number < 100 else f"{number:,.0f}"


def print_table(found):
    """One table a panel, in Markdown, as sdk/docs/performance.md has it."""
    for title, factor, curves in PANELS:
        print(f"\n| {title}: cores | " + " | ".join(name for _, _, name in curves) + " |")
        print("|---" * (len(curves) + 1) + "|")
        for cores in CORES:
            cells = [shown(found[system, cores][name] * factor) for system, name, _ in curves]
            print(f"| {cores} | " + " | ".join(cells) + " |")


def draw(found, picture):
    if not shutil.which("gnuplot"):
        raise BenchError("the picture needs gnuplot (Debian package gnuplot-nox)")
    host = len(os.sched_getaffinity(0))
    script = PLOT.format(picture=picture, host=host, shared=host * 1.19, right=CORES[-1] * 1.18,
                         tics=", ".join(str(n) for n in CORES))
    for title, factor, curves in PANELS:
        script += f'set title "{title}" font ",12"\n'
        for i, (system, name, _) in enumerate(curves):
            rows = "\n".join(f"{cores} {found[system, cores][name] * factor}" for cores in CORES)
            script += f"$data{i} << EOD\n{rows}\nEOD\n"
        script += "plot " + ", ".join(f'$data{i} with linespoints ls {i + 1} title "{text}"'
                                      for i, (_, _, text) in enumerate(curves)) + "\n"
    done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True)
    if done.returncode or done.stderr:
        raise BenchError(f"gnuplot says: {done.stderr}")


def report(bench):
    """Measure, print the tables, draw the picture. Some minutes."""
    note_load()
    found = {(system, cores): measure(bench, system, cores)
             for cores in CORES for system in ("ours", "linux")}
    print_table(found)
    draw(found, PICTURE)
    print(f"\n{PICTURE.relative_to(HERE.parents[1])} is drawn")
