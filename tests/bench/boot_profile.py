# SPDX-License-Identifier: MIT
"""Where a boot's instructions go: a call tree and flat lists from the plugin's trace."""

import bisect
import subprocess
from collections import Counter

from counting import main_symbol

PREFIXES = {0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65}
DEPTH_MAX = 200  # frames; deeper recursion is folded


class Symbols:
    """Addresses to function names for the kernel (where it is linked) and the app (moved)."""

    def __init__(self, kernel, app, app_base):
        self.files = {"kernel": (str(kernel), 0), "app": (str(app), app_base)}
        table = {}
        for where, (path, base) in self.files.items():
            listing = subprocess.run(["nm", "--defined-only", path], check=True,
                                     capture_output=True, text=True).stdout
            for line in listing.splitlines():
                address, kind, name = line.split(maxsplit=2)
                # A local symbol of assembly without a type is a label inside a function.
                if kind in "TtWwi":
                    table.setdefault(int(address, 16) + base, (name, where))
        self.addresses = sorted(table)
        self.names = [table[a] for a in self.addresses]
        self.cache = {}

    def find(self, address):
        """(name, where) of the function around an address."""
        if address not in self.cache:
            i = bisect.bisect_right(self.addresses, address) - 1
            self.cache[address] = self.names[i] if i >= 0 else (hex(address), "?")
        return self.cache[address]

    def lines(self, addresses):
        """{address: "file:line"} from the debug information."""
        found = {}
        for where, (path, base) in self.files.items():
            mine = [a for a in addresses if self.find(a)[1] == where]
            if mine:
                out = subprocess.run(["addr2line", "-e", path, *(hex(a - base) for a in mine)],
                                     check=True, capture_output=True, text=True).stdout
                found.update(zip(mine, (l.split("/")[-1] for l in out.splitlines())))
        return found


def kind_of(code):
    """call, ret or None, of one instruction's bytes."""
    i = 0
    while i < len(code) - 1 and code[i] in PREFIXES:
        i += 1
    if i < len(code) - 1 and 0x40 <= code[i] <= 0x4f:  # REX, in 64-bit code
        i += 1
    if code[i] == 0xe8 or (code[i] == 0xff and i + 1 < len(code) and code[i + 1] >> 3 & 7 == 2):
        return "call"
    if code[i] in (0xc2, 0xc3, 0xcf):
        return "ret"
    return None


class Node:
    def __init__(self, name):
        self.name, self.own, self.calls, self.children = name, 0, 0, {}

    def total(self):
        return self.own + sum(c.total() for c in self.children.values())


def analyse(report, trace, symbols):
    """Follow calls and returns. Returns (root Node, own Counter by function, Counter by address)."""
    known = {i: (address, address + len(code), kind_of(code), symbols.find(address))
             for i, (address, code) in report.insns.items()}
    root = Node(("boot", ""))
    stack = [(root, None)]  # (node, address to which it returns)
    own, by_address = Counter(), Counter()
    previous = None
    for number in trace:
        address, after, kind, function = known[number]
        if previous == "ret":
            # Back to whoever waits for this address; a return elsewhere is a jump.
            for depth in range(len(stack) - 1, 0, -1):
                if stack[depth][1] == address:
                    del stack[depth:]
                    break
        top = stack[-1][0]
        if previous == "call" and len(stack) < DEPTH_MAX:
            node = top.children.setdefault(function, Node(function))
            node.calls += 1
            stack.append((node, return_to))
        elif top.name != function:
            # A jump into another function takes its caller's place.
            parent = stack[-2][0] if len(stack) > 1 else root
            node = parent.children.setdefault(function, Node(function))
            node.calls += previous != "ret"
            if len(stack) > 1:
                stack[-1] = (node, stack[-1][1])
            else:
                stack.append((node, None))
        stack[-1][0].own += 1
        own[function] += 1
        by_address[address] += 1
        return_to = after
        previous = kind
    return root, own, by_address


def show_tree(node, whole, share, depth=0):
    rows = [(node.total(), node)]
    total = rows[0][0]
    if total < share * whole:
        return
    name, where = node.name
    print(f"{total:>11,} {100 * total / whole:5.1f}% {node.own:>11,} {node.calls:>7}  "
          f"{'  ' * depth}{name}{' [app]' if where == 'app' else ''}")
    for child in sorted(node.children.values(), key=Node.total, reverse=True):
        show_tree(child, whole, share, depth + 1)


def show(report, trace, kernel, app, count=25):
    base = report.events["main"].address - main_symbol(app).address
    symbols = Symbols(kernel, app, base)
    root, own, by_address = analyse(report, trace, symbols)
    whole = len(trace)
    if not whole:
        print("nothing was traced")
        return
    print(f"{whole:,} instructions from the kernel's entry to the first of main\n")
    print("By caller (from 1 % up):")
    print("      total      %         own   calls  function")
    for child in sorted(root.children.values(), key=Node.total, reverse=True):
        show_tree(child, whole, 0.01)
    print(f"\nBy function, own instructions (the first {count}):")
    for (name, where), n in own.most_common(count):
        print(f"{n:>11,} {100 * n / whole:5.1f}%  {name}{' [app]' if where == 'app' else ''}")
    print(f"\nBy source line (the first {count}):")
    lines, places = symbols.lines(list(by_address)), Counter()
    for address, n in by_address.items():
        places[symbols.find(address)[0], lines.get(address, "?")] += n
    for (name, line), n in places.most_common(count):
        print(f"{n:>11,} {100 * n / whole:5.1f}%  {line:<28} {name}")
    if report.lost:
        print(f"\n{report.lost:,} more instructions did not fit in the trace.")
