#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that others wrote, on servers with sanitizers: curl, wrk and ab; the access log."""
import os
import re
import subprocess
import threading
import unittest

import http_support

ONE_K = bytes(range(32, 96)) * 16


class Clients(http_support.HttpTest):
    options = {"loops": 2}

    @classmethod
    def files(cls):
        cls.write("1k.txt", ONE_K)
        cls.write("index.html", "<p>index\n")
        cls.write("100k", ONE_K * 100)

    def run_client(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=4 * http_support.SECONDS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def url(self, path):
        return f"http://127.0.0.1:{self.server.port}{path}"

    def test_curl(self):
        text = self.run_client("curl", "-sSi", self.url("/1k.txt"), self.url("/"), "-I", self.url("/hello"))
        self.assertEqual(text.count("200 OK"), 3)
        text = self.run_client("curl", "-sS", "-F", f"file=@{self.root}/1k.txt", self.url("/echo"))
        self.assertIn(ONE_K.decode(), text)
        text = self.run_client("curl", "-sS", "-H", "Transfer-Encoding: chunked", "--data-binary", f"@{self.root}/100k", self.url("/echo"))
        self.assertTrue(text == (ONE_K * 100).decode())
        self.assertEqual(self.run_client("curl", "-sSL", self.url("/other/moved")), "Hello, world.\n")
        self.assertIn("101", self.run_client("curl", "-sS", "-w", "%{size_download} 101", "--http2", self.url("/hello")))

    def test_wrk(self):
        text = self.run_client("wrk", "-t1", "-c32", "-d3s", self.url("/1k.txt"))
        requests = int(re.search(r"(\d+) requests in", text)[1])
        self.assertGreater(requests, 10, text)
        self.assertNotIn("Non-2xx", text)
        self.assertNotIn("Socket errors", text)

    def test_ab(self):
        for words in (["-k"], []):
            for path in ("/1k.txt", "/100k", "/hello"):
                text = self.run_client("ab", "-q", *words, "-n", "1000", "-c", "20", self.url(path))
                self.assertRegex(text, r"Complete requests: +1000\n")
                self.assertRegex(text, r"Failed requests: +0\n")
                self.assertNotIn("Non-2xx", text)


class ClientsThreads(Clients):
    """The same under the sanitizer of races, files changing and metrics being read meanwhile."""
    binary = "SERVE_TSAN"
    options = {"loops": 3, "cache": 150000}

    def test_wrk(self):
        stop = threading.Event()

        def disturb():
            count = 0
            while not stop.wait(0.05):
                self.write("1k.txt", ONE_K)
                self.write(f"other-{count % 50}", ONE_K * 50)
                self.ask(f"/other-{count % 50}")
                self.ask("/metrics")
                self.ask("/status.json")
                count += 1

        other = threading.Thread(target=disturb)
        other.start()
        try:
            super().test_wrk()
        finally:
            stop.set()
            other.join()


class Log(unittest.TestCase):
    def test_log(self):
        with http_support.tempfile.TemporaryDirectory(prefix="bm-http-") as folder:
            read, write = os.pipe()
            server = http_support.Server(folder, address="127.0.0.1", root=folder, log=write, loops=1)
            os.close(write)
            client = http_support.Client(server.port)
            client.ask("/hello?x=1", "User-Agent: agent/1 \"quoted\" \\", "Referer: http://a/\x85\tb")
            client.ask("/none", version="1.0", method="HEAD")
            client.close()
            for text in (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", b"GET /\n\n",
                         b"GET /%22%0a HTTP/1.1\r\nHost: a\r\n\r\n"):
                client = http_support.Client(server.port)
                client.send(text)
                client.end()
                client.closed()
                client.close()
            server.stop()
            with os.fdopen(read) as file:
                lines = file.read().splitlines()
        when = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]"
        for line, expected in zip(lines, [
                r'"GET /hello\?x=1 HTTP/1\.1" 200 14 "http://a/\\x85\\x09b" "agent/1 \\x22quoted\\x22 \\x5c"',
                r'"HEAD /none HTTP/1\.0" 404 0 "-" "-"',
                r'"-" 413 \d+ "-" "-"',
                r'"-" 400 \d+ "-" "-"',
                r'"GET /%22%0a HTTP/1\.1" 400 \d+ "-" "-"']):
            self.assertRegex(line, rf"^127\.0\.0\.1 - - {when} {expected}$")
        self.assertEqual(len(lines), 5)


if __name__ == "__main__":
    unittest.main()
