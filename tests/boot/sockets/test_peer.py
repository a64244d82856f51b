#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sockets against the world outside: test_peer.py --kernel KERNEL --app APP [--device NAME] [NAME …]

Boots peer.c with a network device. The other end is QEMU's user network with programs of the host,
or the small network of lan.py. TAP.
"""
import argparse
import http.client
import ipaddress
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import lan as network
from lan import GUEST, ROUTER, Lan

HERE = Path(__file__).resolve().parent
SEED = 7


class Failed(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Failed(text)


class Boot:
    """One guest; its verdict is run_guest.py's."""

    def __init__(self, options, netdev, words, expect="exit:0", outputs=(), cores=1, seconds=60, device=None):
        device = device or options.device
        command = [sys.executable, str(HERE.parent / "run_guest.py"), "--kernel", options.kernel, "--machine", "q35",
                   "--cores", str(cores), "--timeout", str(seconds), "--expect", expect, "--append", words,
                   "--qemu", f"{netdev} -device {device},netdev=n"]
        for text in outputs:
            command += ["--expect-output", text]
        self.process = subprocess.Popen([*command, "--verbose", options.app], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def end(self):
        output = self.process.communicate()[0]
        need(self.process.returncode == 0, output)
        return output


def user_netdev(*forwards):
    return "-netdev user,id=n" + "".join(f",hostfwd={kind}:127.0.0.1:{host}-:{guest}" for kind, host, guest in forwards)


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def request(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.read()


def first_request(port, seconds=40):
    """The connection to a guest that may not listen yet: QEMU accepts, and closes again."""
    end = time.monotonic() + seconds
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            need(request(connection, "/") == b"hello\n", "another answer")
            return connection
        except (OSError, http.client.HTTPException):
            connection.close()
            need(time.monotonic() < end, "the guest does not answer")
            time.sleep(0.2)


# ---- Over QEMU's user network ----

def served(options, cores):
    port = free_port()
    clients, each = 6, 15
    guest = Boot(options, user_netdev(("tcp", port, 80)), f"serve 80 {1 + clients * each + 1}", cores=cores,
                 outputs=["^listening$"])
    first_request(port).close()
    wrong = []

    def client(fresh):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            for _ in range(each):
                if request(connection, "/") != b"hello\n":
                    wrong.append("another answer")
                if fresh:
                    connection.close()
        except (OSError, http.client.HTTPException) as error:
            wrong.append(repr(error))

    threads = [threading.Thread(target=client, args=(i % 2,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    need(not wrong, str(wrong))
    done = subprocess.run(["curl", "-s", "-m", "30", f"http://127.0.0.1:{port}/long"], capture_output=True)
    expected = bytes(ord("a") + i % 26 for i in range(100000)) * 30
    need(done.returncode == 0 and done.stdout == expected, f"curl: {done.returncode}, {len(done.stdout)} bytes")
    guest.end()


def datagrams(options):
    port = free_port(socket.SOCK_DGRAM)
    guest = Boot(options, user_netdev(("udp", port, 99)), "udp 99")
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.settimeout(1)
    for size in (1, 100, 1400, 1472):
        data = random.Random(size).randbytes(size)
        for _ in range(40):  # the first ones come before the guest listens; later answers may be of these
            link.sendto(data, ("127.0.0.1", port))
            try:
                if link.recv(70000) == data:
                    break
            except TimeoutError:
                need(guest.process.poll() is None, "the guest has ended")
        else:
            raise Failed(f"no right answer to {size} bytes")
    for _ in range(20):
        link.sendto(b"end", ("127.0.0.1", port))
        time.sleep(0.1)
    guest.end()


def fetched(options, cores):
    data = random.Random(SEED).randbytes(4 * 1000 * 1000)
    total = 0
    for byte in data:
        total = (total * 31 + byte) & 0xffffffffffffffff
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection = server.accept()[0]
        with connection:
            connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    Boot(options, user_netdev(), f"fetch 10.0.2.2 {server.getsockname()[1]}", cores=cores,
         outputs=[f"^fetched {len(data)} bytes, sum {total & 0xffffffff}$"]).end()


def refused(options):
    Boot(options, user_netdev(), f"fetch 10.0.2.2 {free_port()}", expect="exit:1",
         outputs=["^connect: (Connection refused|.*reset)"]).end()


# ---- On a network of our own ----

def dhcp_and_dns(options):
    lan = Lan()
    Boot(options, lan.netdev(), "bm.log=info lookup www.example.test",
         outputs=[r"address 192\.0\.2\.77, gateway 192\.0\.2\.1, by DHCP", r"^www\.example\.test is 192\.0\.2\.80$"]).end()
    Boot(options, Lan().netdev(), "lookup nobody.example.test", expect="exit:1", outputs=["no such name"]).end()
    Boot(options, Lan(dns=False).netdev(), "lookup www.example.test", expect="exit:1", seconds=90).end()


def fixed_address(options):
    lan = Lan(dhcp=False)
    guest = Boot(options, lan.netdev(), "bm.log=info ip=192.0.2.77/24,gateway=192.0.2.1,dns=192.0.2.1 wait 6",
                 outputs=[r"address 192\.0\.2\.77, gateway 192\.0\.2\.1, as told"])
    need(lan.is_alive(), "no answer to a ping")
    guest.end()
    guest = Boot(options, Lan().netdev(), "ip=192.0.2.77 lookup four.example.test",
                 outputs=["ip=192.0.2.77: it lacks /PREFIX", "Using DHCP instead", r"is 192\.0\.2\.4$"])
    guest.end()


def missing(options):
    Boot(options, Lan(dhcp=False, ipv6=False).netdev(), "ip6=none lookup www.example.test", expect="exit:1",
         outputs=["no DHCP server has answered within 10 s", "no name server answers"]).end()
    Boot(options, user_netdev(), "wait 1", device="rtl8139",
         outputs=["no driver for the network device 10ec:8139"]).end()


def version_6(options):
    lan = Lan()
    mac = bytearray.fromhex("525400123456")
    mac[0] ^= 2
    host = bytes(mac[:3]) + b"\xff\xfe" + bytes(mac[3:])
    linklocal = ipaddress.ip_address(b"\xfe\x80" + bytes(6) + host)
    world = ipaddress.ip_address(network.PREFIX6.packed[:8] + host)
    guest = Boot(options, lan.netdev(), "wait 12")
    need(lan.is_alive(to=linklocal), f"no answer from {linklocal}")
    lan.forget()
    need(lan.is_alive(to=world), f"no answer from {world}")
    guest.end()


def malformed(options):
    """Frames of every wrong kind; the guest answers a ping after each hundred."""
    lan = Lan()
    guest = Boot(options, lan.netdev(), "wait 25", seconds=120, cores=2)
    need(lan.is_alive(40), "no answer to a ping")
    dice = random.Random(SEED)
    port = 9999
    other = ipaddress.ip_address("192.0.2.9")
    good = [
        (0x0800, udp4_good(other)), (0x0800, network.tcp4(other, 4000, GUEST, port, 1, 0, 2, options=b"\2\4\5\xb4\4\2\1\3\3\7\0\0")),
        (0x0800, network.tcp4(other, 4001, GUEST, port, 1, 1, 0x10, b"data")),
        (0x0806, struct.pack(">HHBBH6s4s6s4s", 1, 0x800, 6, 4, 2, network.MAC, ROUTER.packed, b"\0" * 6, GUEST.packed)),
        (0x86dd, network.icmp6(network.ROUTER6, ipaddress.ip_address("ff02::1"),
                               struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + struct.pack(">BBBBIII", 3, 4, 64, 0xc0, 1, 1, 0) + network.PREFIX6.packed)),
        (0x0800, network.udp4(ROUTER, 53, GUEST, 50000, os.urandom(60))),
        (0x0800, network.udp4(ROUTER, 67, GUEST, 68, os.urandom(300))),
    ]
    for round_ in range(12):
        for _ in range(100):
            kind, payload = dice.choice(good)
            payload = bytearray(payload)
            how = dice.randrange(6)
            if how == 0:
                payload = payload[:dice.randrange(len(payload))]
            elif how == 1:
                payload += os.urandom(dice.randrange(200))
            elif how == 2:  # fragments that overlap, and never end
                head = payload[:20] if kind == 0x0800 else payload
                if kind == 0x0800 and len(payload) >= 20:
                    struct.pack_into(">H", head, 6, dice.choice([0x2000, 0]) | dice.randrange(0x2000))
                    struct.pack_into(">H", head, 10, 0)
                    struct.pack_into(">H", head, 10, network.checksum(bytes(head)))
                    payload[:20] = head
            elif how == 3:
                kind = dice.choice([0, 0x8100, 0x88cc, 0x0800, 0x86dd, 0x0806, 60])
                payload = bytearray(os.urandom(dice.randrange(1500)))
            for _ in range(dice.randrange(5)):
                if payload:
                    payload[dice.randrange(len(payload))] = dice.randrange(256)
            # Made right again as to IP's checksum, so that it gets further.
            if kind == 0x0800 and len(payload) >= 20 and dice.randrange(2):
                payload[0:1] = b"\x45"
                struct.pack_into(">H", payload, 10, 0)
                struct.pack_into(">H", payload, 10, network.checksum(bytes(payload[:20])))
            lan.send(kind, bytes(payload[:1500]), b"\xff" * 6 if dice.randrange(2) else None)
        # Lies told by ARP are corrected by the guest's own question, sooner or later.
        lan.send(0x0806, struct.pack(">HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, network.MAC, ROUTER.packed, b"\0" * 6, GUEST.packed))
        lan.forget()
        need(guest.process.poll() is None, "the guest has ended:\n" + (guest.process.stdout.read() if guest.process.poll() is not None else ""))
        if round_ % 3 == 2:
            need(lan.is_alive(30), f"no answer to a ping after round {round_}")
    guest.end()


def bad_cable(options, cores, **faults):
    """Two guests over a cable with faults: what is transferred is complete and identical."""
    relay, size = network.Relay(SEED, **faults), 600_000
    first, second = (Boot(options, relay.netdev(side), f"ip=192.0.2.{side + 1}/24 exchange 99 {size}{peer}", cores=cores,
                          seconds=200, outputs=[f"^{size} bytes each way, identical$"],
                          device=f"{options.device},mac=52:54:00:00:00:0{side + 1}")
                     for side, peer in ((0, ""), (1, " 192.0.2.1")))
    second.end()
    first.end()
    for what in faults:
        if what in relay.counts:
            need(relay.counts[what] > 20, f"the cable was too good: {relay.counts}")


def udp4_good(other):
    return network.udp4(other, 1000, GUEST, 1234, b"a datagram")


TESTS = {
    "serve on 1": lambda o: served(o, 1),
    "serve on 4": lambda o: served(o, 4),
    "datagrams": datagrams,
    "fetch on 1": lambda o: fetched(o, 1),
    "fetch on 2": lambda o: fetched(o, 2),
    "refused": refused,
    "DHCP and DNS": dhcp_and_dns,
    "fixed address": fixed_address,
    "what is missing is said": missing,
    "IPv6": version_6,
    "malformed frames": malformed,
    "a cable that loses frames": lambda o: bad_cable(o, 1, lost=0.03),
    "a cable with all faults": lambda o: bad_cable(o, 2, lost=0.02, doubled=0.02, late=0.05),
    "a cable that reorders and doubles frames": lambda o: bad_cable(o, 1, doubled=0.05, late=0.1),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--app", required=True)
    parser.add_argument("--device", default="virtio-net-pci")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    chosen = {name: test for name, test in TESTS.items() if not options.names or name in options.names}
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, (name, test) in enumerate(chosen.items(), 1):
        try:
            test(options)
            print(f"ok {number} - {name}", flush=True)
        except (Failed, OSError) as error:
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            for line in str(error).splitlines():
                print(f"# {line}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
