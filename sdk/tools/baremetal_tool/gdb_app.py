# SPDX-License-Identifier: MIT
"""Runs inside gdb (see debug.py): attach, wait for the application, load its symbols at its base."""

import os

import gdb

socket, app = os.environ["BAREMETAL_GDB_SOCKET"], os.environ["BAREMETAL_GDB_APP"]
stop = os.environ["BAREMETAL_GDB_STOP"]


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def running():
    return bool(gdb.selected_inferior().pid)


def go_on():
    """Continue to the next stop; False if the guest ended instead."""
    try:
        gdb.execute("continue", to_string=True)
    except gdb.error:  # the connection closed
        return False
    return running()


def attach():
    gdb.execute("target remote " + socket)
    if stop == "reset":
        return
    gdb.execute("thbreak app_entered", to_string=True)
    if not go_on():
        print("baremetal: the guest ended before it started an application; "
              "its console says why. `--stop reset` stops before the kernel.")
        return
    base = int(gdb.parse_and_eval("$rdi")) & (1 << 64) - 1
    print(f"baremetal: the application is at {base:#x}")
    if not app:
        return
    gdb.execute(f"add-symbol-file {quote(app)} -o {base:#x}", to_string=True)
    try:
        gdb.execute("thbreak main", to_string=True)
    except gdb.error:
        print("baremetal: the application has no symbol main: was it stripped?")
        return
    if go_on():
        gdb.execute("frame")


try:
    attach()
except gdb.error as error:
    print(f"baremetal: gdb says: {error}")
