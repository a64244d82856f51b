# SPDX-License-Identifier: MIT
"""The virtual machine's network: --net, --forward, --nic and --pcap, as QEMU's words.

`user` is a network inside QEMU, which needs no rights on the host: the guest gets 10.0.2.15 by DHCP and reaches
what the host reaches; from outside it is reached through forwarded ports. `tap` is an interface of the host's.
"""

import errno
import os
import re
import socket

from .errors import Problem, Usage, shown

TAP = "baremetal0"
NICS = {"virtio": ("virtio-net-device", "virtio-net-pci"), "e1000": (None, "e1000"), "e1000e": (None, "e1000e")}


class Forward:
    """[tcp:|udp:][ADDRESS:]PORT:PORT of --forward: the host's, then the guest's."""

    def __init__(self, text):
        match = re.fullmatch(r"(?:(tcp|udp):)?(?:([0-9.]+):)?([0-9]{1,5}):([0-9]{1,5})", text, re.ASCII)
        if not match:
            raise Usage(f"--forward: {shown(text)} is not the host's and the guest's port",
                          "write it like 8080:80, udp:5353:53 or 0.0.0.0:8080:80")
        self.protocol, self.address = match[1] or "tcp", match[2] or "127.0.0.1"
        self.host, self.guest = int(match[3]), int(match[4])
        for port in (self.host, self.guest):
            if not 0 < port < 65536:
                raise Usage(f"--forward: there is no port {port}", "ports are 1 to 65535")
        try:
            socket.inet_pton(socket.AF_INET, self.address)
        except OSError:
            raise Usage(f"--forward: {shown(self.address)} is not an IPv4 address",
                        "leave it out, or write it like 0.0.0.0:8080:80") from None

    def check(self):
        """QEMU would tell the same, less clearly, and after the image was made."""
        kind = socket.SOCK_STREAM if self.protocol == "tcp" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as trial:
            if kind == socket.SOCK_STREAM:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((self.address, self.host))
            except OSError as error:
                where = f"port {self.host} of {self.address}"
                if error.errno == errno.EADDRINUSE:
                    raise Problem(f"--forward: {where} is in use",
                                  f"choose another port, like {self.host % 50000 + 10000}:{self.guest}") from None
                if error.errno == errno.EACCES:
                    raise Problem(f"--forward: {where} is for root only",
                                  f"choose one from 1024 on, like {8000 + self.host}:{self.guest}") from None
                if error.errno == errno.EADDRNOTAVAIL:
                    raise Problem(f"--forward: this host has no address {self.address}",
                                  "leave it out, or take one that `ip address` shows") from None
                raise Problem(f"--forward: {where}: {error.strerror}", "choose another") from None

    def words(self):
        return f",hostfwd={self.protocol}:{self.address}:{self.host}-:{self.guest}"


def check_tap(name):
    """The interface is there, and may be used."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,15}", name, re.ASCII):
        raise Usage(f"--net tap: {shown(name)} is no name of an interface", f"write it like tap:{TAP}")
    folder = f"/sys/class/net/{name}"
    if not os.path.exists(folder):
        raise Problem(f"this host has no network interface {name}",
                      f"sudo ip tuntap add {name} mode tap user $USER && sudo ip address add 192.168.76.1/24 dev {name}"
                      f" && sudo ip link set {name} up")
    if not os.path.exists(folder + "/tun_flags"):
        raise Problem(f"{name} is no tap interface", "give the name of one: --net tap:NAME")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise Problem("/dev/net/tun cannot be opened", "sudo chmod 666 /dev/net/tun, or run as root")


class Network:
    """What the options say, checked."""

    def __init__(self, options):
        text = options.net
        if text is None:
            text = "user" if options.forward or options.nic or options.pcap else "none"
        self.kind, _, self.tap = text.partition(":")
        self.nic, self.pcap = options.nic or "virtio", options.pcap
        if self.kind not in ("user", "tap", "none") or (self.tap and self.kind != "tap"):
            raise Usage(f"--net: there is no network {shown(text) or 'without a name'}",
                        "choose user, tap, tap:NAME or none")
        self.forwards = [Forward(f) for f in options.forward]
        if self.forwards and self.kind != "user":
            raise Usage(f"--forward needs the network user, not {self.kind}",
                        "reach the guest at its own address" if self.kind == "tap" else "leave --net out")
        if self.kind == "none":
            for name in ("nic", "pcap"):
                if getattr(options, name):
                    raise Usage(f"--{name} needs a network", "leave --net none out")
        if self.kind == "tap":
            self.tap = self.tap or TAP
            check_tap(self.tap)
        for forward in self.forwards:
            forward.check()
        if self.pcap:
            folder = os.path.dirname(os.path.abspath(self.pcap))
            if not os.access(self.pcap if os.path.exists(self.pcap) else folder, os.W_OK) or os.path.isdir(self.pcap):
                raise Problem(f"--pcap: {shown(self.pcap)} cannot be written", "give a file in a folder of yours")

    def needed(self):
        return self.kind != "none"

    def needs_pci(self):
        return self.needed() and NICS[self.nic][0] is None

    def arguments(self, machine):
        """QEMU's words; machine: its name."""
        if self.kind == "none":
            return []
        words = ["-netdev", "user,id=net0" + "".join(f.words() for f in self.forwards) if self.kind == "user" else
                 f"tap,id=net0,ifname={self.tap},script=no,downscript=no"]
        mmio, pci = NICS[self.nic]
        words += ["-device", f"{mmio if mmio and machine == 'microvm' else pci},netdev=net0"]
        if self.pcap:
            path = os.path.abspath(self.pcap).replace(",", ",,")
            words += ["-object", f"filter-dump,id=pcap0,netdev=net0,file={path}"]
        return words
