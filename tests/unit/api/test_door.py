"""Who comes in at the admin socket while there are no descriptors."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fakes.admin import PATIENCE
from fakes.supervisor import FakeSupervisor
from peers.shortage import no_descriptors_left
from protobalance.api import door, server
from protobalance.api.door import Door


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "PAUSE", 0)


@asynccontextmanager
async def kept_waiting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[socket.socket]:
    """A client for whom there was no descriptor."""
    noticed, pause, path = asyncio.Event(), Door._pause, folder / "admin.sock"

    def noted(self: Door) -> None:
        pause(self)
        noticed.set()

    monkeypatch.setattr(Door, "_pause", noted)
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)  # noqa: FBT003 - its signature
        async with asyncio.timeout(PATIENCE), server.serve(FakeSupervisor().as_supervisor(), path):
            with no_descriptors_left(os.getpid()):
                client.connect(str(path))
                await noticed.wait()
            yield client


def test_who_comes_then_waits_and_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def answered() -> None:
        async with kept_waiting(tmp_path, monkeypatch) as client:
            client.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await asyncio.get_running_loop().sock_recv(client, 12) == b"HTTP/1.1 200"

    asyncio.run(answered())
    assert caplog.messages == []


def test_after_the_end_nobody_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The event loop may go on: sessions may take hours to end."""

    async def end_amid() -> None:
        async with kept_waiting(tmp_path, monkeypatch):
            pass
        for _ in range(8):
            await asyncio.sleep(0)

    asyncio.run(end_amid())
    assert caplog.messages == []
