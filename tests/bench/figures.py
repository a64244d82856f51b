# SPDX-License-Identifier: MIT
"""The list of figures: each is a function of a Bench, registered by a decorator."""

import os
import sys

FIGURES = {}  # name: Figure, in the order of ./bench


class Figure:
    def __init__(self, name, unit, limit, function, default, at_least):
        self.name, self.unit, self.limit, self.function = name, unit, limit, function
        self.default = default    # measured when no name is given
        self.at_least = at_least  # the limit is a floor
        self.text = (function.__doc__ or "").strip().splitlines()[0]

    def verdict(self, value, limit):
        if limit is None:
            return "info"
        return "pass" if (value >= limit if self.at_least else value <= limit) else "fail"


def figure(name, unit, limit=None, default=True, at_least=False):
    """Register a function of a Bench that returns the value, or (value, limit)."""
    def register(function):
        FIGURES[name] = Figure(name, unit, limit, function, default, at_least)
        return function
    return register


def note_load():
    """Say that wall times are not what they would be."""
    load, cores = os.getloadavg()[0], os.cpu_count()
    if load > cores:
        print(f"bench: the host is busy (load {load:.1f} on {cores} cores): wall times are longer "
              "than on an idle one", file=sys.stderr)
