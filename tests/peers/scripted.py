"""Ends of connections that play random scripts and write down what they saw.

What an end sends is its number, then bytes that follow from the number: whoever receives some can tell from
whom they are and whether one is wrong, missing or doubled.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from peers.joined import PATIENCE, reset

NUMBER = struct.Struct("!I")
BLOCK = random.Random(1).randbytes(1 << 20)
ROUND = BLOCK + BLOCK
STALLED = 1.0  # seconds without progress after which a script goes on to its next act

numbers = count(1)


def bytes_of(number: int, start: int, end: int) -> bytes:
    """What the end of this number sends from byte `start` to byte `end`."""
    head = NUMBER.pack(number)[start:end]
    at = (number * 7919 + start + len(head)) % len(BLOCK)
    return head + ROUND[at : at + max(0, end - start - len(head))]


@dataclass
class End:
    """One end of a connection, and what became of it."""

    connection: socket.socket = field(repr=False)
    number: int = field(default_factory=lambda: next(numbers))
    sent: int = 0
    received: int = 0
    peer: int | None = None  # whose bytes came
    heard: str = ""  # `end` or `reset`, if it heard of either
    left: str = ""  # `end` after hearing the other out, else `half`, `close` or `reset`
    wrong: str = ""
    script: list[str] = field(default_factory=list)
    knows_resets: bool = True  # a Unix-domain socket does not
    _head: bytes = field(default=b"", repr=False)

    def play(self, choice: random.Random) -> None:
        """Any acts in any order, then one of the ways to leave."""
        self.connection.settimeout(0)
        _inline(self.connection)  # a Unix-domain socket inherits nothing
        self.knows_resets = self.connection.family != socket.AF_UNIX
        if self.knows_resets:
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        acts = (self.send, self.send, self.dribble, self.urgent, self.read, self.pause)
        leave = choice.choice(
            (self.hear_out, self.hear_out, self.hear_out, self.close, self.reset, self.half)
        )
        try:
            for act in choice.choices(acts, k=choice.choice((0, 0, 1, 2, 4))):
                self.script.append(act.__name__)
                act(choice)
            self.script.append(leave.__name__)
            leave()
        except OSError as error:
            self.script.append(str(error))
            self.heard = "reset"
        self.connection.close()

    def send(self, choice: random.Random) -> None:
        self._send(int(2 ** choice.uniform(0, 19)), hear=choice.random() < 0.7)

    def dribble(self, choice: random.Random) -> None:
        for _ in range(choice.randint(2, 40)):
            self._send(1, hear=False)

    def urgent(self, _: random.Random) -> None:
        self.sent += self.connection.send(bytes_of(self.number, self.sent, self.sent + 1), socket.MSG_OOB)

    def read(self, choice: random.Random) -> None:
        """A few bytes at a time, as a slow reader does."""
        for _ in range(choice.randint(1, 5)):
            if self._ready(choice.uniform(0, 0.01)):
                self._receive(int(2 ** choice.uniform(0, 14)))

    def pause(self, choice: random.Random) -> None:
        select.select([], [], [], choice.uniform(0, 0.02))

    def hear_out(self) -> None:
        """End, and read until the other side has ended too."""
        self.left = "end"
        self.connection.shutdown(socket.SHUT_WR)
        while not self.heard:
            if not self._ready(PATIENCE):
                self.wrong = self.wrong or f"heard nothing for {PATIENCE} s"
                return
            self._receive(1 << 16)

    def close(self) -> None:
        """Both directions at once: a reset if something unread is there."""
        self.left = "close"

    def half(self) -> None:
        """End, then leave without having read everything."""
        self.left = "half"
        self.connection.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.left = "reset"
        reset(self.connection)

    def _send(self, amount: int, *, hear: bool) -> None:
        until = self.sent + amount
        while self.sent < until:
            readers = [self.connection] if hear and not self.heard else []
            readable, writable, _ = select.select(readers, [self.connection], [], STALLED)
            if readable:
                self._receive(1 << 16)
            if writable:
                self.sent += self.connection.send(bytes_of(self.number, self.sent, until))
            if not readable and not writable:
                return

    def _ready(self, limit: float) -> bool:
        return bool(select.select([self.connection], [], [], limit)[0])

    def _receive(self, most: int) -> None:
        try:
            data = self.connection.recv(most)
        except BlockingIOError:
            return
        if not data:
            self.heard = "end"
        self._check(data)

    def _check(self, data: bytes) -> None:
        """Bytes of one sender, from its first on."""
        start = self.received
        self.received += len(data)
        if self.peer is None:
            self._head += data
            if len(self._head) < NUMBER.size:
                return
            (self.peer,) = NUMBER.unpack(self._head[: NUMBER.size])
            data, start = self._head, 0
        if data != bytes_of(self.peer, start, start + len(data)):
            self.wrong = self.wrong or f"bytes {start} to {self.received} are not those of {self.peer}"


class Stage:
    """Where ends play; `done` waits until all have played."""

    def __init__(self) -> None:
        self.clients: list[End] = []
        self.nodes: list[End] = []
        self._threads: list[threading.Thread] = []

    def client(self, address: tuple[str, int], choice: random.Random) -> None:
        """A client that plays by `choice`; nothing if it does not get in."""
        connection = _inline(socket.socket())
        connection.settimeout(PATIENCE)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
        else:
            self._enter(self.clients, connection, choice)

    def node(self, connection: socket.socket, choice: random.Random) -> None:
        self._enter(self.nodes, connection, choice)

    def done(self) -> None:
        # Playing nodes may still be joined by others, as sessions move on.
        for thread in iter(lambda: self._threads.pop() if self._threads else None, None):
            thread.join()

    def _enter(self, ends: list[End], connection: socket.socket, choice: random.Random) -> None:
        end = End(connection)
        ends.append(end)
        thread = threading.Thread(target=end.play, args=(choice,))
        thread.start()
        self._threads.append(thread)


def _inline(sock: socket.socket) -> socket.socket:
    """Set before any byte can come, and inherited: urgent bytes are read in their place."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    return sock


@contextmanager
def node(stage: Stage, choice: random.Random, manners: str, path: Path | None = None) -> Iterator[str]:
    """A node, and its address. Its manners: `plays` a script on every connection, `slams` (accepts and
    closes), `resets` (accepts and resets), or `refuses`.
    """
    if path is None:
        server = socket.create_server(("127.0.0.1", 0), backlog=256)
    else:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.listen(256)
    _inline(server)
    address = f"unix:{path}" if path else f"127.0.0.1:{server.getsockname()[1]}"

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                if manners == "plays":
                    stage.node(connection, random.Random(choice.random()))
                elif manners == "resets":
                    reset(connection)
                else:
                    connection.close()

    thread = threading.Thread(target=serve)
    if manners == "refuses":
        server.close()
    else:
        thread.start()
    try:
        yield address
    finally:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        if manners != "refuses":
            thread.join()
