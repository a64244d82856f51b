#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where an image goes: full disks, forbidden places, interruptions. Never half a file, and nothing
left behind."""

import os
import resource
import signal
import subprocess
import time

import support
from support import part, run, tool

FORMS = ("elf", "iso", "disk")


class Output(support.Case):
    def left(self, folder="."):
        return sorted(os.listdir(self.path(folder)))

    def test_replaces_whole(self):
        path = self.write("x.elf", b"old")
        os.symlink("x.elf", self.path("link.elf"))
        self.good(tool("image", "-f", "elf", "-o", self.path("link.elf"), part("GUEST")))
        self.assertTrue(os.path.islink(self.path("link.elf")))
        self.assertGreater(os.path.getsize(path), 1000)
        self.assertEqual(self.left(), ["link.elf", "x.elf"])

    def test_follows_umask(self):
        self.good(run("sh", "-c", 'umask 027; exec "$0" image -f elf -o "$1" "$2"',
                      part("BAREMETAL"), self.path("x.elf"), part("GUEST")))
        self.assertEqual(os.stat(self.path("x.elf")).st_mode & 0o777, 0o640)

    def test_no_such_folder(self):
        for form in FORMS:
            self.problem(tool("image", "-f", form, "-o", self.path("no/x"), part("GUEST")),
                         "does not exist")

    def test_output_is_a_folder_or_a_device(self):
        for path in (self.folder, "/dev/null", "/dev/full"):
            self.problem(tool("image", "-f", "elf", "-o", path, part("GUEST")),
                         "not a file that can be replaced")
        self.problem(tool("image", "-f", "elf", "-o", "/proc/x.elf", part("GUEST")),
                     "/proc/x.elf cannot be made", "another place")
        self.assertTrue(os.path.exists("/dev/full") and not os.path.isfile("/dev/null"))

    def test_below_a_file(self):
        self.write("file", b"x")
        self.problem(tool("image", "-f", "elf", "-o", self.path("file/x"), part("GUEST")),
                     "not a folder")

    def test_too_long_a_name(self):
        self.problem(tool("image", "-f", "elf", "-o", self.path("n" * 300), part("GUEST")), "too long")

    def test_unwritable_folder(self):
        os.mkdir(self.path("locked"), 0o555)
        command = [part("BAREMETAL"), "image", "-f", "elf", "-o", self.path("locked/x"), part("GUEST")]
        if os.access(self.path("locked"), os.W_OK):  # root: give up the right to ignore permissions
            if run("setpriv", "--version").status:
                self.skipTest("runs as root, and there is no setpriv")
            command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all",
                       "--reuid=65534", "--regid=65534", "--clear-groups", *command]
            os.chmod(self.folder, 0o755)
            reachable = run(*command[:7], "test", "-x", part("BAREMETAL"), "-a", "-r", part("GUEST"))
            if reachable.status:
                self.skipTest("runs as root, and another user cannot read the build folder")
        self.problem(run(*command), "locked/x may not be accessed")
        self.assertEqual(self.left("locked"), [])

    def test_output_is_the_application(self):
        with open(part("GUEST"), "rb") as file:
            app = self.write("app.elf", file.read())
        self.problem(tool("image", "-f", "elf", app, cwd=self.folder), "is the application itself")
        with open(part("GUEST"), "rb") as a, open(app, "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_output_inside_of_root(self):
        self.write("root/sub/file")
        self.problem(tool("image", "-f", "elf", "-o", self.path("root/sub/x"), "--root",
                          self.path("root"), part("GUEST")), "inside the boot filesystem")

    def test_full_disk(self):
        """A real file system without space, where one may be mounted; old files stay as they are."""
        self.write("root/large", os.urandom(6 << 20))
        script = ('mount -t tmpfs -o size=4m none "$1" && printf old >"$1/x" || exit 77; '
                  'shift; "$@"; status=$?; ls -A "$0"; cat "$0/x"; exit $status')
        os.mkdir(self.path("full"))
        for form in FORMS:
            for place, temporary in (("full", self.folder), ("here", self.path("full"))):
                if form == "elf" and place == "here":
                    continue  # needs no temporary space
                with self.subTest(form=form, full=place):
                    output = self.path("full/x" if place == "full" else "x")
                    done = run("unshare", "-m", "sh", "-c", script, self.path("full"),
                               self.path("full"), part("BAREMETAL"), "image", "-f", form, "-o",
                               output, "--root", self.path("root"), part("GUEST"),
                               env={"TMPDIR": temporary})
                    if done.status == 77 or "unshare" in done.err:
                        self.skipTest("a file system cannot be mounted here")
                    self.problem(done, "(?i)space|full disk")
                    # The place that is full is named, and no other.
                    self.assertIn(self.path("full"), done.err)
                    self.assertNotIn(temporary if place == "full" else output, done.err.replace(
                        self.path("full"), "FULL"))
                    self.assertEqual(done.out, "x\nold")
                    self.assertFalse(os.path.exists(self.path("x")))

    def test_size_limit(self):
        """The same by a limit on file sizes, which needs no rights."""
        self.write("root/large", os.urandom(3 << 20))
        for form in FORMS:
            with self.subTest(form=form):
                self.write("x", b"old")
                command = [part("BAREMETAL"), "image", "-f", form, "-o", self.path("x"), "--root",
                           self.path("root"), part("GUEST")]
                done = subprocess.run(command, capture_output=True, check=False,
                                      preexec_fn=lambda: resource.setrlimit(
                                          resource.RLIMIT_FSIZE, (2 << 20, 2 << 20)))
                self.problem(support.Done(command, done), "larger than is allowed|no space")
                with open(self.path("x"), "rb") as file:
                    self.assertEqual(file.read(), b"old")
                self.assertEqual(self.left(), ["root", "x"])

    def test_interrupted(self):
        """SIGINT, SIGTERM and SIGKILL at any moment leave the old file or the new one."""
        self.write("root/large", os.urandom(8 << 20))
        os.mkdir(self.path("tmp"))
        os.mkdir(self.path("out"))
        for form in FORMS:
            command = [part("BAREMETAL"), "image", "-q", "-f", form, "-o", self.path("out/x"),
                       "--root", self.path("root"), part("GUEST")]
            env = {**os.environ, "TMPDIR": self.path("tmp")}
            started = time.monotonic()
            subprocess.run(command, check=True, env=env)
            whole = time.monotonic() - started
            with open(self.path("out/x"), "rb") as file:
                new = file.read()
            killed = 0
            for number, kind in enumerate((signal.SIGTERM, signal.SIGINT, signal.SIGKILL) * 4):
                with self.subTest(form=form, kind=kind.name, number=number):
                    self.write("out/x", b"old")
                    process = subprocess.Popen(command, env=env, start_new_session=True,
                                               stderr=subprocess.PIPE)
                    started = time.monotonic()
                    while process.poll() is None and (
                            time.monotonic() - started < whole * (number + 1) / 14):
                        time.sleep(0.002)
                    if process.poll() is None:
                        os.killpg(process.pid, kind)
                    else:  # faster than the first time: the next signals come earlier
                        whole = time.monotonic() - started
                    error = process.communicate(timeout=30)[1].decode()
                    self.assertNotIn("baremetal_tool", error)
                    with open(self.path("out/x"), "rb") as file:
                        self.assertIn(file.read(), (b"old", new))
                    self.assertIn(process.returncode, (0, -kind, 1))
                    killed += process.returncode != 0
                    if kind != signal.SIGKILL:
                        self.assertEqual(self.left("out"), ["x"])
                        self.assertEqual(self.left("tmp"), [])
                    else:
                        for name in self.left("out"):
                            if name != "x":
                                os.remove(self.path("out", name))
                        subprocess.run(["rm", "-rf", self.path("tmp")], check=True)
                        os.mkdir(self.path("tmp"))
            self.assertGreater(killed, 3, "the signals came too late to test anything")


if __name__ == "__main__":
    support.main()
