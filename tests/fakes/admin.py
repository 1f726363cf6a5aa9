"""The real admin server on a Unix socket of its own, with a supervisor that answers from memory."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from fakes.supervisor import FakeSupervisor
from protobalance.api.server import serve

PATIENCE = 30.0  # seconds; only a test that fails waits so long


class Answer(NamedTuple):
    """Status and body."""

    status: int
    body: bytes

    @property
    def json(self) -> object:
        """The body, decoded."""
        decoded: object = msgspec.json.decode(self.body)
        return decoded


class Rig(NamedTuple):
    """A server and what stands behind it."""

    path: Path
    supervisor: FakeSupervisor

    def request(
        self, method: str, target: str, body: bytes | None = None, content_type: str = "application/json"
    ) -> Answer:
        """One request on a connection of its own."""
        with contextlib.closing(http.client.HTTPConnection("localhost", timeout=PATIENCE)) as connection:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(self.path))
            connection.request(method, target, body, {} if body is None else {"Content-Type": content_type})
            response = connection.getresponse()
            return Answer(response.status, response.read())

    def post(self, target: str, value: object) -> Answer:
        """A JSON body."""
        return self.request("POST", target, msgspec.json.encode(value))


@contextlib.contextmanager
def serving(path: Path) -> Iterator[Rig]:
    """A server at `path` in a thread of its own."""
    supervisor = FakeSupervisor()
    started, ending = threading.Event(), threading.Event()

    async def run() -> None:
        async with serve(supervisor.as_supervisor(), path):
            started.set()
            await asyncio.to_thread(ending.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="server under test")
    thread.start()
    try:
        if not started.wait(PATIENCE):
            raise TimeoutError("the server under test did not start")
        yield Rig(path, supervisor)
    finally:
        ending.set()
        thread.join(PATIENCE)
