"""Hosts that can lose power or their cable: networks of their own, each with one link to the balancer's.
Needs root.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from peers.namespace import Namespace, join
from peers.process import Address

PORT = 8080  # nobody else is in a network of our own


class Host:
    """One machine, as far as the others can tell."""

    def __init__(self) -> None:
        self.network = Namespace()
        self.address = ""

    @property
    def command(self) -> tuple[str, ...]:
        """Runs on this host what follows."""
        return ("nsenter", f"--net={self.network.path}")

    def set(self, setting: str, value: str) -> None:
        """One of the kernel's settings, for this host alone."""
        self.network.set(setting, value)

    def cable(self, *, plugged: bool) -> None:
        """Unplugged, it is as a host without power is for the others: nothing comes, nothing says so."""
        self.network.ip("link", "set", "eth0", "up" if plugged else "down")

    def new_socket(self) -> socket.socket:
        """A socket of this host's, wherever it is used."""
        with self.network.entered():
            return socket.socket()

    def listening(self, port: int = 0) -> socket.socket:
        """A listener on this host's own address."""
        with self.network.entered():
            return socket.create_server((self.address, port), backlog=4096)

    def name_socket(self) -> socket.socket:
        """Where a name server on this host hears this host's questions."""
        with self.network.entered():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", 53))
        return made


class Network:
    """A client, a balancer, and two nodes around it."""

    def __init__(self) -> None:
        self.balancer = Host()
        self.client, self.one, self.two = Host(), Host(), Host()

    @property
    def entry(self) -> Address:
        """Where clients connect."""
        return "10.77.0.1", PORT

    def __enter__(self) -> Self:
        for number, host in enumerate((self.client, self.one, self.two)):
            host.address = f"10.77.{number}.2"
            ends = f"10.77.{number}.1/24", f"{host.address}/24"
            join(self.balancer.network, host.network, (f"link{number}", "eth0"), ends)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in (self.client, self.one, self.two, self.balancer):
            host.network.close()
