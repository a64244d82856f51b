# SPDX-License-Identifier: MIT
"""What the tests of images and of the installed SDK share.

The environment names the parts, set by meson.build: BAREMETAL (the command), BAREMETAL_KERNEL,
GUEST, WORDCOUNT, HELLO (applications). Guests run under emulation unless a test says otherwise.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
SECONDS = 240  # for one command; a guest that hangs fails the test

# Under nohup, or in the background of a shell, signals come ignored; what is tested here dies of them.
for number in (signal.SIGHUP, signal.SIGINT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

PARTS = {name: os.environ.get(name) for name in ("BAREMETAL", "GUEST", "WORDCOUNT", "HELLO", "STATE")}


def part(name):
    path = PARTS[name]
    if not path or not os.path.exists(path):
        raise RuntimeError(f"{name} is not set: run this test with `meson test`")
    return path


class Done:
    """A finished command: status and both outputs as text."""

    def __init__(self, command, done):
        self.command, self.status = command, done.returncode
        self.out = done.stdout.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
        self.err = done.stderr.decode("utf-8", "surrogateescape")

    def __str__(self):
        return f"{self.command}\nstatus {self.status}\nout: {self.out}\nerr: {self.err}"


def run(*command, cwd=None, env=None, stdin=b"", seconds=SECONDS):
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, timeout=seconds,
                          env={**os.environ, **env} if env else None)
    return Done(command, done)


def tool(*arguments, **more):
    return run(part("BAREMETAL"), *arguments, **more)


def boot(*arguments, **more):
    return tool("run", "--accel", "tcg", "--timeout", str(SECONDS - 20), *arguments, **more)


class Case(unittest.TestCase):
    """A test with a temporary folder, removed at its end."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bm test ")
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, data=b""):
        path = os.path.join(os.fsencode(self.folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return os.fsdecode(path)

    def good(self, done, status=0):
        self.assertEqual(done.status, status, str(done))
        self.assertNotIn("Traceback", done.err, str(done))
        return done

    def problem(self, done, *patterns, status=1):
        """A failure told in a sentence, with what to do about it."""
        self.good(done, status)
        self.assertRegex(done.err, r"(?m)^baremetal: .")
        self.assertRegex(done.err, r"(?m)^  fix: .")
        for pattern in patterns:
            self.assertRegex(done.err, pattern)
        return done

    def image(self, form, app=None, *more, name=None):
        """Make an image; returns its path."""
        path = self.path(name or "image." + {"iso": "iso", "elf": "elf", "disk": "img"}[form])
        self.good(tool("image", "-q", "-f", form, "-o", path, *more, app or part("GUEST")))
        return path


def counts(text):
    """{path: (lines, words, bytes)} from the table of the template wordcount, and the total."""
    rows = re.findall(r"(?m)^ *(\d+) +(\d+) +(\d+)  (.*)$", text)
    found = {row[3]: tuple(int(n) for n in row[:3]) for row in rows}
    totals = [found.pop(name) for name in list(found) if re.fullmatch(r"total of \d+ files", name)]
    return found, totals[0] if totals else None


def shown_name(name):
    """A name in bytes as wordcount prints it."""
    text = name.replace(b"\\", b"\\\\")
    text = b"".join(b"\\%03o" % c if c < 32 or c == 127 else bytes([c]) for c in text)
    return text.decode("utf-8", "surrogateescape")


def wc(root):
    """What the host's wc counts: the same form as counts()."""
    found, sums = {}, [0, 0, 0]
    for folder, _, files in os.walk(os.fsencode(root)):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                out = subprocess.run(["wc", "-lwc"], stdin=file, capture_output=True, check=True,
                                     env={**os.environ, "LC_ALL": "C"}).stdout
            numbers = tuple(int(n) for n in out.split())
            found["/" + shown_name(os.path.relpath(path, os.fsencode(root)))] = numbers
            sums = [a + b for a, b in zip(sums, numbers)]
    return found, tuple(sums)


def main():
    unittest.main(verbosity=2)
