"""T3 as it is publicly described, for want of a server that is free: a stand-in, not WebLogic.

A client opens with lines (`t3 12.2.1`, then `AS` the size of its abbreviation table, `HL` the length of a
message's header, `MS` the most that a message may have), the server answers `HELO:` and its own, and both
end them with an empty line. From then on both send messages: 4 bytes of length (itself included, big-
endian), command, quality of service, flags, and 4 bytes each of response id, object id and offset of the
abbreviations; then what they are about, which is serialized Java in truth and any bytes here. Answers come
in any order; the response id tells which is which.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

from peers.joined import PATIENCE, read_exactly, reset
from peers.process import Address

LIMITS = b"AS:255\nHL:19\nMS:10000000\n\n"
HEADER = struct.Struct("!IBBBIII")
IDENTIFY_REQUEST, IDENTIFY_RESPONSE, REQUEST, RESPONSE = 1, 2, 4, 5
NO_ONE = 0xFFFFFFFF
QUALITY = 101


def _message(command: int, number: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), command, QUALITY, 0, number, NO_ONE, HEADER.size) + body


def _received(connection: socket.socket) -> tuple[int, int, bytes]:
    """Command, response id and body of the next message; an error where the session ends before it."""
    head = read_exactly(connection, HEADER.size)
    if len(head) < HEADER.size:
        raise EOFError
    length, command, _, _, number, _, _ = HEADER.unpack(head)
    body = read_exactly(connection, length - HEADER.size)
    if len(body) < length - HEADER.size:
        raise EOFError
    return command, number, body


def _lines(connection: socket.socket) -> bytes:
    """The opening lines, byte by byte, since a message may follow at once."""
    read = b""
    while not read.endswith(b"\n\n"):
        if not (byte := connection.recv(1)):
            raise EOFError
        read += byte
    return read


@dataclass
class T3Server:
    """A node that answers each request with the request's body. One that ends in `+` is kept until the next
    one is answered.
    """

    name: str
    listening: socket.socket
    _sessions: list[socket.socket] = field(default_factory=list)

    @property
    def address(self) -> Address:
        host, port = self.listening.getsockname()[:2]
        return host, port

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sessions.append(connection)
                threading.Thread(target=self._session, args=(connection,), daemon=True).start()

    def die(self) -> None:
        """As a machine does whose power comes back: nobody listens, and sessions are unknown."""
        with suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        while self._sessions:
            connection = self._sessions.pop()
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)  # says nothing to the peer, but to the thread that reads
            reset(connection)

    def _session(self, connection: socket.socket) -> None:
        with suppress(OSError, EOFError):
            if not _lines(connection).startswith(b"t3 "):
                reset(connection)
                return
            connection.sendall(b"HELO:12.2.1.false\n" + LIMITS)
            _, number, _ = _received(connection)
            connection.sendall(_message(IDENTIFY_RESPONSE, number, self.name.encode()))
            while True:
                requests = [_received(connection)]
                if requests[0][2].endswith(b"+"):
                    requests.insert(0, _received(connection))
                for _, number, body in requests:
                    connection.sendall(_message(RESPONSE, number, body))


@contextmanager
def t3_server(name: str) -> Iterator[T3Server]:
    """One node."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        server = T3Server(name, listening)
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server
        finally:
            server.die()
            thread.join()


class T3Client:
    """One session, over which any number of requests are under way at a time, from this number's address."""

    def __init__(self, address: Address, number: int = 1) -> None:
        self._connection = socket.create_connection(address, PATIENCE, (f"127.0.3.{number}", 0))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.sendall(b"t3 12.2.1\n" + LIMITS)
        self.hello = _lines(self._connection)
        self._connection.sendall(_message(IDENTIFY_REQUEST, NO_ONE, b""))
        _, _, name = _received(self._connection)
        self.node = name.decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, number: int, body: bytes) -> None:
        self._connection.sendall(_message(REQUEST, number, body))

    def answer(self) -> tuple[int, bytes]:
        """The next answer to come: to which request, and what."""
        command, number, body = _received(self._connection)
        assert command == RESPONSE
        return number, body

    def ask(self, body: bytes) -> bytes:
        """One request, alone."""
        self.send(1, body)
        return self.answer()[1]
