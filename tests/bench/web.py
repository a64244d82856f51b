# SPDX-License-Identifier: MIT
"""The figures of the network's programs: guest instructions a request, here and in Linux, and what a guest at rest does.

All of the guest's instructions count, those of its kernel and of its interrupts too: the plugin's counters are read
before and after a load of wrk's. Ours is the template web, and a server of a few lines on sockets; Linux runs Debian's
nginx. All have one core, the same network device, and QEMU's user network.
"""

import http.client
import mmap
import os
import re
import selectors
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from counting import HERE, BenchError, Guest, boot
from figures import figure
import linux
import linux_programs

MEMORY = "512M"
LOAD_SECONDS = int(os.environ.get("BENCH_WEB_SECONDS", "5"))
REST_SECONDS = 10
FILE_BYTES = 1024
BOOT_SECONDS = 300  # Linux takes a minute with each of its instructions counted

NGINX = """
daemon off; master_process off; worker_processes 1; error_log stderr crit; pid /tmp/pid; user root root;
events { use epoll; multi_accept on; worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 1h;
  open_file_cache max=100 inactive=1h; open_file_cache_valid 1h; server_tokens off; etag off;
  client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c; uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;
  server { listen 80 reuseport backlog=1024; root /www; }
}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A guest that serves on port 80, with its instructions counted. Ends with the with-block."""

    def __init__(self, plugin, path="/1k.txt", **options):
        self.port, self.path = free_port(), path
        self.folder = tempfile.TemporaryDirectory(prefix="bm-bench-")
        self.live = f"{self.folder.name}/live"
        self.process, self.result = None, None
        self.ready = threading.Event()
        self.guest = Guest(machine="q35", memory=MEMORY, timeout=BOOT_SECONDS + 300, started=self.started, extra=[
            "-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{self.port}-:80", "-device", "virtio-net-pci,netdev=n",
            *(["-plugin", f"{plugin},out={self.folder.name}/report,live={self.live}"] if plugin else [])], **options)
        self.thread = threading.Thread(target=self.run, daemon=True)

    def started(self, process):
        self.process = process
        self.ready.set()

    def run(self):
        self.result = boot(self.guest)

    def __enter__(self):
        self.start()
        try:
            self.wait_until_it_serves()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        self.thread.start()
        if not self.ready.wait(20):
            raise BenchError("QEMU does not start")

    def wait_until_it_serves(self):
        end = time.monotonic() + BOOT_SECONDS
        while not (answer := self.ask()):
            if not self.thread.is_alive() or time.monotonic() > end:
                raise BenchError(f"no answer from the guest: {self.result and self.result.output[-3000:]}"
                                 f"{self.result and self.result.complaints}")
            time.sleep(0.02)
        if answer[0] != 200 or len(answer[1]) != FILE_BYTES:
            raise BenchError(f"{self.path} is answered with status {answer[0]} and {len(answer[1])} bytes")

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
        self.thread.join(20)
        self.folder.cleanup()

    def first_answer(self):
        """Ask all the time, each time on a new connection, until one is answered.

        None of them is waited for: QEMU listens with a backlog of one, and a connection that Linux dropped for
        that is tried again after a second.
        """
        asking, end = selectors.DefaultSelector(), time.monotonic() + 20
        text = f"GET {self.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        try:
            while True:
                for key, events in asking.select(0.01) if asking.get_map() else ():
                    try:
                        if events & selectors.EVENT_WRITE:
                            key.fileobj.sendall(text)
                            asking.modify(key.fileobj, selectors.EVENT_READ)
                        elif key.fileobj.recv(1):
                            return
                    except OSError:
                        asking.unregister(key.fileobj)
                        key.fileobj.close()
                if time.monotonic() > end:
                    raise BenchError("no answer from the guest within 20 s")
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", self.port))
                asking.register(one, selectors.EVENT_WRITE)
                time.sleep(0.01)
        finally:
            for key in list(asking.get_map().values()):
                key.fileobj.close()

    def ask(self, path=None):
        """(status, body), or None if nobody is there."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", path or self.path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def instructions(self):
        with open(self.live, "rb") as file, mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ) as memory:
            return struct.unpack("Q", memory[:8])[0]

    def a_request(self, connections, keep_alive):
        """Instructions a request, over some seconds of requests."""
        words = [] if keep_alive else ["-H", "Connection: close"]
        before = self.instructions()
        done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{LOAD_SECONDS}s", *words,
                               f"http://127.0.0.1:{self.port}{self.path}"], capture_output=True, text=True,
                              timeout=LOAD_SECONDS + 60)
        spent = self.instructions() - before
        count = re.search(r"^ *(\d+) requests in", done.stdout, re.MULTILINE)
        if done.returncode or not count or not int(count[1]) or "Non-2xx" in done.stdout:
            raise BenchError(f"wrk: {done.stdout}{done.stderr}")
        return round(spent / int(count[1]))

    def at_rest(self):
        """Instructions a second of a guest that nobody asks anything."""
        time.sleep(5)  # connections that have just ended
        before, start = self.instructions(), time.monotonic()
        time.sleep(REST_SECONDS)
        return round((self.instructions() - before) / (time.monotonic() - start))


def kept(bench, name, make):
    """Measured once for all figures, even if that fails."""
    made = bench.__dict__.setdefault("servers", {})
    if name not in made:
        made[name] = BenchError("see above")
        made[name] = make(bench)
    if isinstance(made[name], BenchError):
        raise made[name]
    return made[name]


def measure_kept(server):
    values = {"rest": server.at_rest()}
    for connections in (1, 8):
        values["keep", connections] = server.a_request(connections, True)
    return values


def measure_new(server):
    return {("new", 1): server.a_request(1, False)}


def measure(server):
    return measure_kept(server) | measure_new(server)


def web(bench):
    folder = bench.new_project("web", "web")
    (folder / "root" / "1k.txt").write_text("x" * FILE_BYTES)
    image = bench.image(bench.build(folder), "elf", "--root", folder / "root")
    with Server(bench.plugin, kernel=str(image)) as server:
        return measure(server)


def sockets(bench):
    program = bench.work / "tcp_server"
    bench.run([bench.prefix / "bin" / "baremetal-cc", "-O2", "-o", program, HERE / "guest" / "tcp_server.c",
               "-l:libbaremetal-net.a"])
    image = str(bench.image(program, "elf"))
    with Server(bench.plugin, kernel=image) as server:
        values = measure_kept(server)
    with Server(bench.plugin, kernel=image, append="close") as server:
        values |= measure_new(server)
    # Once more, without the plugin, which slows it down.
    server = Server(None, kernel=image)
    server.start()
    try:
        server.first_answer()
        time.sleep(0.5)
    finally:
        server.__exit__()
    told = re.search(r"^first_answer_us=(\d+)$", server.result.output, re.MULTILINE)
    if not told:
        raise BenchError(f"the guest does not say when it answered: {server.result.output}")
    return values | {"first": round(int(told[1]) / 1000)}


def nginx(bench):
    cache = bench.work / "linux"
    kernel = linux.fetch(cache)
    files = linux_programs.program_files(cache, "nginx", "usr/sbin/nginx")
    for name, text in {"nginx.conf": NGINX, "1k.txt": "x" * FILE_BYTES, "empty": "",
                       "passwd": "root:x:0:0::/:/bin/sh\n", "group": "root:x:0:\n"}.items():
        Path(bench.work, name).write_text(text)
    files |= {"/nginx.conf": bench.work / "nginx.conf", "/www/1k.txt": bench.work / "1k.txt",
              "/etc/passwd": bench.work / "passwd", "/etc/group": bench.work / "group",
              "/var/log/nginx/error.log": bench.work / "empty", "/var/lib/nginx/empty": bench.work / "empty"}
    archive = linux_programs.initrd(bench.work, kernel, files, ["virtio_pci", "virtio_net"],
                                    ["wait /sys/class/net/eth0", "network eth0 10.0.2.15 255.255.255.0 10.0.2.2",
                                     "run /usr/sbin/nginx -c /nginx.conf"])
    with Server(bench.plugin, kernel=str(kernel), initrd=str(archive), append=linux.FAST) as server:
        return measure(server)


def register(name, text, make, limits):
    for key, suffix, unit, what in ((("keep", 1), "request", "instructions", "a request for 1 KiB on a connection that stays"),
                                    (("keep", 8), "request-8", "instructions", "the same on eight connections at once"),
                                    (("new", 1), "connection", "instructions", "a request with a connection of its own"),
                                    ("rest", "rest", "a second", "instructions while nobody asks anything")):
        def value(bench, key=key):
            return kept(bench, name, make)[key]

        value.__doc__ = f"{what}: {text}"
        figure(f"{name}-{suffix}", unit, limits.get(suffix), default=False)(value)


register("web", "the template web", web, {"request": 8000, "connection": 25000, "rest": 10000})
register("sockets", "a server of a few lines on sockets", sockets, {"request": 6000, "connection": 20000, "rest": 10000})


@figure("sockets-first-answer", "ms", 300, default=False)
def sockets_first_answer(bench):
    """from boot through DHCP to the first request that is answered, on the guest's clock"""
    return kept(bench, "sockets", sockets)["first"]


register("nginx", "nginx on Linux", nginx, {})
