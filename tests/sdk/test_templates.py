#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Projects from templates: made, built, run and turned into images by the installed tool alone."""

import os
import socket
import time
import urllib.request

import sdk_support
import support
from support import counts, run, wc


class Templates(sdk_support.Installed):
    def setUp(self):
        super().setUp()
        # The tool finds all by itself: no variable of the SDK's is set.
        self.plain = {**sdk_support.CLEAN, "XDG_CACHE_HOME": self.path("cache")}

    def bm(self, *arguments, cwd=None):
        done = support.subprocess.run([self.tool_path, *arguments], capture_output=True, env=self.plain,
                                      cwd=cwd or self.folder, timeout=support.SECONDS,
                                      stdin=support.subprocess.DEVNULL)
        return support.Done(arguments, done)

    def test_list(self):
        self.assertRegex(self.good(self.bm("new", "--list")).out, 
                         r"(?m)^hello +.+\n(^openmp +.+\n)?^parallel +.+\n^storage +.+\n(^tcp +.+\n)?^threads +.+\n(^udp +.+\n)?(^web +.+\n)?^wordcount +.+$")

    def test_hello(self):
        self.good(self.bm("new", "my-hello_1"))
        project = self.path("my-hello_1")
        for folder, _, names in os.walk(project):
            for name in names:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    self.assertNotIn("@PROJECT@", file.read())
        done = self.good(self.bm("run", "--accel", "tcg", "--", "a b", cwd=project))
        self.assertIn("Hello from ", done.out)
        self.assertIn("argument 1: a b\n", done.out)
        self.assertTrue(os.path.isfile(os.path.join(project, "build/my-hello_1")))

    def test_wordcount(self):
        self.good(self.bm("new", "--template", "wordcount", "deep/er/texts"))
        project, root = self.path("deep/er/texts"), self.path("deep/er/texts/root")
        self.good(self.bm("build", cwd=os.path.join(project, "src")))  # from a sub-folder
        done = self.good(self.bm("run", "--accel", "tcg", cwd=project))
        self.assertEqual(counts(done.out), wc(root))
        # one change, and what depends on it is made again
        self.write("deep/er/texts/root/notes/new file", b"three more words\n")
        done = self.good(self.bm("run", "--accel", "tcg", cwd=project))
        self.assertEqual(counts(done.out), wc(root))
        self.good(self.bm("image", "-f", "iso", "-o", "texts.iso", cwd=project))
        done = self.good(self.bm("run", "--accel", "tcg", "texts.iso", "--", "/poems", cwd=project))
        self.assertEqual(counts(done.out)[1], wc(os.path.join(root, "poems"))[1])
        done = self.good(self.bm("run", "--accel", "tcg", "texts.iso", "--", "/none", cwd=project), 1)
        self.assertIn("/none: No such file", done.out)

    def test_parallel(self):
        self.good(self.bm("new", "--template", "parallel", "letters"))
        for cores in ("1", "2"):
            done = self.good(self.bm("run", "--accel", "tcg", "--cores", cores, "--", "60", cwd=self.path("letters")))
            self.assertRegex(done.out, r"(?m)^area 1\.5[01]\d$")
            self.assertIn(f", all {cores}: ", done.out)

    def test_threads(self):
        self.good(self.bm("new", "--template", "threads", "commonest"))
        self.write("commonest/root/long", b"don't " * 5000 + b"the\n" * 100 + b"'the' The")
        for cores in ("1", "3"):
            done = self.good(self.bm("run", "--accel", "tcg", "--cores", cores, "--", "7", cwd=self.path("commonest")))
            lines = done.out.splitlines()
            self.assertRegex(done.out, r"^ *5000  don't\n")
            self.assertRegex(done.out, r"(?m)^ *111  the$")
            self.assertRegex(lines[-1], r"^ *5327  words, \d+ of them different, in 3 files, counted by 7 threads$")

    def test_web(self):
        """README's commands; a page and the route of its own, asked through QEMU's network."""
        if "\nweb " not in self.good(self.bm("new", "--list")).out:
            self.skipTest("this SDK has no HTTP library")
        self.good(self.bm("new", "--template", "web", "site"))
        self.good(self.bm("build", cwd=self.path("site")))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with support.subprocess.Popen(
                [self.tool_path, "run", "--accel", "tcg", "--timeout", "200", "--cores", "2", "--net", "user",
                 "--forward", f"127.0.0.1:{port}:80"], env=self.plain, cwd=self.path("site"),
                stdin=support.subprocess.DEVNULL, stdout=support.subprocess.PIPE,
                stderr=support.subprocess.STDOUT) as guest:
            try:
                self.assertIn(b"A machine of its own", self.asked(guest, port, "/"))
                self.assertIn(b"you", self.asked(guest, port, "/hello?name=you"))
            finally:
                guest.terminate()

    def asked(self, guest, port, path):
        """What a server in a guest answers, as soon as it does."""
        end = time.monotonic() + 150
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                    return answer.read()
            except OSError as error:
                if guest.poll() is not None:
                    self.fail(f"the guest ended: {guest.stdout.read().decode()}")
                if time.monotonic() > end:
                    self.fail(f"no answer: {error}")
                time.sleep(0.2)

    def test_storage(self):
        """A key-value log; then killed again and again while it is filled."""
        self.good(self.bm("new", "--template", "storage", "store"))
        project, disk = self.path("store"), self.path("disk.img")
        self.assertIn("no disk", self.good(self.bm("run", "--accel", "tcg", cwd=project)).out)
        self.good(self.bm("disk", "create", "-q", "64M", disk))

        def store(*words, status=0):
            return self.good(self.bm("run", "--accel", "tcg", "--disk", disk, "--", *words, cwd=project), status)
        self.assertIn("runs = 1\n1 keys, ", store().out)
        self.assertIn("runs = 2\n1 keys, ", store().out)
        self.assertIn("stored a b", store("set", "a b", "some value").out)
        self.assertEqual(store("get", "a b").out, "some value\n")
        store("delete", "a b")
        store("get", "a b", status=1)
        stored = 0
        for cut in range(4):
            process = support.subprocess.Popen(
                [self.tool_path, "run", "--accel", "tcg", "--disk", disk, "--", "fill", "100000"], cwd=project,
                env=self.plain, stdin=support.subprocess.DEVNULL, stdout=support.subprocess.PIPE, text=True)
            for _ in range(150 + 40 * cut):
                line = process.stdout.readline()
                stored = max(stored, int(line.split()[2]) + 1) if line.startswith("stored key") else stored
            process.terminate()  # which kills QEMU
            rest = process.stdout.read()
            process.wait()
            for line in rest.splitlines()[:-1]:
                if line.startswith("stored key"):
                    stored = max(stored, int(line.split()[2]) + 1)
            done = store("check", "100000")
            there = int(done.out.split("keys are there")[0].split()[-1])
            self.assertGreaterEqual(there, stored)
        self.assertGreater(stored, 100)
        self.assertIn("is sound", self.sh(f"bmfs check '{disk}'").out)

    def test_network(self):
        """The server and the client, in one guest; then the client's error where nobody listens."""
        if not os.path.isdir(os.path.join(self.sdk, "share/baremetal/templates/tcp")):
            self.skipTest("this SDK was built without the network library")
        for template, words in (("tcp", "Hello over TCP"), ("udp", "Hello over UDP")):
            self.good(self.bm("new", "--template", template, template))
            for cores in ("1", "2"):
                done = self.good(self.bm("run", "--accel", "tcg", "--cores", cores, cwd=self.path(template)))
                self.assertIn(f"{words}\n", done.out)
        done = self.bm("run", "--accel", "tcg", "--", "talk", "127.0.0.1", "9", "x", cwd=self.path("tcp"))
        self.assertIn("127.0.0.1: Connection refused", done.out)
        self.assertEqual(done.status, 1)

    def test_openmp(self):
        if not os.path.isdir(os.path.join(self.sdk, "share/baremetal/templates/openmp")):
            self.skipTest("this SDK was built without OpenMP")
        self.good(self.bm("new", "--template", "openmp", "primes"))
        for cores, limit, primes in (("1", "1000003", 78499), ("2", "10", 4), ("2", "10000000", 664579)):
            done = self.good(self.bm("run", "--accel", "tcg", "--cores", cores, "--", limit, cwd=self.path("primes")))
            self.assertIn(f"{primes} primes up to {limit}\n", done.out)
            self.assertIn(f" ms, {cores}: ", done.out)

    def test_image_target(self):
        """The target `image` of the template's own meson.build."""
        for template in sorted(os.listdir(os.path.join(self.sdk, "share/baremetal/templates"))):
            self.good(self.bm("new", "--template", template, template))
            self.good(self.bm("build", cwd=self.path(template)))
            self.sh("meson compile -C build image", cwd=self.path(template))
            form = "img" if template == "storage" else "iso"
            if template == "web":  # it does not end: test_web
                self.assertTrue(os.path.isfile(self.path("web/build/web.iso")))
                continue
            self.boots(self.path(template, f"build/{template}.{form}"))

    def test_by_hand(self):
        """README's own commands: Meson, with the paths that `baremetal env` gives."""
        self.good(self.bm("new", "--template", "hello", "byhand"))
        self.sh("meson setup --cross-file baremetal build && meson compile -C build",
                cwd=self.path("byhand"))
        self.boots(self.path("byhand/build/byhand"), "Hello")

    def test_build_time(self):
        """From a template to a program in 2 s, the best of three; the figure's limit in ./bench."""
        self.good(self.bm("new", "quick"))
        best = 99.0
        for _ in range(3):
            run("rm", "-rf", self.path("quick/build"))
            started = time.monotonic()
            self.good(self.bm("build", cwd=self.path("quick")))
            best = min(best, time.monotonic() - started)
        print(f"template build: {best:.1f} s")
        self.assertLess(best, 20, "far beyond what a busy machine explains")

    def test_moved(self):
        self.good(self.bm("new", "stays"))
        self.good(self.bm("build", cwd=self.path("stays")))
        self.move()
        done = self.good(self.bm("build", cwd=self.path("stays")))
        self.assertIn("the SDK has moved", done.err)
        self.boots(self.path("stays/build/stays"), "Hello")

    def test_together(self):
        """Several first builds of one project at a time: one works, the others wait for it."""
        self.good(self.bm("new", "shared"))
        many = [support.subprocess.Popen([self.tool_path, "build"], env=self.plain,
                                         cwd=self.path("shared"), stdin=support.subprocess.DEVNULL,
                                         stdout=support.subprocess.PIPE, stderr=support.subprocess.PIPE)
                for _ in range(3)]
        ends = [(p.communicate(timeout=support.SECONDS), p.returncode) for p in many]
        self.assertEqual([status for _, status in ends], [0, 0, 0], ends)
        self.assertTrue(any(b"waiting for another build" in error for (_, error), _ in ends), ends)

    def test_problems(self):
        self.problem(self.bm("new", "--template", "nonesuch", "x"), "no template nonesuch")
        self.problem(self.bm("new"), "a name")
        for name in ("-", "1st", "a b", "ä", "x" * 70, "a/", ".."):
            done = self.bm("new", "--", name) if name == "-" else self.bm("new", name)
            if name == "a/":
                self.good(done)
                continue
            self.assertIn(done.status, (1, 2), str(done))
        self.good(self.bm("new", "twice"))
        self.problem(self.bm("new", "twice"), "exists already")
        self.problem(self.bm("build"), "is in no project")
        self.write("file")
        done = self.problem(self.bm("new", "file/x"), "not a folder|in the way")
        self.assertNotIn(".baremetal-", done.err)
        done = support.run("sh", "-c", 'ulimit -f 0; exec "$@"', "sh", self.tool_path, "new", "small",
                           cwd=self.folder, env=self.plain)
        self.problem(done, "small could not be made from the template|small has become larger")
        self.assertNotIn(".baremetal-", done.err)
        self.assertFalse(os.path.exists(self.path("small")))
        with open(self.path("twice/src/main.c"), "a", encoding="utf-8") as file:
            file.write("this is not C\n")
        done = self.problem(self.bm("build", cwd=self.path("twice")), "the build failed")
        self.assertIn("main.c", done.out + done.err)
        self.problem(self.bm("run", cwd=self.path("twice")), "the build failed", status=125)
        os.mkdir(self.path("foreign"))
        self.write("foreign/meson.build", b"project('x')\n")
        self.problem(self.bm("image", cwd=self.path("foreign")), "builds no application")
        os.remove(self.path("foreign/build/.baremetal-sdk"))  # as after `meson setup` by hand
        done = self.problem(self.bm("build", cwd=self.path("foreign")), "was not made by")
        fix = done.err.split("  fix: ")[1].split(" and build")[0]
        self.good(support.run("sh", "-c", fix, cwd=self.folder))
        self.good(self.bm("build", cwd=self.path("foreign")))


if __name__ == "__main__":
    support.main()
