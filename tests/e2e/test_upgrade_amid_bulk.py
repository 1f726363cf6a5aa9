"""Bytes in a pipe when another version takes over are the process's before, and arrive all the same."""

from __future__ import annotations

import hashlib
import json
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from peers.command import Command, running
from peers.joined import PATIENCE, listening, read_exactly, read_to_end, reset, session
from peers.process import wait_until
from peers.wish import wish

# More than all buffers on the way hold, of both sides.
MANY = 32_000_000
SEED = 15


@contextmanager
def amid_bulk(folder: Path) -> Iterator[tuple[Command, socket.socket, socket.socket]]:
    """A balancer, and both ends of a session of it."""
    with (
        listening() as server,
        running(wish({"n": server.getsockname()[:2]}), folder) as command,
        session(command.address(), server) as (client, node),
    ):
        yield command, client, node


class Sending:
    """Bulk on its way, and then the end."""

    def __init__(self, end: socket.socket, data: bytes) -> None:
        self.thread = threading.Thread(target=self._send, args=(end, data))
        self.thread.start()

    @staticmethod
    def _send(end: socket.socket, data: bytes) -> None:
        end.sendall(data)
        end.shutdown(socket.SHUT_WR)


def sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stalls(command: Command) -> None:
    """Nobody reads: until nothing moves any more."""
    before = -1

    def is_still() -> bool:
        nonlocal before
        (only,) = json.loads(command.ask("sessions", "--json"))["sessions"]
        last, before = before, int(only["bytes_to_node"]) + int(only["bytes_to_client"])
        return last == before

    wait_until(is_still, "nothing moves any more")


def test_bulk_both_ways_goes_on_through_an_upgrade(tmp_path: Path) -> None:
    choice = random.Random(SEED)
    data = [choice.randbytes(MANY) for _ in range(2)]
    with amid_bulk(tmp_path) as (command, *ends):
        sendings = [Sending(end, said) for end, said in zip(ends, data, strict=True)]
        heard = [read_exactly(end, MANY // 4) for end in reversed(ends)]
        stalls(command)
        command.ask("upgrade")
        assert len(command.status().predecessors) == 1
        for place, end in enumerate(reversed(ends)):
            heard[place] += read_to_end(end)
        for sending in sendings:
            sending.thread.join()
        assert [sum_of(each) for each in heard] == [sum_of(each) for each in data]
        wait_until(lambda: not command.status().predecessors, "the process before has ended")


@pytest.mark.parametrize("first", ["client", "node"])
def test_a_reset_amid_bulk_is_told_behind_what_was_said(tmp_path: Path, first: str) -> None:
    """By the process that is ending with its sessions, too: what arrives is a beginning of what was said."""
    data = random.Random(SEED).randbytes(MANY)
    with amid_bulk(tmp_path) as (command, client, node):
        leaving, staying = (client, node) if first == "client" else (node, client)
        leaving.settimeout(PATIENCE)
        sent = threading.Event()

        def send_some() -> None:
            view = memoryview(data)[: MANY // 2]
            while view:
                view = view[leaving.send(view) :]
            sent.set()

        thread = threading.Thread(target=send_some)
        thread.start()
        heard = bytearray(read_exactly(staying, MANY // 4))
        stalls(command)
        command.ask("upgrade")
        while not sent.is_set():
            heard += staying.recv(1 << 16)
        thread.join()
        reset(leaving)
        with pytest.raises(ConnectionResetError):  # noqa: PT012 - after what had arrived
            while more := staying.recv(1 << 20):
                heard += more
            raise AssertionError("a clean end")
        assert len(heard) >= MANY // 4
        assert data.startswith(bytes(heard))
        wait_until(lambda: not command.status().predecessors, "the process before has ended")
