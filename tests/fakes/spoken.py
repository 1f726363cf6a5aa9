"""A conversation with the admin interface in memory: what a client says in pieces, and all that it hears."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

from protobalance.api.connection import Connection
from protobalance.api.exchange import Application


class _Client:
    """Both streams of it, and their transport."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self.heard = bytearray()
        self.transport = self

    async def read(self, _most: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def write(self, data: bytes) -> None:
        self.heard += data

    async def drain(self) -> None:
        pass

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def write_eof(self) -> None:
        pass

    def close(self) -> None:
        pass


async def answers(application: Application, pieces: Iterable[bytes]) -> bytes:
    """All that a client hears who says these pieces and then no more."""
    client = _Client(pieces)
    reader, writer = cast(asyncio.StreamReader, client), cast(asyncio.StreamWriter, client)
    await Connection(reader, writer, application).serve()
    return bytes(client.heard)
