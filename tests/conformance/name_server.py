"""A name server that knows one name, or fails, as a scenario wishes."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

HEADER = struct.Struct("!HHHHHH")
ANSWER = struct.Struct("!HHHIH4s")
IS_ANSWER, FAILED = 0x8180, 0x8182  # flags: a recursive answer; SERVFAIL (RFC 1035, 4.1.1)
A, IN, POINTER_TO_QUESTION = 1, 1, 0xC00C
QUESTION_TYPE = slice(-4, -2)


class NameServer:
    """Answers every question for an IPv4 address with `answer`, valid for a second; `None` is a failure."""

    def __init__(self, listening: socket.socket, answer: str | None) -> None:
        self.answer = answer
        self._socket = listening
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while packet := self._socket.recvfrom(512):
                question, asker = packet
                if not question:
                    return
                self._socket.sendto(self._reply(question), asker)

    def _reply(self, packet: bytes) -> bytes:
        number, _, _, _, _, _ = HEADER.unpack_from(packet)
        end = packet.index(b"\0", HEADER.size) + 5
        question = packet[HEADER.size : end]
        if self.answer is None:
            return HEADER.pack(number, FAILED, 1, 0, 0, 0) + question
        if question[QUESTION_TYPE] != A.to_bytes(2):
            return HEADER.pack(number, IS_ANSWER, 1, 0, 0, 0) + question
        record = ANSWER.pack(POINTER_TO_QUESTION, A, IN, 1, 4, socket.inet_aton(self.answer))
        return HEADER.pack(number, IS_ANSWER, 1, 1, 0, 0) + question + record
