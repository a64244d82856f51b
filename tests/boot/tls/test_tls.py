#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TLS in a guest: the template web by HTTPS, asked by clients on the host; and a client, against servers there.

KERNEL, WEB, CLIENT, ROOT and CORES in the environment. The certificates are made here, by openssl.
"""
import concurrent.futures
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "unit/http"))
import http_support  # noqa: E402

RUN_GUEST = HERE.parent / "run_guest.py"
CORES = os.environ.get("CORES", "1")


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Authority:
    """A certificate authority in a folder: NAME.pem, NAME.key."""

    def __init__(self, folder, name):
        self.folder, self.name = Path(folder), name
        self.pem, self.key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 30,
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.pem)

    def sign(self, name, host, kind=("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), days=30, start=None):
        """Files of a certificate and its key."""
        pem, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        extension = self.folder / f"{name}.ext"
        extension.write_text(f"subjectAltName=DNS:{host}\n")
        openssl("req", "-newkey", *kind, "-nodes", "-subj", f"/CN={host}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.key, "-CAcreateserial", "-days", days,
                "-extfile", extension, "-out", pem)
        return pem, key


class Https(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="bm-tls-"))
        cls.root = cls.folder / "root"
        shutil.copytree(os.environ["ROOT"], cls.root)
        cls.large = bytes(i * i % 251 for i in range(3_000_000))
        (cls.root / "large.bin").write_bytes(cls.large)
        cls.authority = Authority(cls.folder, "authority")
        kind = ("rsa:2048",) if os.environ.get("KEY") == "rsa" else ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
        pem, key = cls.authority.sign("server", "localhost", kind)
        (cls.root / ".tls").mkdir()
        shutil.copy(pem, cls.root / ".tls/certificate.pem")
        shutil.copy(key, cls.root / ".tls/key.pem")
        cls.plain, cls.secure = http_support.free_port(), http_support.free_port()
        cls.process = subprocess.Popen(
            [sys.executable, str(RUN_GUEST), "--kernel", os.environ["KERNEL"], "--machine", "q35", "--cores", CORES,
             "--timeout", "240", "--root", str(cls.root), "--expect", "exit:0", "--expect-output", "HTTPS on port 443",
             "--verbose", "--qemu", f"-netdev user,id=n,hostfwd=tcp:127.0.0.1:{cls.plain}-:80,"
             f"hostfwd=tcp:127.0.0.1:{cls.secure}-:443 -device virtio-net-pci,netdev=n", os.environ["WEB"]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        end = time.monotonic() + 60
        while True:
            try:
                if b"Hello" in cls.get("/hello"):
                    return
            except (OSError, EOFError):
                pass
            if time.monotonic() > end or cls.process.poll() is not None:
                cls.process.kill()
                raise AssertionError(f"no answer: {cls.process.communicate()[0]}")
            time.sleep(0.2)

    @classmethod
    def tearDownClass(cls):
        try:
            # Both servers have the route; only the plain one's end is the program's.
            with socket.create_connection(("127.0.0.1", cls.plain), timeout=20) as plain:
                plain.sendall(b"POST /test/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                while plain.recv(4096):
                    pass
            output = cls.process.communicate(timeout=60)[0]
            assert cls.process.returncode == 0, output
        finally:
            cls.process.kill()
            shutil.rmtree(cls.folder)

    @classmethod
    def context(cls):
        context = ssl.create_default_context(cafile=str(cls.authority.pem))
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    @classmethod
    def connect(cls, context=None, session=None):
        raw = socket.create_connection(("127.0.0.1", cls.secure), timeout=60)
        return (context or cls.context()).wrap_socket(raw, server_hostname="localhost", session=session)

    @staticmethod
    def read_all(client):
        got = bytearray()
        while piece := client.recv(65536):
            got += piece
        return bytes(got)

    @classmethod
    def get(cls, path, more="", method="GET", body=b""):
        with cls.connect() as client:
            length = f"Content-Length: {len(body)}\r\n" if body else ""
            client.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{length}{more}\r\n".encode() + body)
            return cls.read_all(client)

    def test_files(self):
        answer = self.get("/")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer[:100])
        self.assertTrue(answer.endswith((self.root / "index.html").read_bytes()))
        head, body = self.get("/large.bin").split(b"\r\n\r\n", 1)
        self.assertTrue(body == self.large, (head, len(body)))
        head, body = self.get("/large.bin", "Range: bytes=1000000-2000000\r\n").split(b"\r\n\r\n", 1)
        self.assertTrue(body == self.large[1000000:2000001], head)

    def test_key_is_not_served(self):
        for path in ("/.tls/key.pem", "/.tls/certificate.pem", "/.tls/", "/%2etls/key.pem"):
            self.assertIn(b" 404 ", self.get(path)[:20])
        with socket.create_connection(("127.0.0.1", self.plain), timeout=20) as plain:
            plain.sendall(b"GET /.tls/key.pem HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertIn(b" 404 ", self.read_all(plain)[:20])

    def test_body(self):
        for size in (1, 1000, 16384, 16385, 100_000, 1 << 20):
            body = os.urandom(size)
            self.assertTrue(self.get("/test/echo", method="POST", body=body).endswith(b"\r\n\r\n" + body), size)

    def test_pipeline(self):
        with self.connect() as client:
            client.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n" * 300 +
                           b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertEqual(self.read_all(client).count(b"Hello, world!"), 301)

    def test_many(self):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for answer in pool.map(lambda i: self.get(f"/hello?name=n{i}"), range(64)):
                self.assertIn(b" 200 OK", answer[:20])

    def test_slow_reader(self):
        """Who reads late gets all of it: records wait in the guest meanwhile."""
        with self.connect() as client:
            client.sendall(b"GET /large.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            time.sleep(2)
            self.assertTrue(self.read_all(client).endswith(self.large))

    def test_byte_by_byte(self):
        """The handshake and a request in records of a byte, and TCP segments of a few."""
        with self.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n":
                client.sendall(bytes([byte]))
            self.assertIn(b"Hello, world!", self.read_all(client))

    def test_protocol(self):
        with self.connect() as client:
            self.assertEqual(client.version(), "TLSv1.2")
            self.assertEqual(client.selected_alpn_protocol(), "http/1.1")
            self.assertRegex(client.cipher()[0], "^ECDHE-.*(GCM|POLY1305)")
            client.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.read_all(client)
            session = client.session
        context = self.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises((ssl.SSLError, OSError)):
            self.connect(context)
        for suite in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"):
            context = self.context()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(suite)
            with self.assertRaises((ssl.SSLError, OSError), msg=suite):
                self.connect(context)
        self.assertIsNotNone(session)

    def test_session_again(self):
        context = self.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.connect(context) as client:
            client.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.read_all(client)
            session = client.session
        with self.connect(context, session) as client:
            self.assertTrue(client.session_reused)
            client.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertIn(b"Hello, world!", self.read_all(client))

    def memory(self):
        used = int(self.get("/test/memory").split(b"\r\n\r\n", 1)[1])
        self.assertGreater(used, 100_000)
        return used

    def test_rubbish(self):
        """What is no TLS, or breaks off, costs its sender the connection and nobody else anything."""
        self.memory()
        before = self.memory()
        hello = self.client_hello()
        for data in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\0" * 1000, b"\x16\x03\x01\xff\xff" + b"x" * 70000, os.urandom(5000),
                     hello[:-1], hello + b"\x16\x03\x03\x00\x04\x0e\0\0\0", hello + os.urandom(200), hello * 3,
                     b"\x15\x03\x01\x00\x02\x02\x28", b"\x17\x03\x03\x00\x10" + b"y" * 16):
            with socket.create_connection(("127.0.0.1", self.secure), timeout=20) as raw:
                raw.sendall(data)
                raw.shutdown(socket.SHUT_WR)
                try:
                    while raw.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
            self.assertIn(b"Hello", self.get("/hello"))
        for i in range(40):
            broken = bytearray(hello)
            broken[5 + i * 4 % (len(hello) - 5)] ^= 1 << i % 8
            with socket.create_connection(("127.0.0.1", self.secure), timeout=20) as raw:
                raw.sendall(broken)
                raw.settimeout(0.05)
                try:
                    raw.recv(4096)
                except OSError:
                    pass
        # Bytes in a record that was changed on the way.
        with self.connect() as client:
            os.write(client.fileno(), b"\x17\x03\x03\x00\x20" + os.urandom(32))
            with self.assertRaises((ssl.SSLError, OSError)):
                client.settimeout(20)
                while client.recv(4096):
                    pass
                raise OSError
        self.assertIn(b"Hello", self.get("/hello"))
        end = time.monotonic() + 30
        while (after := self.memory()) > before + 100_000 and time.monotonic() < end:
            time.sleep(1)
        self.assertLess(after, before + 100_000)

    def client_hello(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self.context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
        except ssl.SSLWantReadError:
            pass
        return outgoing.read()

    def test_curl(self):
        done = subprocess.run(["curl", "-sS", "--cacert", str(self.authority.pem), f"https://localhost:{self.secure}/hello"],
                              capture_output=True, text=True, timeout=60)
        self.assertIn("Hello, world!", done.stdout, done.stderr)
        done = subprocess.run(["curl", "-sS", f"https://localhost:{self.secure}/hello"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 60, done.stderr)  # nobody believes this authority by himself


class Server(threading.Thread):
    """Answers a TLS connection after the other, each with a line, and its end, or without."""

    def __init__(self, files, cut=False, **options):
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        warnings.simplefilter("ignore", DeprecationWarning)  # of old versions, which are what is tested
        self.context.load_cert_chain(*map(str, files))
        self.context.maximum_version = options.get("most", ssl.TLSVersion.MAXIMUM_SUPPORTED)
        if "least" in options:
            self.context.minimum_version = options["least"]
            self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.cut = cut
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard = b""
        self.start()

    def run(self):
        while True:
            raw, _ = self.listener.accept()
            try:
                with self.context.wrap_socket(raw, server_side=True) as client:
                    self.heard += client.recv(100)
                    client.sendall(b"good day")
                    if self.cut:
                        os.close(client.detach())
                        continue
                    client.unwrap()
            except (ssl.SSLError, OSError):
                pass


class Client(unittest.TestCase):
    def test_without_random_numbers(self):
        for cpu, answer in (("max,-rdrand,-rdseed", -5), ("max", 0)):
            done = subprocess.run(
                [sys.executable, str(RUN_GUEST), "--kernel", os.environ["KERNEL"], "--machine", "microvm", "--cpu", cpu, "--timeout", "60",
                 "--expect", "exit:0", "--expect-output", f"created {answer}\\b", "--verbose", "--append", "created", os.environ["CLIENT"]],
                capture_output=True, text=True, timeout=100)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_client(self):
        with tempfile.TemporaryDirectory(prefix="bm-tls-") as name:
            folder = Path(name)
            root = folder / "root"
            root.mkdir()
            good, other = Authority(folder, "good"), Authority(folder, "other")
            files = good.sign("right", "example.test")
            shutil.copy(good.pem, root / "ca.pem")
            shutil.copy(files[0], root / "certificate.pem")
            shutil.copy(files[1], root / "key.pem")
            shutil.copy(other.key, root / "other.pem")
            (root / "text.txt").write_text("no certificate\n")
            servers = {
                "right": Server(files), "rsa": Server(good.sign("rsa", "example.test", ("rsa:2048",))),
                "wild": Server(good.sign("wild", "*.test")),
                "stranger": Server(other.sign("stranger", "example.test")),
                "self": Server((other.pem, other.key)),
                "cut": Server(files, cut=True),
                "old": Server(files, most=ssl.TLSVersion.TLSv1_1, least=ssl.TLSVersion.TLSv1),
                "expired": Server(good.sign("expired", "example.test", days=-1)),
            }
            tries = [(which, "example.test", "/ca.pem") for which in servers] + [
                ("right", "example.org", "/ca.pem"), ("stranger", "-", "/ca.pem"), ("right", "example.test", "/text.txt")]
            words = " ".join(f"10.0.2.2 {servers[which].port} {name} {authorities}" for which, name, authorities in tries)
            done = subprocess.run(
                [sys.executable, str(RUN_GUEST), "--kernel", os.environ["KERNEL"], "--machine", "q35", "--timeout", "120",
                 "--root", str(root), "--expect", "exit:0", "--expect-output", "tried", "--verbose", "--append", words,
                 "--qemu", "-netdev user,id=n -device virtio-net-pci,netdev=n", os.environ["CLIENT"]],
                capture_output=True, text=True, timeout=200)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertNotRegex(done.stdout, "(?m)^options|written all the same")
            lines = iter(re.findall(r"(?m)^\s*(\d+ (?:handshake|create) .*?)\s*$", done.stdout))
            for (which, host, _), pattern in zip(tries, (
                    'handshake 0 0 "good day"', 'handshake 0 0 "good day"', 'handshake 0 0 "good day"',
                    'handshake -1 0 "" .*not correctly signed', 'handshake -1 0 "" The certificate',
                    'handshake 0 -5 "good day" the connection was cut', 'handshake -5 ', 'handshake -1 0 "" .*expired',
                    'handshake -1 0 "" .*does not match', 'handshake 0 0 "good day"', "create -22")):
                self.assertRegex(next(lines, "nothing"), f"^{servers[which].port} {pattern}", (which, host, done.stdout))
            self.assertEqual(servers["self"].heard, b"")


if __name__ == "__main__":
    unittest.main(verbosity=2)
