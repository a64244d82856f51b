#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files: types, folders, ranges, conditions, the cache, and that nothing outside of the root is reached."""
import email
import os
import random
import subprocess
import time
import unittest
from email.utils import formatdate

import http_support

SECRET = b"nobody may read this"
DAY = 86400
PAST = 1_000_000_000


class Files(http_support.HttpTest):
    options = {"cache_file": 300000, "not_found": "/404.html"}

    @classmethod
    def files(cls):
        generator = random.Random(5)
        cls.content = {
            "index.html": b"<p>the first page\n",
            "404.html": b"<p>a page of our own for what is not there\n",
            "style.css": b"p { color: red }\n",
            "empty": b"",
            "one": b"1",
            "folder/index.html": b"<p>a folder's page\n",
            "folder/a b&c#d?e%20.txt": b"a strange name\n",
            "bare/file.json": b"{}\n",
            "small": generator.randbytes(1024),
            "medium": generator.randbytes(100000),
            "huge": generator.randbytes(3000000),  # more than cache_file
            ".hidden": SECRET, ".git/config": SECRET, "folder/.htpasswd": SECRET,
            ".well-known/acme": b"well known\n",
            "caf\u00e9": b"coffee\n",
        }
        for name, data in cls.content.items():
            cls.write(name, data, PAST)
        with open(os.path.join(cls.folder, "secret"), "wb") as file:
            file.write(SECRET)
        os.mkdir(os.path.join(cls.folder, "root-neighbour"))
        with open(os.path.join(cls.folder, "root-neighbour", "secret"), "wb") as file:
            file.write(SECRET)
        os.symlink("../secret", os.path.join(cls.root, "link"))
        os.symlink("..", os.path.join(cls.root, "up"))
        os.symlink("/etc", os.path.join(cls.root, "etc"))
        os.symlink("one", os.path.join(cls.root, "inside"))
        os.mkfifo(os.path.join(cls.root, "fifo"))

    def test_content(self):
        client = self.connect()
        for _ in range(2):  # from the disk, then from memory
            for name, data in self.content.items():
                if not name.startswith(".") and "/." not in name:
                    target = "/" + "".join(f"%{b:02X}" if b > 126 or chr(b) in " %?#&" else chr(b) for b in name.encode())
                    response = client.ask(target)
                    self.assertEqual(response.status, 200, name)
                    self.assertSame(response.body, data, name)
                    self.assertEqual(response["last-modified"], formatdate(PAST, usegmt=True))
                    head = client.ask(target, method="HEAD")
                    self.assertEqual(head["content-length"], str(len(data)))
                    self.assertEqual(head["etag"], response["etag"])

    def test_types(self):
        for name, kind in {"index.html": "text/html; charset=utf-8", "style.css": "text/css; charset=utf-8",
                           "bare/file.json": "application/json", "small": "application/octet-stream"}.items():
            response = self.ask("/" + name)
            self.assertEqual((response["content-type"], response["x-content-type-options"]), (kind, "nosniff"))

    def test_folders(self):
        self.assertEqual(self.ask("/").body, self.content["index.html"])
        self.assertEqual(self.ask("/folder/").body, self.content["folder/index.html"])
        response = self.ask("/folder?x=1")
        self.assertEqual((response.status, response["location"]), (301, "/folder/?x=1"))
        # Never the start of another host's name.
        for target in ("//folder", "//evil.example/..//folder", "/%2e/folder"):
            self.assertEqual(self.ask(target)["location"], "/folder/")
        self.assertEqual(self.ask("/bare/").status, 404)
        self.assertEqual(self.ask("/small/").status, 404)
        self.assertEqual(self.ask("/small/x").status, 404)

    def test_not_found(self):
        for target in ("/nothing", "/folder/nothing", "/fifo"):
            response = self.ask(target, "Range: bytes=0-1", "If-None-Match: *")
            self.assertEqual((response.status, response.body), (404, self.content["404.html"]))
        self.assertEqual(self.ask("/nothing", method="HEAD").status, 404)
        self.assertEqual(self.ask("/small", method="PUT", body=b"x")["allow"], "GET, HEAD, OPTIONS")

    def test_hidden(self):
        for target in ("/.hidden", "/.git/config", "/.git/", "/folder/.htpasswd", "/%2ehidden", "/folder/../.hidden"):
            self.assertEqual(self.ask(target).status, 404, target)
        self.assertEqual(self.ask("/.well-known/acme").body, b"well known\n")

    def test_outside(self):
        """No spelling of a path leaves the root."""
        ups = ["..", "%2e%2e", ".%2e", "%2e.", "%252e%252e", "..%00", "..%20", ".. ", "...", "....", "..;", "..;/..",
               "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%u002e%u002e", "..%01", "..\\", "..%5c", "%2e%2e%5c", "up", "etc/..",
               "folder/../..", "small/..", "nothing/../..", "./..", ".//..", "up/up", "..%2f", "%2e%2e%2f", "..%252f"]
        slashes = ["/", "//", "/./", "%2f", "%5c", "\\", "%252f"]
        targets = ["secret", "root-neighbour/secret", "etc/passwd", "root/../secret"]
        tried = 0
        client = None
        for up in ups:
            for slash in slashes:
                for target in targets:
                    for deep in (1, 2, 6):
                        path = "/" + slash.join([up] * deep) + slash + target
                        if " " in path:
                            continue
                        for prefix in ("", "http://test", "/folder", "/"):
                            if not client:
                                client = http_support.Client(self.server.port)
                            response = client.ask(prefix + path)
                            self.assertIn(response.status, (400, 404), prefix + path)
                            self.assertNotIn(SECRET, response.body)
                            self.assertNotIn(b"root:", response.body)
                            tried += 1
                            if response["connection"] == "close":
                                client.close()
                                client = None
        self.assertGreater(tried, 5000)
        for path in ("/link", "/etc/passwd", "/up/secret", "/inside", "/etc/", "/up/"):
            self.assertEqual(self.ask(path).status, 404, path)
        if client:
            client.close()

    def ranged(self, name, header, client):
        response = client.ask("/" + name, f"Range: {header}")
        data = self.content[name]
        if response.status == 206 and not response["content-type"].startswith("multipart"):
            first, last = map(int, response["content-range"][6:].split("/")[0].split("-"))
            self.assertEqual(response["content-range"], f"bytes {first}-{last}/{len(data)}")
            self.assertSame(response.body, data[first:last + 1])
            return [(first, last)]
        if response.status == 206:
            text = b"Content-Type: " + response["content-type"].encode() + b"\r\n\r\n" + response.body
            parts = email.message_from_bytes(text).get_payload()
            spans = []
            for part in parts:
                first, last = map(int, part["content-range"][6:].split("/")[0].split("-"))
                self.assertEqual(part["content-range"], f"bytes {first}-{last}/{len(data)}")
                spans.append((first, last))
            # email decodes as text: the bytes themselves are compared by their place.
            boundary = response["content-type"].split("boundary=")[1].encode()
            pieces = response.body.split(b"--" + boundary)
            self.assertEqual(pieces[0].strip(), b"")
            self.assertEqual(pieces[-1], b"--\r\n")
            for piece, (first, last) in zip(pieces[1:-1], spans):
                self.assertSame(piece.split(b"\r\n\r\n", 1)[1], data[first:last + 1] + b"\r\n")
            return spans
        if response.status == 200:
            self.assertSame(response.body, data, header)
        return response.status

    def test_ranges(self):
        client = self.connect()
        for name in ("small", "medium", "huge"):
            size = len(self.content[name])
            for header, expected in {
                    "bytes=0-0": [(0, 0)], "bytes=0-": [(0, size - 1)], "bytes=-1": [(size - 1, size - 1)],
                    "bytes=10-20": [(10, 20)], f"bytes={size - 1}-": [(size - 1, size - 1)],
                    f"bytes=5-{size * 2}": [(5, size - 1)], f"bytes=-{size * 2}": [(0, size - 1)],
                    "bytes=0-0, 5-9 ,-3": [(0, 0), (5, 9), (size - 3, size - 1)],
                    f"bytes={size}-, 3-4": [(3, 4)],
                    "bytes=900-1000,0-499": [(900, 1000), (0, 499)],
                    "bytes=5-4": 200, "bytes=x": 200, "lines=1-2": 200, "bytes=0-,0-": 200,
                    "bytes=" + ",".join(f"{i}-{i}" for i in range(17)): 200}.items():
                self.assertEqual(self.ranged(name, header, client), expected, header)
            response = client.ask("/" + name, f"Range: bytes={size}-")
            self.assertEqual((response.status, response["content-range"]), (416, f"bytes */{size}"))
        # HEAD has no ranges, an empty file no bytes.
        self.assertEqual(client.ask("/small", "Range: bytes=0-1", method="HEAD").status, 200)
        self.assertEqual(client.ask("/empty", "Range: bytes=0-1").status, 416)

    def test_random_ranges(self):
        generator, client = random.Random(7), self.connect()
        for _ in range(150):
            name = generator.choice(["small", "medium", "huge"])
            size = len(self.content[name])
            spans = []
            for _ in range(generator.randint(1, 5)):
                first = generator.randrange(size)
                spans.append((first, min(size - 1, first + generator.randrange(size // 6))))
            header = "bytes=" + ",".join(f"{a}-{b}" for a, b in spans)
            self.assertEqual(self.ranged(name, header, client), spans)

    def test_conditions(self):
        client = self.connect()
        for name in ("small", "huge"):
            tag = client.ask("/" + name)["etag"]
            date, older, newer = (formatdate(PAST + d * DAY, usegmt=True) for d in (0, -1, 1))
            for headers, status in [
                    ([f"If-None-Match: {tag}"], 304), ([f"If-None-Match: W/{tag}"], 304), (["If-None-Match: *"], 304),
                    ([f'If-None-Match: "x", {tag}'], 304), (['If-None-Match: "x"'], 200), (["If-None-Match: x"], 200),
                    ([f"If-Modified-Since: {date}"], 304), ([f"If-Modified-Since: {newer}"], 304),
                    ([f"If-Modified-Since: {older}"], 200), (["If-Modified-Since: yesterday"], 200),
                    ([f'If-None-Match: "x"', f"If-Modified-Since: {newer}"], 200),  # the tag decides
                    ([f"If-Match: {tag}"], 200), (["If-Match: *"], 200), (['If-Match: "x"'], 412),
                    ([f"If-Match: W/{tag}"], 412),  # strong comparison
                    ([f"If-Unmodified-Since: {date}"], 200), ([f"If-Unmodified-Since: {older}"], 412),
                    ([f"If-Match: {tag}", f"If-Unmodified-Since: {older}"], 200),
                    ([f"If-Match: {tag}", f"If-None-Match: {tag}"], 304),
                    (["Range: bytes=0-1", f"If-Range: {tag}"], 206), (["Range: bytes=0-1", f"If-Range: W/{tag}"], 200),
                    (["Range: bytes=0-1", 'If-Range: "x"'], 200), (["Range: bytes=0-1", f"If-Range: {date}"], 206),
                    (["Range: bytes=0-1", f"If-Range: {newer}"], 200), (["Range: bytes=0-1", f"If-None-Match: {tag}"], 304)]:
                response = client.ask("/" + name, *headers)
                self.assertEqual(response.status, status, headers)
                if status == 304:
                    self.assertEqual((response["etag"], response["content-length"]), (tag, None))
                self.assertEqual(client.ask("/" + name, *headers, method="HEAD").status, 200 if status == 206 else status)

    def until(self, target, wanted):
        """The cache looks at a file once a second."""
        end = time.monotonic() + http_support.SECONDS
        while (response := self.ask(target)).body != wanted and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(response.body, wanted)
        return response

    def test_change(self):
        self.write("changing", b"first")
        tag = self.until("/changing", b"first")["etag"]
        self.write("changing", b"other")  # of the same size
        self.assertNotEqual(self.until("/changing", b"other")["etag"], tag)
        os.remove(os.path.join(self.root, "changing"))
        self.until("/changing", self.content["404.html"])
        self.write("changing", b"back")
        self.until("/changing", b"back")
        # What becomes a link is not served any more.
        os.remove(os.path.join(self.root, "changing"))
        os.symlink("../secret", os.path.join(self.root, "changing"))
        self.until("/changing", self.content["404.html"])

    def test_truncated(self):
        """A file that shrinks while it is sent: the connection ends, no byte is made up."""
        path = self.write("shrinking", b"x" * 40_000_000)
        client = self.connect()
        client.send("GET /shrinking HTTP/1.1\r\nHost: a\r\n\r\n")
        client.socket.recv(10)
        os.truncate(path, 100)
        rest = client.closed()
        self.assertLess(len(rest), 40_000_000)
        self.assertSame(rest.split(b"\r\n\r\n", 1)[1].strip(b"x"), b"")

    def test_curl(self):
        url = f"http://127.0.0.1:{self.server.port}"
        for name in ("small", "medium", "huge"):
            path = os.path.join(self.folder, "got")
            with open(path, "wb") as file:
                file.write(self.content[name][:500])
            subprocess.run(["curl", "-sS", "--fail", "-C", "-", "-o", path, f"{url}/{name}"], check=True, timeout=http_support.SECONDS)
            with open(path, "rb") as file:
                self.assertSame(file.read(), self.content[name])
        done = subprocess.run(["curl", "-sS", "--path-as-is", "-w", "%{http_code}", "-o", os.devnull, f"{url}/../secret"],
                              check=True, capture_output=True, timeout=http_support.SECONDS)
        self.assertEqual(done.stdout, b"400")


class Listing(http_support.HttpTest):
    options = {"listing": 1}

    @classmethod
    def files(cls):
        cls.write("b & <c>.txt", b"12345")
        cls.write("a:x", b"1")
        cls.write("z/index.html", b"has one")
        cls.write("sub/y", b"")
        cls.write(".hidden", SECRET)
        os.symlink("/etc/passwd", os.path.join(cls.root, "link"))

    def test_listing(self):
        response = self.ask("/")
        text = response.body.decode()
        self.assertEqual((response.status, response["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn('<a href="./b%20%26%20%3Cc%3E.txt">b &#38; &#60;c&#62;.txt</a><td>5<td>', text)
        self.assertIn('<a href="./a:x">a:x</a>', text)
        self.assertLess(text.index('"./sub/"'), text.index('"./a:x"'))  # folders first
        self.assertNotIn("hidden", text)
        self.assertNotIn("link", text)
        self.assertIn('<a href="../">', self.ask("/sub/").body.decode())
        self.assertEqual(self.ask("/z/").body, b"has one")
        self.assertEqual(self.ask("/none/").status, 404)


class SmallCache(http_support.HttpTest):
    """More files than fit: all are served, and what is kept stays within its limit."""
    options = {"cache": 100000, "cache_file": 20000}

    @classmethod
    def files(cls):
        for number in range(60):
            cls.write(f"{number}", b"%d" % number * 3000)

    def test_many(self):
        client = self.connect()
        generator = random.Random(3)
        for _ in range(600):
            number = generator.randrange(60)
            self.assertEqual(client.ask(f"/{number}").body, b"%d" % number * 3000)
        self.assertLessEqual(self.metric("http_cache_bytes"), 100000)
        self.assertGreater(self.metric("http_cache_files"), 5)


if __name__ == "__main__":
    unittest.main()
