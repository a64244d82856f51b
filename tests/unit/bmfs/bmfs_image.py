# SPDX-License-Identifier: MIT
"""BMFS version 1, read and written once more: from the published layout alone, with nothing of libbmfs.

As the published tools do it: the last block is never written, a new file goes to the first gap
that holds it, a deleted record keeps all but its first byte, and no order of writes is kept.
"""
import struct

BLOCK = 2 << 20
RECORD = struct.Struct("<32sQQQ8s")


class Image:
    def __init__(self, path, offset=0):
        self.path, self.offset = path, offset

    def at(self, offset, size):
        with open(self.path, "rb") as file:
            file.seek(self.offset + offset)
            return file.read(size)

    def put(self, offset, data):
        with open(self.path, "r+b") as file:
            file.seek(self.offset + offset)
            file.write(data)

    def blocks(self):
        with open(self.path, "rb") as file:
            return (file.seek(0, 2) - self.offset) // BLOCK

    def format(self, size):
        with open(self.path, "wb") as file:
            file.truncate(self.offset + size)
        self.put(1024, b"BMFS" + bytes(508))
        self.put(4096, bytes(4096))

    def records(self):
        """(index, name, start, reserved, size) of each record up to the directory's end."""
        if self.at(1024, 5) != b"BMFS\0":
            raise ValueError("no BMFS")
        found = []
        for i in range(64):
            name, start, reserved, size, _ = RECORD.unpack(self.at(4096 + 64 * i, 64))
            if name[0] == 0:
                break
            if name[0] != 1:
                found.append((i, name.split(b"\0")[0].decode(), start, reserved, size))
        return found

    def list(self):
        return {name: (start, reserved, size) for _, name, start, reserved, size in self.records()}

    def read(self, name):
        start, reserved, size = self.list()[name]
        assert size <= reserved * BLOCK and 1 <= start and start + reserved <= self.blocks()
        return self.at(start * BLOCK, size)

    def create(self, name, megabytes):
        count = (megabytes + 1) // 2
        used = sorted((start, reserved) for start, reserved, _ in self.list().values())
        place = 1
        for start, reserved in used + [(self.blocks() - 1, 0)]:
            if start - place >= count:
                break
            place = start + reserved
        else:
            raise OSError("full")
        index = next(i for i in range(64) if self.at(4096 + 64 * i, 1) in (b"\0", b"\1"))
        end = self.at(4096 + 64 * index, 1) == b"\0"
        old = self.at(4096 + 64 * index + 56, 8)
        self.put(4096 + 64 * index, RECORD.pack(name.encode(), place, count, 0, old))
        if end and index < 63:
            self.put(4096 + 64 * (index + 1), b"\0")

    def index(self, name):
        return next(i for i, n, *_ in self.records() if n == name)

    def write(self, name, data):
        start, reserved, _ = self.list()[name]
        assert len(data) <= reserved * BLOCK
        self.put(start * BLOCK, data + bytes(-len(data) % BLOCK))
        self.put(4096 + 64 * self.index(name) + 48, struct.pack("<Q", len(data)))

    def delete(self, name):
        self.put(4096 + 64 * self.index(name), b"\1")
