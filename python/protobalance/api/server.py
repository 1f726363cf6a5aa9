"""The admin interface as a server on the admin socket. It lives in the caller's event loop and leaves the
process alone: no signal handlers, no log of requests, no timer that wakes an idle process.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from protobalance.api import rest
from protobalance.api.admin_socket import claimed
from protobalance.keeper import ALONE, Backing

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor

LAST_ANSWERS = 5  # seconds that requests under way may still take at the end


class _GuestServer(uvicorn.Server):
    """uvicorn as a guest in somebody else's process: it is told to stop instead of watching for signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.stop.wait()


@contextlib.asynccontextmanager
async def serve(supervisor: Supervisor, socket_path: Path, backing: Backing = ALONE) -> AsyncIterator[None]:
    """Answers on `socket_path` while the context is open. Raises `Refused` if the path cannot be had."""
    with claimed(socket_path, backing) as listening:
        server = _GuestServer(
            uvicorn.Config(
                rest.application(supervisor),
                access_log=False,
                log_config=None,
                lifespan="off",
                http="h11",
                ws="none",
                server_header=False,
                date_header=False,  # uvicorn refreshes it in the loop that we replace
                timeout_graceful_shutdown=LAST_ANSWERS,
            )
        )
        running = asyncio.create_task(server.serve(sockets=[listening]), name="admin socket")
        ready = asyncio.create_task(server.ready.wait(), name="admin socket ready")
        try:
            await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            yield
        finally:
            ready.cancel()
            server.stop.set()
            await running
