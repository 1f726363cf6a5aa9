"""Hosts that can lose power or their cable: network namespaces, each with one link to the balancer's. Needs
root.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from peers.process import Address

CLONE_NEWNET = 0x4000_0000
PORT = 8080  # nobody else is in a namespace of our own

Made = TypeVar("Made")

_numbers = count(1)
_libc = ctypes.CDLL(None, use_errno=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Host:
    """One network namespace."""

    def __init__(self, role: str) -> None:
        self.name = f"pb-{os.getpid()}-{next(_numbers)}-{role}"
        self.address = ""
        _ip("netns", "add", self.name)
        _ip("-n", self.name, "link", "set", "lo", "up")

    @property
    def command(self) -> tuple[str, ...]:
        """Runs on this host what follows."""
        return ("ip", "netns", "exec", self.name)

    def set(self, setting: str, value: str) -> None:
        """One of the kernel's settings, for this host alone."""
        subprocess.run([*self.command, "sysctl", "-q", "-w", f"{setting}={value}"], check=True)

    def cable(self, *, plugged: bool) -> None:
        """Unplugged, it is as a host without power is for the others: nothing comes, nothing says so."""
        _ip("-n", self.name, "link", "set", "eth0", "up" if plugged else "down")

    def new_socket(self) -> socket.socket:
        """A socket of this host's, wherever it is used."""
        return self._there(socket.socket)

    def listening(self, port: int = 0) -> socket.socket:
        """A listener on this host's own address."""
        return self._there(lambda: socket.create_server((self.address, port), backlog=4096))

    def name_socket(self) -> socket.socket:
        """Where a name server on this host hears this host's questions."""

        def bound() -> socket.socket:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind(("127.0.0.1", 53))
            return made

        return self._there(bound)

    def gone(self) -> None:
        _ip("netns", "del", self.name)

    def _there(self, make: Callable[[], Made]) -> Made:
        """Made by a thread that has moved there."""
        made: list[Made | BaseException] = []

        def move_and_make() -> None:
            try:
                _move_to(Path(f"/run/netns/{self.name}"))
                made.append(make())
            except OSError as error:
                made.append(error)

        thread = threading.Thread(target=move_and_make)
        thread.start()
        thread.join()
        if isinstance(made[0], BaseException):
            raise made[0]
        return made[0]


def _move_to(namespace: Path) -> None:
    """This thread alone."""
    with namespace.open() as opened:
        if _libc.setns(opened.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


class Network:
    """A client, a balancer, and two nodes around it."""

    def __init__(self) -> None:
        self.balancer = Host("balancer")
        self.client, self.one, self.two = (Host(role) for role in ("client", "one", "two"))

    @property
    def entry(self) -> Address:
        """Where clients connect."""
        return "10.77.0.1", PORT

    def __enter__(self) -> Self:
        for number, host in enumerate((self.client, self.one, self.two)):
            link = f"link{number}"
            _ip(
                "-n",
                self.balancer.name,
                "link",
                "add",
                link,
                "type",
                "veth",
                "peer",
                "eth0",
                "netns",
                host.name,
            )
            host.address = f"10.77.{number}.2"
            for end, device, address in (
                (self.balancer, link, f"10.77.{number}.1"),
                (host, "eth0", host.address),
            ):
                _ip("-n", end.name, "address", "add", f"{address}/24", "dev", device)
                _ip("-n", end.name, "link", "set", device, "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in (self.client, self.one, self.two, self.balancer):
            host.gone()
