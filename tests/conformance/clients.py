"""Crowds of clients that want one answer each, spoken to first or speaking first."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from conformance.ends import PATIENCE
from peers.process import Address

MOMENT = 0.3  # seconds; long enough for any connect on this machine to have succeeded or failed


class Speaks(Enum):
    """Who speaks first, and when."""

    NODE_FIRST = "node-first"
    CLIENT_LATER = "client-later"
    CLIENT_FIRST = "client-first"


@dataclass
class Client:
    """One of a crowd, and what became of it."""

    number: int
    socket: socket.socket = field(repr=False)
    answer: bytes = b""
    ended: str = ""
    """`end` or the error's words, if the connection ended before the answer came."""

    @property
    def served(self) -> bool:
        return self.answer.endswith(b"\n")

    @property
    def request(self) -> bytes:
        return b"%06d\n" % self.number


def crowd(
    address: Address,
    count: int,
    speaks: Speaks,
    limit: float = PATIENCE,
    new: Callable[[], socket.socket] = socket.socket,
) -> list[Client]:
    """So many clients at once; back when all have an answer or an end, or the time is over."""
    clients = [Client(number, new()) for number in range(count)]
    with selectors.DefaultSelector() as waiting:
        for client in clients:
            client.socket.settimeout(0)
            client.socket.connect_ex(address)
            waiting.register(client.socket, selectors.EVENT_WRITE, client)
        if speaks is Speaks.CLIENT_LATER:
            time.sleep(MOMENT)
        give_up = time.monotonic() + limit
        while waiting.get_map() and (left := give_up - time.monotonic()) > 0:
            for key, _ in waiting.select(left):
                if _step(key.data, speaks, waiting, connected=key.events == selectors.EVENT_READ):
                    waiting.unregister(key.fileobj)
    for client in clients:
        client.socket.close()
    return clients


def _step(client: Client, speaks: Speaks, waiting: selectors.BaseSelector, *, connected: bool) -> bool:
    """What an event calls for; true if the client has what it wants, or never will."""
    try:
        if not connected:
            if error := client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                client.ended = os.strerror(error)
                return True
            if speaks is not Speaks.NODE_FIRST:
                client.socket.sendall(client.request)
            waiting.modify(client.socket, selectors.EVENT_READ, client)
            return False
        more = client.socket.recv(100)
    except BlockingIOError:
        return False
    except OSError as error:
        client.ended = error.strerror or str(error)
        return True
    client.answer += more
    client.ended = "" if more else "end"
    return client.served or not more


def unserved(clients: list[Client]) -> str:
    """What became of those without an answer, for a verdict's reason."""
    lost = [client.ended or "no answer" for client in clients if not client.served]
    words = ", ".join(f"{lost.count(word)} {word}" for word in sorted(set(lost)))
    return f"{len(lost)} of {len(clients)} clients were not served ({words.lower()})" if lost else ""
