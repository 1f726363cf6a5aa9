"""One session held at both ends: a raw socket as the client, a raw socket as its node."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from peers.process import Address
from peers.wish import wish
from protobalance import Balancer

PATIENCE = 15.0  # seconds; only a failing test waits so long


@dataclass(frozen=True)
class Joined:
    """Both ends of one session, and what is between them."""

    balancer: Balancer
    client: socket.socket
    node: socket.socket

    @property
    def ends(self) -> tuple[socket.socket, socket.socket]:
        return self.client, self.node


@contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A node that a test plays itself."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family, backlog=128) as server:
        server.settimeout(PATIENCE)
        yield server


def accepted(server: socket.socket) -> socket.socket:
    """The next connection to a node."""
    connection, _ = server.accept()
    connection.settimeout(PATIENCE)
    return connection


@contextmanager
def session(entry: Address, server: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends, client and node, of a session through which one byte went each way, so that its fate is its
    own from here on.
    """
    with socket.create_connection(entry, timeout=PATIENCE) as client, accepted(server) as node:
        exchange(client, node)
        yield client, node


@contextmanager
def joined(**settings: Any) -> Iterator[Joined]:
    """Such a session with a balancer of its own."""
    with (
        listening() as server,
        Balancer(wish({"n": server.getsockname()[:2]}, **settings)) as balancer,
        session(balancer.address("in"), server) as (client, node),
    ):
        yield Joined(balancer, client, node)


def exchange(client: socket.socket, node: socket.socket) -> None:
    """One byte each way."""
    client.sendall(b"?")
    assert node.recv(1) == b"?"
    node.sendall(b"!")
    assert client.recv(1) == b"!"


def read_exactly(connection: socket.socket, count: int) -> bytes:
    """So many bytes, or those before an end that comes earlier."""
    read = bytearray()
    while len(read) < count and (more := connection.recv(count - len(read))):
        read += more
    return bytes(read)


def read_to_end(connection: socket.socket) -> bytes:
    """All bytes until the clean end."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def reset(connection: socket.socket) -> None:
    """End with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def urgent_byte(connection: socket.socket) -> bytes:
    """The urgent byte, once there is one."""
    _, _, exceptional = select.select([], [], [connection], PATIENCE)
    assert exceptional, "no urgent data came"
    # With a timeout Python would first wait for data in band, which there need not be.
    connection.settimeout(0)
    try:
        return connection.recv(1, socket.MSG_OOB)
    finally:
        connection.settimeout(PATIENCE)
