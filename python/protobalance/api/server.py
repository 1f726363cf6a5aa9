"""The admin interface as a server on the admin socket. It lives in the caller's event loop and leaves the
process alone: no signal handlers, no log of requests, no timer that wakes an idle process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from protobalance.api import rest
from protobalance.api.admin_socket import claimed
from protobalance.api.connection import Connection
from protobalance.api.door import Door
from protobalance.api.exchange import Application
from protobalance.keeper import ALONE, Backing

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor

AT_ONCE = 16  # operations, each in a thread of its own: most wait for the engine, for a disk or for a name
CONNECTIONS = 64  # at a time: each has a descriptor, and those are the sessions'
LAST_ANSWERS = 5  # seconds that requests under way may still take at the end


@contextlib.asynccontextmanager
async def serve(supervisor: Supervisor, socket_path: Path, backing: Backing = ALONE) -> AsyncIterator[None]:
    """Answers on `socket_path` while the context is open. Raises `Refused` if the path cannot be had."""
    with claimed(socket_path, backing) as listening:
        threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="admin")
        clients = _Clients(rest.application(supervisor, threads))
        door = Door(listening, clients.serve)
        try:
            yield
        finally:
            await door.close()
            await clients.end()
            threads.shutdown(wait=False, cancel_futures=True)


class _Clients:
    """Those who are connected."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._served: dict[asyncio.Task[None], Connection] = {}
        self._has_ended = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until it leaves."""
        if self._has_ended or (len(self._served) >= CONNECTIONS and not self._make_room()):
            writer.transport.abort()
            return
        connection = Connection(reader, writer, self._application)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it is a coroutine
        self._served[task] = connection
        try:
            # Who is cancelled is let go on purpose: Python 3.11 would log it as a fault.
            with contextlib.suppress(asyncio.CancelledError):
                await connection.serve()
        finally:
            self._served.pop(task, None)

    def _make_room(self) -> bool:
        """Whoever has kept us waiting longest goes. False if all wait for us."""
        waited_for = [
            (connection.waits_since, task)
            for task, connection in self._served.items()
            if connection.waits_since is not None
        ]
        if not waited_for:
            return False
        _, task = min(waited_for, key=lambda waited: waited[0])
        self._served.pop(task).let_go()
        task.cancel()
        return True

    async def end(self) -> None:
        """Who waits for an answer gets it, if it comes in time; who does not, leaves, and so does
        who was accepted and comes only now: the next balancer may answer.
        """
        self._has_ended = True
        for task, connection in self._served.items():
            connection.end()
            if not connection.answering:
                task.cancel()
        if self._served:
            _, late = await asyncio.wait(list(self._served), timeout=LAST_ANSWERS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
