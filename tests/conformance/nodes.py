"""Nodes that play by themselves, each with manners of its own."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from peers.joined import reset
from peers.process import Address


class Speaker:
    """A node for many clients, in one thread. Its manners:

    - `greets`: says its name and a line's end at once; then as `answers`
    - `answers`: says its name and a line's end to each line
    - `closes`, `resets`: does so as soon as it has accepted
    - `hears-and-closes`, `hears-and-resets`: does so as soon as it has been spoken to
    - `silent`: accepts, reads and says nothing
    """

    def __init__(self, name: str, manners: str, listening: socket.socket) -> None:
        self.name = name
        self.manners = manners
        self._server = listening
        self._server.settimeout(0)
        self.address: Address = listening.getsockname()
        self.heard: list[bytes] = []
        """What came, whatever connection it came by."""
        self.accepted = 0
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(self._server, selectors.EVENT_READ)
        self._asleep, self._wake = socket.socketpair()
        self._waiting.register(self._asleep, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def line(self) -> bytes:
        """What it says."""
        return self.name.encode() + b"\n"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            for key, _ in self._waiting.select():
                if key.fileobj is self._asleep:
                    self._end()
                    return
                if key.fileobj is self._server:
                    with suppress(OSError):
                        self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj)

    def _end(self) -> None:
        for key in list(self._waiting.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._waiting.close()

    def _accept(self) -> None:
        connection, _ = self._server.accept()
        self.accepted += 1
        if self.manners in ("closes", "resets"):
            self._leaves(connection)
            return
        connection.settimeout(0)
        self._waiting.register(connection, selectors.EVENT_READ)
        if self.manners == "greets":
            self._say(connection, self.line)

    def _hear(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.heard.append(data)
        if not data or self.manners.startswith("hears-and"):
            self._waiting.unregister(connection)
            self._leaves(connection)
        elif self.manners in ("greets", "answers"):
            self._say(connection, self.line * data.count(b"\n"))

    def _say(self, connection: socket.socket, words: bytes) -> None:
        with suppress(OSError):  # a client that has left is heard of by reading
            connection.sendall(words)

    def _leaves(self, connection: socket.socket) -> None:
        if self.manners.endswith("resets"):
            reset(connection)
        else:
            connection.close()


class BlackHole:
    """Where connects are not answered: a listener whose queue is full, so that its kernel drops them."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.address: Address = self._server.getsockname()
        self._fillers: list[socket.socket] = []

    def __enter__(self) -> Self:
        # One fits; the second shows that no more do.
        for _ in range(8):
            filler = socket.socket()
            filler.settimeout(0.1)
            self._fillers.append(filler)
            try:
                filler.connect(self.address)
            except TimeoutError:
                filler.close()
                return self
        raise RuntimeError("the kernel's queue does not fill")

    def open_up(self) -> socket.socket:
        """Let connects through from now on: the node, listening."""
        self._server.listen(128)
        for filler in self._fillers:
            filler.close()
        self._server.settimeout(0.1)
        with suppress(TimeoutError):
            while True:
                self._server.accept()[0].close()
        self._server.settimeout(5.0)
        return self._server

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for filler in self._fillers:
            filler.close()
        self._server.close()
