#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The template web in a guest, asked through QEMU's user network: CORES, KERNEL, APP and ROOT in the environment.

The guest's own verdict counts: it ends by a request, with status 0.
"""
import concurrent.futures
import ipaddress
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "unit/http"))
sys.path.insert(0, str(HERE.parent / "sockets"))
import http_support  # noqa: E402
import lan  # noqa: E402

CORES = int(os.environ.get("CORES", "1"))


class Guest:
    """run_guest.py with this root; stop() ends it by its own route."""

    def __init__(self, root, more=""):
        self.port = http_support.free_port()
        self.process = subprocess.Popen(
            [sys.executable, str(HERE.parent / "run_guest.py"), "--kernel", os.environ["KERNEL"], "--machine", "q35",
             "--cores", str(CORES), "--timeout", "240", "--root", root, "--expect", "exit:0", "--expect-output",
             r"web server on port 80, \d+ cores", "--verbose", "--append", "log", "--qemu",
             f"-netdev user,id=n,hostfwd=tcp:127.0.0.1:{self.port}-:80 -device virtio-net-pci,netdev=n {more}",
             os.environ["APP"]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        end = time.monotonic() + http_support.SECONDS
        while True:
            try:
                client = http_support.Client(self.port)
                try:
                    client.socket.settimeout(2)
                    if client.ask("/hello").status == 200:
                        break
                finally:
                    client.close()
            except (OSError, AttributeError):
                pass
            if time.monotonic() > end or self.process.poll() is not None:
                self.process.kill()
                raise AssertionError(f"no answer: {self.process.communicate()[0]}")
            time.sleep(0.2)

    def stop(self):
        client = http_support.Client(self.port)
        client.ask("/test/stop", method="POST", body=b"x")
        client.close()
        self.output = self.process.communicate()[0]
        assert self.process.returncode == 0, self.output


class Web(unittest.TestCase):
    connect, ask, metric, assertSame = (getattr(http_support.HttpTest, name) for name in (
        "connect", "ask", "metric", "assertSame"))

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="bm-http-web-")
        cls.root = os.path.join(cls.folder, "root")
        shutil.copytree(os.environ["ROOT"], cls.root)
        cls.large = bytes(i * i % 251 for i in range(3_000_000))
        for name, data in {"1k.txt": b"x" * 1024, "large.bin": cls.large, "sub/index.html": b"<p>sub\n"}.items():
            path = Path(cls.root, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        os.symlink("1k.txt", os.path.join(cls.root, "link"))
        cls.server = Guest(cls.root)

    @classmethod
    def tearDownClass(cls):
        try:
            cls.server.stop()
            lines = re.findall(r'(?m)^10\.0\.2\.2 - - \[[^]]+\] "GET [^"]+" \d+ \d+ "-" "-"', cls.server.output)
            assert lines, cls.server.output
        finally:
            cls.server.process.kill()
            shutil.rmtree(cls.folder)

    def test_files(self):
        client = self.connect()
        for path in Path(self.root).rglob("*"):
            if path.is_file() and not path.is_symlink():
                response = client.ask("/" + str(path.relative_to(self.root)))
                self.assertEqual(response.status, 200)
                self.assertSame(response.body, path.read_bytes(), path)
        self.assertSame(client.ask("/").body, Path(self.root, "index.html").read_bytes())
        self.assertSame(client.ask("/sub/").body, b"<p>sub\n")
        self.assertEqual(client.ask("/sub")["location"], "/sub/")
        missing = client.ask("/nothing")
        self.assertEqual((missing.status, missing.body), (404, Path(self.root, "404.html").read_bytes()))

    def test_outside(self):
        """Neither the other file systems nor anything above."""
        for target in ("/tmp/", "/tmp", "/dev/null", "/dev", "/disk0/x", "/link", "/link/", "/../x", "/%2e%2e/tmp/",
                       "/tmp/../tmp/", "/..%2ftmp"):
            self.assertIn(self.ask(target).status, (400, 404), target)

    def test_ranges_and_conditions(self):
        client = self.connect()
        response = client.ask("/large.bin", "Range: bytes=1000000-2000000")
        self.assertEqual(response.status, 206)
        self.assertSame(response.body, self.large[1000000:2000001])
        tag = response["etag"]
        self.assertEqual(client.ask("/large.bin", f"If-None-Match: {tag}").status, 304)
        self.assertEqual(client.ask("/large.bin", "Range: bytes=0-0,5-9").status, 206)
        self.assertEqual(client.ask("/large.bin", "Range: bytes=3000000-").status, 416)

    def test_echo(self):
        client = self.connect()
        for size in (1, 1000, 20000, 1 << 20):
            body = os.urandom(size)
            self.assertSame(client.ask("/test/echo", method="POST", body=body).body, body)

    def test_pipeline(self):
        client = self.connect()
        client.send(b"GET /1k.txt HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)
        for _ in range(1000):
            self.assertEqual(client.response().body, b"x" * 1024)

    def test_refused(self):
        client = self.connect()
        client.send("POST /test/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                    "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.response().status, 400)
        self.assertEqual(client.closed(), b"")

    def test_half_closed(self):
        client = self.connect()
        client.send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        client.end()
        for _ in range(3):
            self.assertEqual(client.response().status, 200)
        self.assertEqual(client.closed(), b"")

    def test_status(self):
        figures = json.loads(self.ask("/status.json").body)
        self.assertEqual((len(figures["cores"]), len(figures["loops"])), (CORES, CORES))
        for core in figures["cores"]:
            self.assertLessEqual(core["idle"], core["total"])
        self.assertRegex(self.ask("/metrics").body.decode(), rf'core_tasks_total{{core="{CORES - 1}"}} \d+\n')
        self.assertIn(b"<title>Status</title>", self.ask("/status").body)

    def several(self, count):
        """Connections that have been used: QEMU takes new ones one at a time, and the host repeats late what it drops."""
        clients = []
        for _ in range(count):
            clients.append(self.connect())
            self.assertEqual(clients[-1].ask("/hello").status, 200)
        return clients

    def test_cores(self):
        """Connections at the same time are answered by all cores."""
        seen = set()
        for _ in range(20):
            clients = self.several(2 * CORES)
            for client in clients:
                client.send("GET /test/core HTTP/1.1\r\nHost: a\r\n\r\n")
            seen |= {int(client.response().body) for client in clients}
            for client in clients:
                client.close()
            if len(seen) == CORES:
                break
        self.assertEqual(len(seen), CORES)

    def test_load(self):
        """Two at a time: QEMU's user network listens with a backlog of one, so Linux drops connections in bursts."""
        for words in (["-k"], []):
            done = subprocess.run(["ab", "-q", *words, "-n", "1000", "-c", "2", f"http://127.0.0.1:{self.server.port}/1k.txt"],
                                  capture_output=True, text=True, timeout=http_support.SECONDS * 2)
            self.assertRegex(done.stdout, r"Complete requests: +1000\n", done.stderr)
            self.assertRegex(done.stdout, r"Failed requests: +0\n")

    def test_many(self):
        """Idle connections do not keep others from being served."""
        clients = self.several(100)
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            results = list(pool.map(lambda client: client.ask("/1k.txt").status, clients))
        self.assertEqual(results, [200] * 100)


class Floods(unittest.TestCase):
    """Attacks from a second network; clients on the first one go on, and memory is as it was."""

    FLOOD_SECONDS = 6
    SLOW = 50

    @classmethod
    def setUpClass(cls):
        cls.lan = lan.Lan(ipv6=False)
        device = cls.lan.netdev().replace("id=n", "id=lan") + " -device virtio-net-pci,netdev=lan"
        cls.server = Guest(os.environ["ROOT"], device)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def ask(self, path):
        client = http_support.Client(self.server.port)
        try:
            return client.ask(path)
        finally:
            client.close()

    def memory(self):
        used = int(self.ask("/test/memory").body)
        self.assertGreater(used, 100_000)
        return used

    def served(self, seconds):
        """Requests one after the other, each with a connection of its own. (How many were answered, how many not.)"""
        good, lost, end = 0, 0, time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                answer = self.ask("/")
            except OSError:
                answer = None
            if answer:
                self.assertEqual(answer.status, 200)
                good += 1
            else:
                lost += 1
        return good, lost

    def assertReleased(self, before, room=100_000):
        """What the attack took is free again: lwIP gives a half-open connection 20 s."""
        end = time.monotonic() + 60
        while (now := self.memory()) > before + room:
            self.assertLess(time.monotonic(), end, f"{now} bytes are in use, {before} were")
            time.sleep(1)

    def test_syn_flood(self):
        """Connections that are begun from everywhere, and never completed."""
        self.assertTrue(self.lan.is_alive())
        before, most, sent, stop = self.memory(), 0, 0, threading.Event()

        def flood():
            nonlocal sent
            generator = random.Random(1)
            while not stop.is_set():
                source = ipaddress.ip_address(f"198.51.{generator.randrange(100, 104)}.{generator.randrange(1, 255)}")
                self.lan.send(0x0800, lan.tcp4(source, generator.randrange(1024, 65536), lan.GUEST, 80,
                                               generator.randrange(1 << 32), 0, 2, options=b"\2\4\5\xb4"))
                sent += 1
                time.sleep(0.0002)

        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            good, lost = self.served(self.FLOOD_SECONDS)
            # On a busy host one may take longer to connect than 200 others: a client tries again.
            self.assertGreater(good, 5 * lost + 5)
            most = self.memory()
        finally:
            stop.set()
            flooding.join()
        self.assertGreater(sent, 2000)
        self.assertLess(most - before, 32 << 20)
        self.assertReleased(before)

    def test_slow_clients(self):
        """Heads that come a byte now and then: they do not keep others from being served, and are told in the end."""
        # The pool of connections and the like stay for the next ones.
        for _ in range(2):
            before, slow = self.memory(), []
            for _ in range(self.SLOW):
                one = socket.create_connection(("127.0.0.1", self.server.port), timeout=http_support.SECONDS)
                one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-")
                slow.append(one)
            try:
                end = time.monotonic() + 5
                while time.monotonic() < end:
                    for one in slow:
                        try:
                            one.sendall(b"a")
                        except OSError:
                            pass  # the server had enough of it
                    self.assertEqual(self.ask("/").status, 200)
            finally:
                for one in slow:
                    one.close()
            self.assertReleased(before, room=400_000)


if __name__ == "__main__":
    unittest.main()
