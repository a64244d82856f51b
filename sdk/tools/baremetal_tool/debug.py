# SPDX-License-Identifier: MIT
"""`baremetal debug`: QEMU stopped at its first instruction, with gdb attached.

The application is at a random base, so gdb runs to the kernel's app_entered(base) first, loads
the application's symbols there, and goes on to main: gdb_app.py does that.
"""

import os
import signal
import subprocess
import time

from . import host, qemu, run, sdk
from .errors import STATUS_NO_STATUS, Problem, from_oserror, shown, tell
from .output import temporary_folder

SOCKET_SECONDS = 20
SOCKET_PATH_MAX = 100  # a unix socket's address has 108 bytes


def command(options):
    gdb = host.find_program("gdb")
    with temporary_folder() as folder, _socket_folder(folder) as sockets:
        plan = run.Plan(options, folder)
        app = os.path.abspath(options.app) if options.app else plan.app
        if app and qemu.kind_of(app) != "app":
            raise Problem(f"{shown(app)} is not an application", "give --app the application's ELF")
        socket = os.path.join(sockets, "gdb")
        output = os.dup(1)
        guest = qemu.Guest([*plan.arguments, "-S",
                            "-chardev", f"socket,id=gdb,path={qemu.quoted(socket)},server=on,wait=off",
                            "-gdb", "chardev:gdb",
                            "-add-fd", f"fd={output},set=1",
                            "-chardev", "file,id=console,path=/dev/fdset/1,append=on",
                            "-serial", "chardev:console"], folder)
        script = os.path.join(sdk.PACKAGE, "gdb_app.py")
        attach = [gdb, "-q", *(["-batch"] if options.batch else []),
                  "-iex", "set confirm off", "-iex", "set pagination off" if options.batch else
                  "set print pretty on", "-x", script]
        for ex in options.ex or []:
            attach += ["-ex", ex]
        attach.append(options.kernel or sdk.kernel_path())
        if options.verbose:
            run.show(guest.command)
            run.show(attach)
        process = guest.start(stdin=subprocess.DEVNULL, start_new_session=True, extra_fds=(output,))
        try:
            _wait_for(socket, process)
            env = {**os.environ, "BAREMETAL_GDB_SOCKET": socket, "BAREMETAL_GDB_APP": app or "",
                   "BAREMETAL_GDB_STOP": options.stop}
            if not app:
                tell("no symbols of the application: give its ELF with --app")
            old = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is gdb's
            try:
                return subprocess.call(attach, env=env, preexec_fn=lambda: signal.signal(
                    signal.SIGINT, signal.SIG_DFL))
            finally:
                signal.signal(signal.SIGINT, old)
        except OSError as error:
            raise from_oserror(error) from None
        finally:
            qemu.stop(process)
            os.close(output)


def _socket_folder(folder):
    """The folder itself, or one with a short name where TMPDIR is too long for a socket."""
    if len(os.fsencode(folder)) < SOCKET_PATH_MAX - 5:
        return _Same(folder)
    return temporary_folder(prefix="bm-", place="/tmp")


class _Same:
    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        return self.folder

    def __exit__(self, *_):
        return False


def _wait_for(socket, process):
    limit = time.monotonic() + SOCKET_SECONDS
    while not os.path.exists(socket):
        if process.poll() is not None or time.monotonic() > limit:
            raise Problem("QEMU did not start", "see what it says above; -v shows its command",
                          STATUS_NO_STATUS)
        time.sleep(0.02)
