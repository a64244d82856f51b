#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`baremetal run --net --forward --nic --pcap`: frames go both ways, and what cannot work is refused."""

import os
import socket
import subprocess
import threading

import support
from support import boot, part, tool


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


class Network(support.Case):
    def ask(self, *words, image=None):
        """Run the guest; send it datagrams until one comes back. Returns (how it ended, answer)."""
        port, answers, over = free_port(socket.SOCK_DGRAM), [], threading.Event()

        def client():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.settimeout(0.3)
                while not answers:
                    last = over.is_set()  # then what has come lies in the socket
                    try:
                        if not last:
                            peer.sendto(b"to the guest and back", ("127.0.0.1", port))
                        answers.append(peer.recv(2000))
                    except OSError:
                        if last:
                            break
                        over.wait(0.2)

        thread = threading.Thread(target=client)
        thread.start()
        try:
            done = boot("--forward", f"udp:{port}:7", *words, image or self.image("elf"), "--", "net")
        finally:
            over.set()
            thread.join()
        return done, answers

    def test_forward(self):
        for words in ([], ["--machine", "q35"], ["--machine", "pc", "--cores", "2"]):
            done, answers = self.ask(*words)
            self.good(done, 42)
            self.assertEqual(answers, [b"to the guest and back"])
            self.assertIn("virtio_net0\nthe gateway answers", done.out)

    def test_pcap(self):
        path = self.path("all, of it.pcap")
        done, answers = self.ask("--pcap", path)
        self.good(done, 42)
        with open(path, "rb") as file:
            data = file.read()
        self.assertEqual(data[:4], b"\xd4\xc3\xb2\xa1")
        self.assertGreaterEqual(data.count(b"to the guest and back"), 2)

    def test_words(self):
        """Which device is chosen; whether ours has a driver for it is told elsewhere."""
        app = self.image("elf")
        for words, device in (([], "virtio-net-device,"), (["--nic", "e1000"], "e1000,"),
                              (["--nic", "e1000e"], "e1000e,"), (["--machine", "q35"], "virtio-net-pci,")):
            done = self.good(boot("-v", "--net", "user", *words, app), 42)
            self.assertIn(f"-device {device}netdev=net0", done.err)
        self.assertNotIn("netdev", self.good(boot("-v", app), 42).err)
        self.good(boot(app, "--", "net"), 2)

    def test_refusals(self):
        app = self.image("elf")

        def refuse(about, status, *words):
            self.problem(boot(*words, app), about, status=status)

        refuse("no network", 2, "--net", "wifi")
        refuse("no network", 2, "--net", "user:x")
        for text in ("80", "8080:", "x:80", "tcp:80", "sctp:1:2"):
            refuse("not the host's and the guest's port", 2, "--forward", text)
        refuse("no port 0", 2, "--forward", "0:80")
        refuse("no port 65536", 2, "--forward", "8080:65536")
        refuse("not an IPv4 address", 2, "--forward", "1.2.3:8080:80")
        refuse("needs the network user, not none", 2, "--net", "none", "--forward", "8080:80")
        refuse("needs a network", 2, "--net", "none", "--nic", "virtio")
        refuse("needs a network", 2, "--net", "none", "--pcap", self.path("x"))
        refuse("no address", 125, "--forward", "203.0.113.7:8080:80")
        refuse("cannot be written", 125, "--pcap", self.path("no", "where"))
        refuse("cannot be written", 125, "--pcap", self.folder)
        refuse("no network interface", 125, "--net", "tap:notthere0")
        refuse("no tap interface", 125, "--net", "tap:lo")
        refuse("no name", 2, "--net", "tap:a/b")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            refuse("is in use", 125, "--forward", f"{taken.getsockname()[1]}:80")


if __name__ == "__main__":
    support.main()
