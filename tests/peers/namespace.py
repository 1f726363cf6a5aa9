"""Networks of a test's own, between which it routes as it likes. Needs root. Nothing has to be taken down: a
network goes with the last that is open in it.

A thread enters a network; sockets made meanwhile, and threads and processes begun meanwhile, stay in it.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from peers.root import need_root

CLONE_NEWNET = 0x4000_0000
OWN = "/proc/thread-self/ns/net"
LIBC = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """One network, with its loopback up."""

    def __init__(self) -> None:
        home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if LIBC.unshare(CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "unshare")
            self._descriptor = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
            _enter(home)
        finally:
            os.close(home)
        self.ip("link", "set", "lo", "up")
        # Addresses are of use at once, the kernel's own included: nobody else can have them.
        for which in ("all", "default"):
            self.set(f"net.ipv6.conf.{which}.accept_dad", "0")

    @property
    def path(self) -> str:
        """As `ip` is to call it."""
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is in the network."""
        home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self._descriptor)
            try:
                yield
            finally:
                _enter(home)
        finally:
            os.close(home)

    def ip(self, *words: str) -> None:
        """`ip WORDS` in it."""
        self.run("ip", *words)

    def run(self, *command: str) -> None:
        with self.entered():
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, (command, done.stderr)

    def set(self, name: str, value: str) -> None:
        """A setting of its own, such as `net.ipv4.ip_forward`."""
        self.run("sh", "-c", f"echo {value} > /proc/sys/{name.replace('.', '/')}")

    def close(self) -> None:
        os.close(self._descriptor)


def _enter(descriptor: int) -> None:
    if LIBC.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def namespace() -> Iterator[Namespace]:
    need_root("a network of its own")
    made = Namespace()
    try:
        yield made
    finally:
        made.close()


def join(one: Namespace, other: Namespace, names: tuple[str, str], addresses: tuple[str, str]) -> None:
    """A cable between two, with an address at each end, `10.0.0.1/24`."""
    one.ip("link", "add", names[0], "type", "veth", "peer", "name", names[1], "netns", other.path)
    for here, name, address in zip((one, other), names, addresses, strict=True):
        here.ip("address", "add", address, "dev", name)
        here.ip("link", "set", name, "up")
