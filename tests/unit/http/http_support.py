# SPDX-License-Identifier: MIT
"""A server of serve.c for each test class, and a client that sends what it is told, byte by byte."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest
from dataclasses import dataclass

SECONDS = 60  # for anything; a loaded machine takes some of them


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@dataclass
class Response:
    status: int
    reason: str
    headers: dict  # lower-case names; a repeated one has its values in a list
    body: bytes

    def __getitem__(self, name):
        return self.headers.get(name.lower())


class Client:
    """One connection."""

    def __init__(self, port, address="127.0.0.1"):
        self.socket = socket.create_connection((address, port), timeout=SECONDS)
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def more(self):
        data = self.socket.recv(65536)
        self.rest += data
        return bool(data)

    def response(self, head=False):
        """The next one; None at the end."""
        while b"\r\n\r\n" not in self.rest:
            try:
                if not self.more():
                    assert not self.rest, self.rest
                    return None
            except ConnectionResetError:
                return None
        text, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = text.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) (.*)", lines[0])
        assert match, lines[0]
        headers = {}
        for line in lines[1:]:
            name, value = re.fullmatch(r"([!#-'*+.^-z|~\w-]+): (.*)", line).groups()
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value
        status = int(match[1])
        size = 0 if head or status in (100, 204, 304) else int(headers["content-length"])
        while len(self.rest) < size:
            assert self.more(), "the body ends too early"
        body, self.rest = self.rest[:size], self.rest[size:]
        return Response(status, match[2], headers, body)

    def ask(self, target, *headers, method="GET", body=b"", version="1.1"):
        lines = [f"{method} {target} HTTP/{version}", "Host: test", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        return self.response(head=method == "HEAD")

    def end(self):
        """No more is sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def closed(self):
        """Wait for the end; whatever comes before it."""
        rest = self.rest
        try:
            while data := self.socket.recv(65536):
                rest += data
        except ConnectionResetError:
            pass
        return rest

    def close(self):
        self.socket.close()


class Server:
    def __init__(self, folder, binary="SERVE", limits=None, **options):
        self.error = tempfile.TemporaryFile(mode="w+", dir=folder)
        words = [f"{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen(
            [os.environ[binary], *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.error,
            preexec_fn=limits, pass_fds=[options["log"]] if options.get("log", 0) > 2 else ())
        match = re.fullmatch(rb"port (\d+)\n", self.process.stdout.readline())
        if not match:
            self.process.wait()
            self.error.seek(0)
            text = self.error.read()
            for file in (self.error, self.process.stdin, self.process.stdout):
                file.close()
            raise AssertionError(f"the server does not start: {text}")
        self.port = int(match[1])

    def stop(self):
        """Its exit status tells of sanitizers' reports and leaks."""
        self.process.stdin.close()
        try:
            status = self.process.wait(SECONDS)
        finally:
            self.process.kill()
            self.process.stdout.close()
        self.error.seek(0)
        text = self.error.read()
        self.error.close()
        assert status == 0 and not text, f"status {status}: {text[-6000:]}"


class HttpTest(unittest.TestCase):
    """Starts one server for a class, with its options."""
    options = {}
    binary = "SERVE"

    @classmethod
    def files(cls):
        """Put files into cls.root."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="bm-http-")
        cls.root = os.path.join(cls.folder, "root")
        os.mkdir(cls.root)
        cls.files()
        cls.server = Server(cls.folder, cls.binary, **{"root": cls.root, "address": "127.0.0.1", **cls.options})

    @classmethod
    def tearDownClass(cls):
        try:
            cls.server.stop()
        finally:
            shutil.rmtree(cls.folder)

    @classmethod
    def write(cls, name, data, modified=None):
        path = os.path.join(cls.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        if modified is not None:
            os.utime(path, (modified, modified))
        return path

    def connect(self):
        client = Client(self.server.port)
        self.addCleanup(client.close)
        return client

    def ask(self, *words, **options):
        client = self.connect()
        response = client.ask(*words, **options)
        client.close()
        return response

    def assertSame(self, got, wanted, what=None):
        """Of bytes, also of many: assertEqual() would look for their differences for hours."""
        self.assertTrue(got == wanted, f"{what}: {len(got)} bytes {got[:60]!r}, not {len(wanted)} bytes {wanted[:60]!r}")

    def metric(self, name):
        for line in self.ask("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return int(line.split()[1])
        raise AssertionError(f"no metric {name}")
