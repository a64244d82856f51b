#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The kernel's log at a syslog server: test_syslog.py --kernel KERNEL --app APP

Boots log.c on QEMU's user network; the server is a socket of this program. TAP.
"""
import argparse
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
# RFC 5424 6: PRI, version, time, host, program, and nothing in the three others.
MESSAGE = re.compile(rb"<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|-) ([0-9.]+) baremetal - - - ([^\0-\x1f\x7f]*)")


def guest(options, words, *more):
    return subprocess.run([sys.executable, str(HERE.parent / "run_guest.py"), "--kernel", options.kernel, "--machine", "q35",
                           "--timeout", "60", "--expect", "exit:0", "--append", words, *more,
                           "--qemu", "-netdev user,id=n -device virtio-net-pci,netdev=n", "--verbose", options.app],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def received(options, words):
    """[(priority, host, text)] of one run, and what the guest said."""
    messages, stop = [], threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.2)

        def listen():
            while not stop.is_set():
                try:
                    messages.append(server.recv(4096))
                except TimeoutError:
                    pass

        thread = threading.Thread(target=listen)
        thread.start()
        done = guest(options, f"syslog=10.0.2.2:{server.getsockname()[1]} {words}")
        stop.set()
        thread.join()
    if done.returncode:
        raise AssertionError(done.stdout)
    parsed = [MESSAGE.fullmatch(m) for m in messages]
    if not all(parsed):
        raise AssertionError(f"not RFC 5424: {[m for m, p in zip(messages, parsed) if not p]}")
    return [(int(p[1]), p[3], p[4].decode()) for p in parsed]


def test_each_level(options):
    """all lines, each once and in order, with their severity, the last from the program's end"""
    got = received(options, "0")
    ours = [(pri, text) for pri, _, text in got if text in (
        "before the network", "an error: with a colon", "tab escape [31m", "detail", "two", "lines:", "the last words")]
    assert ours == [(6, "before the network"), (3, "an error: with a colon"), (4, "tab escape [31m"), (7, "detail"),
                    (6, "two"), (7, "lines:"), (6, "the last words")], got
    assert {host for _, host, _ in got} == {b"10.0.2.15"}, got


def test_many_lines(options):
    """more lines than go out in a second: none is lost or doubled"""
    got = [text for _, _, text in received(options, "150") if text.startswith("line ")]
    assert got == [f"line {i}" for i in range(150)], got


def test_bad_servers(options):
    """what is no server is told, and the program runs"""
    for text in ("nonsense", "10.0.2.2:0", "10.0.2.2:70000", "10.0.2.2:5x", "[fd00::1", "fd00::1", "[10.0.2.2]"):
        done = guest(options, f"'syslog={text}' 0", "--expect-output", "no such server")
        assert done.returncode == 0, done.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--app", required=True)
    options = parser.parse_args()
    tests = [test_each_level, test_many_lines, test_bad_servers]
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test(options)
            print(f"ok {number} - {test.__doc__}", flush=True)
        except (AssertionError, OSError) as error:
            print("\n".join("# " + line for line in str(error)[:3000].splitlines()))
            print(f"not ok {number} - {test.__doc__}", flush=True)


if __name__ == "__main__":
    main()
