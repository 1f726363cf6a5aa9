"""The way in at the admin socket. Where no descriptor is free for who comes, they wait in the kernel's
queue, and it is looked again a little later. Nothing is said of it: the engine tells of a shortage.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PAUSE = 1.0  # seconds: people and scripts ask, and each may ask again


class Door:
    """Has `serve` serve everybody who connects to `listening`, until it is closed."""

    # Not `asyncio.start_server`: it tells of a shortage with as many tracebacks a second as its backlog is
    # long, and tries to go on after its end.

    def __init__(self, listening: socket.socket, serve: Serve) -> None:
        self._listening = listening
        self._serve = serve
        self._loop = asyncio.get_running_loop()
        self._entering: set[asyncio.Task[None]] = set()
        self._again: asyncio.TimerHandle | None = None
        listening.setblocking(False)  # noqa: FBT003 - its signature
        self._open()

    def _open(self) -> None:
        self._again = None
        self._loop.add_reader(self._listening, self._take_in)

    def _take_in(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:
            self._pause()
            return
        entering = self._loop.create_task(self._enter(connection))
        self._entering.add(entering)
        entering.add_done_callback(self._entering.discard)

    def _pause(self) -> None:
        self._loop.remove_reader(self._listening)
        self._again = self._loop.call_later(PAUSE, self._open)

    async def _enter(self, connection: socket.socket) -> None:
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)
        await self._loop.connect_accepted_socket(lambda: protocol, connection)

    async def close(self) -> None:
        """Nobody else comes in; whoever was accepted is being served."""
        self._loop.remove_reader(self._listening)
        if self._again:
            self._again.cancel()
        self._listening.close()
        if self._entering:
            await asyncio.wait(self._entering)
