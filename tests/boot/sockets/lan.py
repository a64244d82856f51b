# SPDX-License-Identifier: MIT
"""A small network for a guest: the other end of QEMU's `-netdev dgram`.

Answers ARP, DHCP, DNS and neighbour solicitations, announces an IPv6 prefix, echoes pings' answers
back to the test. No sockets of the host beyond the one that carries frames, so no rights are needed.
What it does can be switched off, one by one, to see what the guest says then.
"""
import heapq
import ipaddress
import os
import random
import socket
import struct
import threading
import time

MAC = bytes.fromhex("020000000001")
ROUTER = ipaddress.ip_address("192.0.2.1")
GUEST = ipaddress.ip_address("192.0.2.77")
ROUTER6 = ipaddress.ip_address("fe80::1")
PREFIX6 = ipaddress.ip_address("2001:db8:5::")
NAMES = {("www.example.test", 1): "192.0.2.80", ("www.example.test", 28): "2001:db8:5::80",
         ("four.example.test", 1): "192.0.2.4", ("six.example.test", 28): "2001:db8:5::6"}


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff


def ip4(source, destination, protocol, payload):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0,
                         source.packed, destination.packed)
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def with_sum(source, destination, protocol, payload, at):
    """The checksum over the pseudo-header, at its place."""
    if source.version == 4:
        pseudo = source.packed + destination.packed + struct.pack(">BBH", 0, protocol, len(payload))
    else:
        pseudo = source.packed + destination.packed + struct.pack(">IHBB", len(payload), 0, 0, protocol)
    value = checksum(pseudo + payload) or 0xffff
    return payload[:at] + struct.pack(">H", value) + payload[at + 2:]


def udp4(source, source_port, destination, port, data):
    payload = struct.pack(">HHHH", source_port, port, 8 + len(data), 0) + data
    return ip4(source, destination, 17, with_sum(source, destination, 17, payload, 6))


def icmp6(source, destination, payload):
    payload = with_sum(source, destination, 58, payload, 2)
    return struct.pack(">IHBB", 0x60000000, len(payload), 58, 255) + source.packed + destination.packed + payload


def tcp4(source, source_port, destination, port, sequence, acknowledged, flags, data=b"", options=b""):
    header = struct.pack(">HHIIBBHHH", source_port, port, sequence, acknowledged, (5 + len(options) // 4) << 4,
                         flags, 8192, 0, 0) + options
    return ip4(source, destination, 6, with_sum(source, destination, 6, header + data, 16))


class Lan:
    def __init__(self, dhcp=True, dns=True, ipv6=True):
        self.dhcp, self.dns, self.ipv6 = dhcp, dns, ipv6
        self.link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.link.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:  # a port for QEMU's end
            other.bind(("127.0.0.1", 0))
            self.guest_end = other.getsockname()
        self.guest_mac = None
        self.frames = []  # that the guest sent and nothing here answered
        self.seen = threading.Condition()
        self.requests = 0
        threading.Thread(target=self.run, daemon=True).start()

    def netdev(self):
        here, there = self.link.getsockname(), self.guest_end
        return (f"-netdev dgram,id=n,local.type=inet,local.host={there[0]},local.port={there[1]},"
                f"remote.type=inet,remote.host={here[0]},remote.port={here[1]}")

    def send(self, kind, payload, mac=None):
        self.raw((mac or self.guest_mac or b"\xff" * 6) + MAC + struct.pack(">H", kind) + payload)

    def raw(self, frame):
        try:
            self.link.sendto(frame, self.guest_end)
        except OSError:
            pass

    def run(self):
        while True:
            try:
                frame = self.link.recv(70000)
            except OSError:
                continue  # QEMU is not there yet, or not any more
            if len(frame) < 14:
                continue
            self.guest_mac = frame[6:12]
            answered = self.answer(struct.unpack(">H", frame[12:14])[0], frame[14:])
            with self.seen:
                if not answered:
                    self.frames.append(frame)
                self.seen.notify_all()

    def wait_for(self, condition, seconds=20):
        with self.seen:
            return self.seen.wait_for(lambda: condition(self), seconds)

    def answer(self, kind, data):
        if kind == 0x0806:
            return self.answer_arp(data)
        if kind == 0x0800 and data[9] == 17:
            return self.answer_udp(data)
        if kind == 0x86dd and data[6] == 58 and self.ipv6:
            return self.answer_icmp6(data)
        return False

    def answer_arp(self, data):
        operation, mac, sender, target = struct.unpack(">6xH6s4s6x4s", data[:28])
        if operation == 1 and sender != target and target != GUEST.packed:
            self.send(0x0806, struct.pack(">HHBBH6s4s6s4s", 1, 0x800, 6, 4, 2, MAC, target, mac, sender))
        return True

    def answer_udp(self, data):
        head = (data[0] & 15) * 4
        source, destination = (ipaddress.ip_address(data[i:i + 4]) for i in (12, 16))
        source_port, port = struct.unpack(">HH", data[head:head + 4])
        body = data[head + 8:]
        if port == 67:
            return self.answer_dhcp(body)
        if port == 53:
            self.requests += 1
            if self.dns:
                self.send(0x0800, udp4(destination, 53, source, source_port, self.dns_answer(body)))
            return True
        return False

    def answer_dhcp(self, body):
        options, at = {}, 240
        while at + 1 < len(body) and body[at] != 255:
            options[body[at]] = body[at + 2:at + 2 + body[at + 1]]
            at += 2 + body[at + 1]
        if not self.dhcp or options.get(53) not in (b"\1", b"\3"):
            return True
        made = b"\x02" + body[1:4] + body[4:8] + b"\0\0" + body[10:12] + bytes(4) + GUEST.packed + ROUTER.packed
        made += bytes(4) + body[28:44] + bytes(192) + b"\x63\x82\x53\x63"
        made += bytes([53, 1, 2 if options[53] == b"\1" else 5, 54, 4]) + ROUTER.packed
        made += b"\x33\x04\0\0\x0e\x10\x01\x04\xff\xff\xff\0\x03\x04" + ROUTER.packed + b"\x06\x04" + ROUTER.packed + b"\xff"
        self.send(0x0800, udp4(ROUTER, 67, ipaddress.ip_address("255.255.255.255"), 68, made), b"\xff" * 6)
        return True

    @staticmethod
    def dns_answer(question):
        at, labels = 12, []
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        kind = struct.unpack(">H", question[at + 1:at + 3])[0]
        asked, name = question[12:at + 5], ".".join(labels)
        found = NAMES.get((name, kind))
        known = any(n == name for n, _ in NAMES)
        head = question[:2] + struct.pack(">HHHHH", 0x8180 | (0 if known else 3), 1, 1 if found else 0, 0, 0)
        if not found:
            return head + asked
        packed = ipaddress.ip_address(found).packed
        return head + asked + b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(packed)) + packed

    def answer_icmp6(self, data):
        source = ipaddress.ip_address(data[8:24])
        body = data[40:]
        if body[0] == 133:  # a router is looked for
            made = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
            made += struct.pack(">BBBBIII", 3, 4, 64, 0xc0, 86400, 14400, 0) + PREFIX6.packed + b"\1\1" + MAC
            self.send(0x86dd, icmp6(ROUTER6, ipaddress.ip_address("ff02::1"), made), bytes.fromhex("333300000001"))
            return True
        if body[0] == 135 and not source.is_unspecified:
            made = struct.pack(">BBHI", 136, 0, 0, 0xe0000000) + body[8:24] + b"\2\1" + MAC
            self.send(0x86dd, icmp6(ipaddress.ip_address(body[8:24]), source, made))
            return True
        return body[0] in (135, 143)

    def ping(self, number, data=b"ping", to=GUEST):
        if to.version == 4:
            body = struct.pack(">BBHHH", 8, 0, 0, 7, number) + data
            self.send(0x0800, ip4(ROUTER, to, 1, body[:2] + struct.pack(">H", checksum(body)) + body[4:]))
        else:
            self.send(0x86dd, icmp6(ROUTER6, to, struct.pack(">BBHHH", 128, 0, 0, 7, number) + data))

    def is_alive(self, seconds=20, to=GUEST):
        """Whether the guest answers a ping: asked again each second."""
        kind, place, offset = (b"\x08\x00", 34, 0) if to.version == 4 else (b"\x86\xdd", 54, 129)
        for number in range(seconds):
            self.ping(number, to=to)
            if self.wait_for(lambda lan: any(f[12:14] == kind and len(f) > place + 8 and f[place] == offset
                                             for f in lan.frames), 1):
                return True
        return False

    def forget(self):
        with self.seen:
            self.frames.clear()


class Relay:
    """A cable between two guests that loses, repeats, delays and so reorders frames; netdev(0) and netdev(1)
    are its ends. The shares are of 1."""

    def __init__(self, seed, lost=0.0, doubled=0.0, late=0.0, late_seconds=0.02):
        self.random = random.Random(seed)
        self.lost, self.doubled, self.late, self.late_seconds = lost, doubled, late, late_seconds
        self.counts = dict.fromkeys(("frames", "lost", "doubled", "late"), 0)
        self.links, self.guests = [], []
        for _ in range(2):
            link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            link.bind(("127.0.0.1", 0))
            self.links.append(link)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.1", 0))
                self.guests.append(other.getsockname())
        self.delayed, self.some = [], threading.Condition()
        for side in range(2):
            threading.Thread(target=self.carry, args=[side], daemon=True).start()
        threading.Thread(target=self.carry_late, daemon=True).start()

    def netdev(self, side):
        here, there = self.links[side].getsockname(), self.guests[side]
        return (f"-netdev dgram,id=n,local.type=inet,local.host={there[0]},local.port={there[1]},"
                f"remote.type=inet,remote.host={here[0]},remote.port={here[1]}")

    def deliver(self, side, frame):
        try:
            self.links[side].sendto(frame, self.guests[side])
        except OSError:
            pass  # that guest is not there yet, or not any more

    def carry(self, side):
        while True:
            try:
                frame = self.links[side].recv(70000)
            except OSError:
                continue
            self.counts["frames"] += 1
            if self.random.random() < self.lost:
                self.counts["lost"] += 1
                continue
            if self.random.random() < self.late:
                self.counts["late"] += 1
                with self.some:
                    heapq.heappush(self.delayed, (time.monotonic() + self.random.random() * self.late_seconds,
                                                  self.counts["frames"], 1 - side, frame))
                    self.some.notify()
                continue
            if self.random.random() < self.doubled:
                self.counts["doubled"] += 1
                self.deliver(1 - side, frame)
            self.deliver(1 - side, frame)

    def carry_late(self):
        while True:
            with self.some:
                while not self.delayed:
                    self.some.wait()
                wait = self.delayed[0][0] - time.monotonic()
                if wait > 0:
                    self.some.wait(wait)
                    continue
                _, _, side, frame = heapq.heappop(self.delayed)
            self.deliver(side, frame)


def random_bytes(count):
    return os.urandom(count)
