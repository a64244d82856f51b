#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""HTTP/1.1 on real sockets: what a request may look like, what ends a connection, and what must not be answered."""
import json
import re
import unittest

import http_support

GOOD = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


class Protocol(http_support.HttpTest):
    def test_route(self):
        response = self.ask("/hello")
        self.assertEqual((response.status, response.body), (200, b"Hello, world.\n"))
        self.assertRegex(response["date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertIsNone(response["connection"])
        self.assertEqual(self.ask("/hello?name=a%20b+c%26").body, b"Hello, a b c&.\n")

    def test_echo(self):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for size in (0, 1, 10000, 200000, 1 << 20):
                body = bytes(i * 7 % 256 for i in range(size))
                response = self.ask("/echo/deep?x=%41", "Content-Type: a/b", method=method, body=body)
                self.assertEqual(response.status, 201)
                self.assertSame(response.body, body)
                self.assertEqual([response[name] for name in ("x-method", "x-query", "x-rest", "x-peer", "content-type")],
                                 [method, "x=%41", "/deep", "127.0.0.1", "a/b"])

    def test_chunked(self):
        client = self.connect()
        for chunks in ([], [b"x"], [b"abc", b"\r\n\0", b"y" * 70000], [b"z"] * 500):
            text = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
            for number, chunk in enumerate(chunks):
                text += b"%x%s\r\n%s\r\n" % (len(chunk), b";ext=\"1\"" if number % 2 else b"", chunk)
            client.send(text + b"0\r\nX-Trailer: no header\r\n\r\n" + GOOD)
            self.assertSame(client.response().body, b"".join(chunks))
            self.assertEqual(client.response().body, b"Hello, world.\n")

    def test_large_response(self):
        expected = b"".join(b"%09d\n" % i for i in range(300000))
        client = self.connect()
        client.send(GOOD + b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" + GOOD)
        self.assertEqual(client.response().body, b"Hello, world.\n")
        self.assertSame(client.response().body, expected)
        self.assertEqual(client.response().body, b"Hello, world.\n")

    def test_methods(self):
        head, get = self.ask("/hello", method="HEAD"), self.ask("/hello")
        self.assertEqual(head.status, 200)
        self.assertEqual(head["content-length"], get["content-length"])
        response = self.ask("/hello", method="POST", body=b"x")
        self.assertEqual((response.status, response["allow"]), (405, "GET, HEAD, OPTIONS"))
        response = self.ask("/hello", method="OPTIONS")
        self.assertEqual((response.status, response["allow"]), (204, "GET, HEAD, OPTIONS"))
        self.assertIsNone(response["content-length"])
        self.assertEqual(self.ask("/form", method="GET").status, 405)
        self.assertEqual(self.ask("/nothing", method="DELETE").status, 405)
        self.assertIn("PATCH", self.ask("*", method="OPTIONS")["allow"])
        for method in ("TRACE", "PURGE", "MKCOL", "NOTIFY"):
            self.assertEqual(self.ask("/hello", method=method).status, 501)

    def test_handlers(self):
        self.assertEqual(self.ask("/other/moved")["location"], "/hello")
        self.assertEqual(self.ask("/other/moved").status, 302)
        self.assertEqual(self.ask("/other/teapot").status, 422)
        self.assertEqual(self.ask("/other/nothing").status, 204)
        self.assertEqual(self.ask("/other/").body, b"")
        self.assertEqual(self.ask("/other/outside").status, 404)
        self.assertEqual(self.ask("/other/bad").body, b"-22 -22 -22")
        self.assertEqual(self.ask("/other/file").status, 404)
        response = self.ask("/form", method="POST", body=b"x=1&field=%3Cscript%3E")
        self.assertEqual(response.body, b"8 &#60;script")

    def test_keep_alive(self):
        client = self.connect()
        for _ in range(50):
            self.assertEqual(client.ask("/hello").status, 200)
        client.send(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GOOD)
        response = client.response()
        self.assertEqual((response.status, response["connection"]), (200, "close"))
        self.assertEqual(client.closed(), b"")

    def test_old_version(self):
        client = self.connect()
        client.send("GET /hello HTTP/1.0\r\n\r\n")
        response = client.response()
        self.assertEqual((response.status, response["connection"]), (200, "close"))
        self.assertEqual(client.closed(), b"")
        client = self.connect()
        for _ in range(3):
            client.send("GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            self.assertEqual(client.response()["connection"], "keep-alive")

    def test_absolute_form(self):
        client = self.connect()
        for target in ("http://other.example/hello", "HTTP://other.example:8080/hello?x", "https://[::1]/hello"):
            self.assertEqual(client.ask(target).body, b"Hello, world.\n")

    def test_pipeline(self):
        client = self.connect()
        client.send(GOOD * 1000)
        for _ in range(1000):
            self.assertEqual(client.response().body, b"Hello, world.\n")

    def test_half_closed(self):
        client = self.connect()
        client.send(GOOD * 10)
        client.end()
        for _ in range(10):
            self.assertEqual(client.response().status, 200)
        self.assertEqual(client.closed(), b"")
        for begun in (b"", b"GET", b"GET /hello HTTP/1.1\r\nHost: a\r\n",
                      b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"):
            client = self.connect()
            client.send(begun)
            client.end()
            self.assertEqual(client.closed(), b"")
        # A response that is larger than what fits on the way.
        client = self.connect()
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        client.end()
        self.assertEqual(len(client.response().body), 3000000)
        self.assertEqual(client.closed(), b"")

    def test_expect(self):
        client = self.connect()
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(client.response().status, 100)
        client.send("abc")
        self.assertEqual(client.response().body, b"abc")
        # With the body already there, nobody waits for it.
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc")
        self.assertEqual(client.response().body, b"abc")
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(client.response().status, 413)
        self.assertEqual(client.closed(), b"")

    def test_byte_by_byte(self):
        client = self.connect()
        client.socket.setsockopt(http_support.socket.IPPROTO_TCP, http_support.socket.TCP_NODELAY, 1)
        for byte in b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + GOOD:
            client.send(bytes([byte]))
        self.assertEqual(client.response().body, b"hello")
        self.assertEqual(client.response().body, b"Hello, world.\n")

    def test_refused(self):
        """A request that could be two for somebody else: it ends the connection, what follows is no request."""
        post = "POST /echo HTTP/1.1\r\nHost: a\r\n"
        smuggled = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
        cases = {
            "CL.CL": (post + f"Content-Length: 0\r\nContent-Length: {len(smuggled)}\r\n\r\n", 400),
            "CL.CL same": (post + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
            "CL.TE": (post + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            "TE.CL": (post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
            "TE.TE": (post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", 400),
            "TE obscured": (post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
            "TE space": (post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
            "TE folded": (post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
            "bare LF": (post.replace("\r", "") + "Content-Length: 0\n\n", 400),
            "bare LF in head": (post + "A: b\nContent-Length: 50\r\n\r\n", 400),
            "bare CR": (post + "A: b\rContent-Length: 50\r\n\r\n", 400),
            "NUL": (post + "A: b\0\r\n\r\n", 400),
            "NUL in name": (post + "A\0: b\r\n\r\n", 400),
            "huge chunk": (post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
            "chunk of -1": (post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
            "chunk too large": (post + "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413),
            "chunk's LF": (post + "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", 400),
            "body too large": (post + "Content-Length: 1048577\r\n\r\n", 413),
            "two hosts": ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            "no host": ("GET / HTTP/1.1\r\n\r\n", 400),
            "version": ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
            "long target": (f"GET /{'a' * 20000} HTTP/1.1\r\nHost: a\r\n\r\n", 414),
            "long header": (f"GET / HTTP/1.1\r\nHost: a\r\nA: {'a' * 20000}\r\n\r\n", 431),
            "many headers": ("GET / HTTP/1.1\r\nHost: a\r\n" + "A: b\r\n" * 64 + "\r\n", 431),
        }
        for name, (text, status) in cases.items():
            with self.subTest(name):
                client = self.connect()
                client.send(text + smuggled)
                response = client.response()
                self.assertEqual((response.status, response["connection"]), (status, "close"))
                self.assertEqual(client.closed(), b"")
                # The page tells nothing of the request.
                self.assertNotIn(b"hello", response.body)

    def test_long_target_of_route(self):
        response = self.ask("/" + "a" * 5000)
        self.assertEqual(response.status, 414)

    def test_upgrade_is_ignored(self):
        client = self.connect()
        response = client.ask("/hello", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
        self.assertEqual(response.status, 200)
        self.assertEqual(client.ask("/hello").status, 200)

    def test_metrics(self):
        self.ask("/hello")
        self.ask("/nothing")
        response = self.ask("/metrics")
        self.assertEqual(response["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        text = response.body.decode()
        # Each line is a comment or a sample, each sample has its type above it, and no name comes twice.
        types, seen = {}, set()
        for line in text.splitlines():
            if match := re.fullmatch(r"# HELP (\w+) .+\.", line):
                self.assertNotIn(match[1], seen)
                seen.add(match[1])
            elif match := re.fullmatch(r"# TYPE (\w+) (counter|gauge)", line):
                types[match[1]] = match[2]
                self.assertEqual(match[1].endswith("_total"), match[2] == "counter")
            else:
                match = re.fullmatch(r'(\w+)(\{\w+="[^"]*"\})? (\d+(\.\d+)?)', line)
                self.assertTrue(match, line)
                self.assertTrue(match[1] in types or match[1] == "own_metric", line)
        self.assertIn('own_metric{of="test"} 1\n', text)
        self.assertRegex(text, r'http_requests_total\{code="200"\} [1-9]')
        self.assertRegex(text, r'http_requests_total\{code="404"\} [1-9]')
        self.assertRegex(text, r'core_busy_seconds_total\{core="0"\} \d+\.\d{9}\n')
        before = self.metric("http_connections_total")
        self.ask("/hello")
        self.assertEqual(self.metric("http_connections_total"), before + 2)

    def test_status(self):
        page = self.ask("/status")
        self.assertEqual((page.status, page["content-type"]), (200, "text/html; charset=utf-8"))
        text = page.body.decode()
        self.assertNotRegex(text, r"(src|href)=|@import|url\(")  # nothing from elsewhere
        figures = json.loads(self.ask("/status.json").body)
        self.assertGreaterEqual(len(figures["cores"]), 1)
        for core in figures["cores"]:
            self.assertLessEqual(core["sleep"], core["idle"])
            self.assertLessEqual(core["idle"], core["total"])
        self.assertGreaterEqual(sum(loop["requests"] for loop in figures["loops"]), 1)


class Address6(http_support.HttpTest):
    options = {"address": "::1"}

    def test_peer(self):
        client = http_support.Client(self.server.port, "::1")
        self.addCleanup(client.close)
        self.assertEqual(client.ask("/echo")["x-peer"], "::1")


if __name__ == "__main__":
    unittest.main()
