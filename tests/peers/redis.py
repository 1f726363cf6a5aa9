"""Redis, keeping nothing on disk, on a port and on a Unix-domain socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.process import Address, Peer, accepts, free_ports, running, workplace


@dataclass(frozen=True)
class Redis:
    """Where it listens."""

    peer: Peer
    address: Address
    socket: Path


@contextmanager
def redis() -> Iterator[Redis]:
    """One Redis."""
    with workplace("redis") as folder:
        (port,) = free_ports(1)
        socket = folder / "redis.sock"
        settings = {"port": port, "bind": "127.0.0.1", "unixsocket": socket, "dir": folder, "save": ""}
        words = [word for key, value in settings.items() for word in (f"--{key}", str(value))]
        with running("redis", ["redis-server", *words], lambda: accepts(("127.0.0.1", port)), folder) as peer:
            yield Redis(peer, ("127.0.0.1", port), socket)
