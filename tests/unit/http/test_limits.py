#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Limits and time-outs: who is slow, greedy or many is stopped, and others are served meanwhile."""
import os
import re
import resource
import socket
import time
import unittest

import http_support


class Limits(http_support.HttpTest):
    options = {"head_ms": 3000, "body_ms": 3000, "idle_ms": 3000, "write_ms": 3000, "max_head": 1000, "max_headers": 10,
               "max_body": 2000}

    def quick(self):
        """Somebody else is answered."""
        self.assertEqual(self.ask("/hello").body, b"Hello, world.\n")

    def wait_for(self, condition):
        end = time.monotonic() + http_support.SECONDS
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)

    def test_options(self):
        self.assertEqual(self.ask("/" + "a" * 1000).status, 414)
        self.assertEqual(self.ask("/", "A: " + "a" * 1000).status, 431)
        self.assertEqual(self.ask("/", *["A: b"] * 10).status, 431)
        self.assertEqual(self.ask("/hello", *["A: b"] * 9).status, 200)
        self.assertEqual(self.ask("/echo", method="POST", body=b"x" * 2000).status, 201)
        self.assertEqual(self.ask("/echo", method="POST", body=b"x" * 2001).status, 413)

    def test_timeouts(self):
        """Each kind, from one who says nothing on; none before its time."""
        kinds = {
            "silent": (b"", b""),
            "head": (b"GET /hello HTTP/1.1\r\nHost: a\r\n", b"HTTP/1.1 408 "),
            "body": (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", b"HTTP/1.1 408 "),
            "chunk": (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\na", b"HTTP/1.1 408 "),
            "idle": (b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 "),
        }
        clients = {}
        started = time.monotonic()
        for name, (text, _) in kinds.items():
            clients[name] = self.connect()
            clients[name].send(text)
        for name, (_, expected) in kinds.items():
            answer = clients[name].closed()
            self.assertTrue(answer.startswith(expected), (name, answer))
            self.assertEqual(answer.count(b"HTTP/1.1 "), 1 if expected else 0, name)
            self.assertGreater(time.monotonic() - started, 2.5)
        self.quick()

    def test_slow_heads(self):
        """Slowloris: many who send a header line now and then. All of them are cut off."""
        slow = [self.connect() for _ in range(200)]
        for client in slow:
            client.send("GET /hello HTTP/1.1\r\nHost: a\r\n")
        started, open_ones = time.monotonic(), set(slow)
        while open_ones and time.monotonic() - started < http_support.SECONDS:
            for client in list(open_ones):
                try:
                    client.socket.setblocking(False)
                    client.socket.send(b"X: y\r\n")
                    if not client.socket.recv(1000):
                        open_ones.discard(client)
                except BlockingIOError:
                    pass
                except OSError:
                    open_ones.discard(client)
            self.quick()
            time.sleep(0.3)
        self.assertFalse(open_ones)

    def test_endless_head(self):
        client = self.connect()
        sent = 0
        try:
            while sent < 10_000_000:
                client.send(b"a" * 1000)
                sent += 1000
        except OSError:
            pass
        self.assertLess(sent, 10_000_000)
        self.quick()

    def test_slow_reader(self):
        """One who does not read is cut off, and is not kept in memory meanwhile."""
        client = self.connect()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 10)
        self.wait_for(lambda: re.search(rb'timeouts_total\{kind="write"\} [1-9]', self.ask("/metrics").body))
        self.quick()

    def test_half_open(self):
        """Connections that come and go by the hundred, in all states, leave nothing behind."""
        self.wait_for(lambda: self.metric("http_connections") == 1)
        for turn in range(4):
            clients = [self.connect() for _ in range(100)]
            for number, client in enumerate(clients):
                text = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
                client.send(text[:number] if turn < 3 else text)
                if number % 2:  # reset
                    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()
            self.quick()
        self.wait_for(lambda: self.metric("http_connections") == 1)


class Many(http_support.HttpTest):
    options = {"max_connections": 20, "loops": 1}

    def test_full(self):
        clients = [self.connect() for _ in range(20)]
        for client in clients:
            self.assertEqual(client.ask("/hello").status, 200)
        # One more: the one that is idle for longest makes room.
        self.assertEqual(self.ask("/hello").status, 200)
        self.assertIsNone(clients[0].response())
        for client in clients[1:]:
            self.assertEqual(client.ask("/hello").status, 200)
        # All busy: the newcomer is told.
        clients = clients[1:] + [self.connect()]
        for client in clients:
            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
        time.sleep(1)
        client = self.connect()
        response = client.response()
        self.assertEqual((response.status, response["retry-after"]), (503, "1"))
        for client in clients:
            client.send("bc")
            self.assertEqual(client.response().body, b"abc")
        self.assertEqual(self.ask("/hello").status, 200)


class Address(http_support.HttpTest):
    options = {"max_per_address": 5}

    def test_one_address(self):
        clients = [self.connect() for _ in range(5)]
        for client in clients:
            self.assertEqual(client.ask("/hello").status, 200)
        self.assertEqual(self.connect().response().status, 503)
        clients.pop().close()
        end = time.monotonic() + http_support.SECONDS
        while time.monotonic() < end:
            client = self.connect()
            try:
                if client.ask("/hello").status == 200:
                    break
            except OSError:
                pass
            client.close()
        else:
            self.fail("no room was made")


class Descriptors(unittest.TestCase):
    def test_none_left(self):
        """Without descriptors for newcomers it goes on with those that it has, and takes more later."""
        with http_support.tempfile.TemporaryDirectory(prefix="bm-http-") as folder:
            server = http_support.Server(folder, address="127.0.0.1", loops=2,
                                         limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
            clients = []
            for _ in range(60):
                client = http_support.Client(server.port)
                client.send("GET /hello HTTP/1.1\r\nHost: a\r\n")
                clients.append(client)
            time.sleep(1)
            clients[0].send("\r\n")
            self.assertEqual(clients[0].response().body, b"Hello, world.\n")
            for client in clients:
                client.close()
            client = http_support.Client(server.port)
            self.assertEqual(client.ask("/hello").body, b"Hello, world.\n")
            client.close()
            server.stop()


class Stopping(unittest.TestCase):
    def test_stop(self):
        """What is being answered is finished; idle connections are closed; the port is free again."""
        with http_support.tempfile.TemporaryDirectory(prefix="bm-http-") as folder:
            server = http_support.Server(folder, address="127.0.0.1")
            idle, busy = http_support.Client(server.port), http_support.Client(server.port)
            self.assertEqual(idle.ask("/hello").status, 200)
            busy.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
            time.sleep(0.5)
            server.process.stdin.close()
            self.assertIsNone(idle.response())
            busy.send("bc")
            response = busy.response()
            self.assertEqual((response.body, response["connection"]), (b"abc", "close"))
            server.stop()
            with self.assertRaises(OSError):
                http_support.Client(server.port)
            idle.close()
            busy.close()
            again = http_support.Server(folder, address="127.0.0.1", port=server.port)
            with self.assertRaisesRegex(AssertionError, "start: -16"):
                http_support.Server(folder, address="127.0.0.1", port=server.port)
            again.stop()

    def test_bad_options(self):
        with http_support.tempfile.TemporaryDirectory(prefix="bm-http-") as folder:
            for options, error in [({"address": "localhost"}, -22), ({"max_head": 10}, -22), ({"loops": 1000}, -22),
                                   ({"root": "/nonexistent"}, -2), ({"root": os.__file__}, -2), ({"not_found": "x"}, -22)]:
                with self.assertRaisesRegex(AssertionError, f"create: {error}"):
                    http_support.Server(folder, **options)


if __name__ == "__main__":
    unittest.main()
