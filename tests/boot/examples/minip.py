#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Example minip: minip.py MACHINE CORES KERNEL APP DEVICE

curl fetches its page through QEMU's user network, one at a time and many at once. Then, as the machine at the
other end of the cable, by hand: ARP, pings of every size, what is damaged or means nothing (no answer, and it goes
on), a connection with a lost segment, and SYNs without end.
"""
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
import run_guest  # noqa: E402

OWN, GUEST = bytes([10, 0, 2, 2]), bytes([10, 0, 2, 15])
OWN_MAC, ALL = b"\x02\0\0\0\0\x01", b"\xff" * 6
GUEST_MAC = b"\x52\x54\0\0\0\x09"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(protocol, data, to=GUEST, fragment=0x4000, source=OWN):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 7, fragment, 64, protocol, 0, source, to)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return GUEST_MAC + OWN_MAC + b"\x08\0" + head + data


def ping(number, payload):
    data = struct.pack("!BBHHH", 8, 0, 0, 99, number) + payload
    return data[:2] + struct.pack("!H", checksum(data)) + data[4:]


def segment(port, number, ack, flags, data=b"", options=b"", window=8000, source=OWN, wrong=0):
    head = struct.pack("!HHIIBBHHH", port, 80, number & 0xffffffff, ack & 0xffffffff, (20 + len(options)) // 4 << 4,
                       flags, window, 0, 0) + options + data
    total = checksum(source + GUEST + struct.pack("!HH", 6, len(head)) + head) ^ wrong
    return packet(6, head[:16] + struct.pack("!H", total) + head[18:], source=source)


class Cable:
    """The far end of QEMU's dgram network."""

    def __init__(self, work):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"{work}/peer")
        self.guest = f"{work}/guest"
        self.socket.settimeout(0.2)

    def send(self, frame):
        end = time.monotonic() + 60
        while True:
            try:
                return self.socket.sendto(frame.ljust(60, b"\0"), self.guest)
            except (FileNotFoundError, ConnectionRefusedError, BlockingIOError, TimeoutError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def flood(self, frames):
        """Send them all, and drop what is answered: it would fill the socket, and stop QEMU and with it the guest."""
        for frame in frames:
            self.send(frame)
            self.socket.setblocking(False)
            try:
                while True:
                    self.socket.recv(70000)
            except BlockingIOError:
                self.socket.settimeout(0.2)

    def receive(self, wanted, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                frame = self.socket.recv(70000)
            except TimeoutError:
                continue
            if wanted(frame):
                return frame
        return None

    def tcp(self, port, flags=None, seconds=20):
        """The next segment to this port: (number, ack, flags, data)."""
        def wanted(f):
            return f[12:14] == b"\x08\0" and f[23] == 6 and f[36:38] == struct.pack("!H", port) and \
                (flags is None or f[47] & flags == flags)
        frame = self.receive(wanted, seconds)
        if frame is None:
            return None
        length = struct.unpack("!H", frame[16:18])[0]
        number, ack, offset, got = struct.unpack("!IIBB", frame[38:48])
        tcp = frame[34:14 + length]
        assert checksum(frame[26:34] + struct.pack("!HH", 6, len(tcp)) + tcp) == 0
        return number, ack, got, frame[34 + offset // 16 * 4:14 + length]


def check_arp(cable):
    ask = ALL + OWN_MAC + struct.pack("!HHHBBH6s4s6s4s", 0x806, 1, 0x800, 6, 4, 1, OWN_MAC, OWN, b"\0" * 6, GUEST)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        cable.send(ask)
        answer = cable.receive(lambda f: f[12:14] == b"\x08\x06", 1)
        if answer:
            assert answer[:12] == OWN_MAC + GUEST_MAC and answer[20:22] == b"\0\x02" and answer[28:32] == GUEST
            return
    raise AssertionError("no answer to ARP")


def check_ping(cable, number, payload=b"ping"):
    cable.send(packet(1, ping(number, payload)))
    answer = cable.receive(lambda f: f[23:24] == b"\x01" and f[38:42] == struct.pack("!HH", 99, number))
    assert answer and answer[34:36] == b"\0\0" and answer[42:42 + len(payload)] == payload, f"ping {number}"


def fetch(cable, port, lose=False, pieces=1):
    """A whole connection; `lose`: the first segment of the answer is not confirmed until it comes once more."""
    cable.send(segment(port, 1000, 0, 2, options=b"\x02\x04\x05\xb4"))
    first, ack, _, _ = cable.tcp(port, 0x12)
    assert ack == 1001
    ours, theirs, text, request = 1001, first + 1, b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    size = -(-len(request) // pieces)
    for at in range(0, len(request), size):
        part = request[at:at + size]
        cable.send(segment(port, ours, theirs, 0x18, part))
        ours += len(part)
    fin = False
    while not fin:
        got = cable.tcp(port)
        assert got, "the answer ends"
        number, _, flags, data = got
        if lose and data:
            lose = False
            continue
        if number == theirs & 0xffffffff:
            text += data
            fin = bool(flags & 1)
            theirs += len(data) + fin
        cable.send(segment(port, ours, theirs, 0x10))
    cable.send(segment(port, ours, theirs, 0x11))
    assert text.startswith(b"HTTP/1.1 200 OK\r\n") and text.endswith(b"</p>\n"), text


def nonsense(cable):
    good = segment(7000, 1, 0, 2)
    for n in range(14, len(good)):  # each length, and each byte wrong
        cable.flood([good[:n], good[:n] + bytes([good[n] ^ 0x55]) + good[n + 1:]])
    for frame in (packet(6, b""), packet(6, b"x" * 19), packet(1, b"\x08"), packet(17, b"x" * 30), packet(1, ping(1, b"x"), fragment=0x2000),
                  packet(1, ping(1, b"x"), fragment=5), packet(1, ping(1, b"x"), source=b"\xff" * 4), b"\0" * 14,
                  segment(7001, 1, 0, 2, options=b"\x02\0\0\0"), segment(7002, 1, 0, 2, options=b"\x05\xff\x01\x01"),
                  segment(7003, 1, 0, 2, wrong=1), segment(7004, 5, 9, 0xff), segment(7005, 5, 9, 0, b"x" * 1400)):
        cable.flood([frame])


def by_hand(cable, errors):
    try:
        check_arp(cable)
        for size in (0, 1, 2, 63, 1000, 1472):
            check_ping(cable, size, bytes(i % 251 for i in range(size)))
        fetch(cable, 4000)
        fetch(cable, 4001, lose=True)
        fetch(cable, 4002, pieces=7)
        nonsense(cable)
        check_ping(cable, 2000)
        cable.send(segment(4100, 1, 77, 0x10))
        assert cable.tcp(4100)[2] & 4, "no such connection: a reset"
        cable.flood(segment(1024 + i, 1, 0, 2, source=bytes([10, 1, i >> 8, i & 255]))
                    for i in range(3000))  # SYNs from everywhere, whose handshake never ends
        fetch(cable, 5003)
        # A request without end is answered, and its connection closed.
        cable.send(segment(4200, 1, 0, 2))
        first = cable.tcp(4200, 0x12)[0]
        for at in range(0, 2000, 500):
            cable.send(segment(4200, 2 + at, first + 1, 0x18, b"A" * 500))
        assert b"400 Bad Request" in cable.tcp(4200, 1)[3]
        check_ping(cable, 2001)
    except Exception as error:  # told by the main thread
        errors.append(repr(error) + "".join(traceback.format_tb(error.__traceback__)[-2:]))


def free_port():
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


def curl(port, errors):
    url = f"http://127.0.0.1:{port}"

    def get(*words):
        return subprocess.run(["curl", "-s", "-m", "4", "--retry", "20", "--retry-delay", "1", "--retry-all-errors", *words],
                              capture_output=True, text=True)
    try:
        done = get("-i", url + "/")
        assert "HTTP/1.1 200 OK" in done.stdout and "It works" in done.stdout, str(done)
        for words, status in ((["/nothing"], "404"), (["-X", "POST", "-d", "x", "/"], "405"), (["-I", "/index.html"], "200"),
                              (["--path-as-is", "/../etc/passwd"], "404")):
            done = get("-o", "/dev/null", "-w", "%{http_code}", *words[:-1], url + words[-1])
            assert done.stdout == status, str(done)
        done = get("--parallel", "--parallel-max", "20", "-o", "/dev/null", "-w", "%{http_code}\n", url + "/?[1-200]")
        codes = done.stdout.split()
        assert codes == ["404"] * 200, str(codes[:9])
    except Exception as error:
        errors.append(repr(error) + "".join(traceback.format_tb(error.__traceback__)[-2:]))


def run(kernel, app, machine, cores, words, client):
    """Boot, let the client do its work, end the guest."""
    errors = []
    thread = threading.Thread(target=client, args=(errors,))
    thread.start()
    stop = run_guest.Guest(kernel=kernel, initrd=app, machine=machine, cores=cores, timeout=150,
                           extra=["-monitor", words.pop(0), *words])
    ended = threading.Thread(target=end_when, args=(thread, stop.extra[1]))
    ended.start()
    result = run_guest.boot(stop)
    ended.join()
    if errors or result.outcome == "timeout" or "http://10.0.2.15/ on " not in result.output:
        print(errors, result.outcome, result.output[-3000:], result.complaints)
        sys.exit(1)


def end_when(thread, monitor):
    thread.join()
    with socket.socket(socket.AF_UNIX) as quit_it:
        try:
            quit_it.connect(monitor.split(":")[1].split(",")[0])
            quit_it.settimeout(20)
            quit_it.sendall(b"quit\n")
            while quit_it.recv(1000):  # QEMU forgets what it has not read when the other end closes
                pass
        except OSError:
            pass  # it has ended


def main():
    machine, cores, kernel, app, device = sys.argv[1:6]
    with tempfile.TemporaryDirectory(prefix="bm-minip-") as work:
        port = free_port()
        run(kernel, app, machine, int(cores), [f"unix:{work}/mon1,server=on,wait=off", "-netdev",
            f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:80", "-device", device + ",netdev=n"], lambda e: curl(port, e))
        cable = Cable(work)
        run(kernel, app, machine, int(cores), [f"unix:{work}/mon2,server=on,wait=off", "-netdev",
            f"dgram,id=n,local.type=unix,local.path={work}/guest,remote.type=unix,remote.path={work}/peer",
            "-device", device + ",netdev=n,mac=52:54:00:00:00:09"], lambda e: by_hand(cable, e))


if __name__ == "__main__":
    main()
