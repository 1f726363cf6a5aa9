"""Where no pipes can be had, bulk is copied and nothing is lost; where there are again, they are used."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from peers.command import Command, running
from peers.joined import PATIENCE, accepted, exchange, listening
from peers.process import wait_until
from peers.shortage import no_descriptors_left
from peers.wish import wish

BLOCK = bytes(range(251)) * 4000
TIMES = 24
MOST = 16  # pipes of one worker


class Bulk:
    """A session of a balancer in a process of its own, with bulk for its client."""

    def __init__(self, command: Command, server: socket.socket) -> None:
        self.client = socket.create_connection(command.address(), PATIENCE)
        self.node = accepted(server)
        exchange(self.client, self.node)
        self.node.settimeout(0)
        self.given = self.taken = 0

    def give(self) -> int:
        """As much as is taken at once, of the same bytes again and again."""
        given = 0
        with suppress(BlockingIOError):
            while True:
                given += self.node.send(BLOCK[(self.given + given) % len(BLOCK) :])
        self.given += given
        return given

    def pass_on(self, count: int) -> None:
        """So many bytes more, checked."""
        end = self.taken + count
        while self.taken < end:
            self.give()
            self.take()

    def take(self) -> None:
        piece = self.client.recv(1 << 20)
        place = self.taken % len(BLOCK)
        assert (3 * BLOCK)[place : place + len(piece)] == piece
        self.taken += len(piece)

    def close(self) -> None:
        self.client.close()
        self.node.close()


@contextmanager
def served(folder: Path, under: Sequence[str] = ()) -> Iterator[tuple[Command, socket.socket]]:
    with listening() as server:
        config = wish({"n": server.getsockname()[:2]}) | {"engine": {"workers": 1}}
        with running(config, folder, under=under) as command:
            yield command, server


def pipes(pid: int) -> int:
    """How many pipes a process has both ends of."""
    ends = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            ends.append(descriptor.readlink().name)
    return sum(ends.count(name) == 2 for name in set(ends) if name.startswith("pipe:"))


def test_bulk_goes_on_without_descriptors_and_takes_to_pipes_when_there_are_some(tmp_path: Path) -> None:
    """EMFILE for the first pipe."""
    with served(tmp_path) as (command, server):
        bulk, balancer = Bulk(command, server), command.balancer()
        before = pipes(balancer)
        with no_descriptors_left(balancer):
            bulk.pass_on(TIMES * len(BLOCK))
            assert pipes(balancer) == before

        def takes_to_pipes() -> bool:
            bulk.pass_on(len(BLOCK))
            return pipes(balancer) > before

        wait_until(takes_to_pipes, "pipes are used")
        bulk.close()


def test_readers_that_stall_keep_no_more_pipes_than_there_are(tmp_path: Path) -> None:
    """And whoever comes later is served all the same."""
    with served(tmp_path) as (command, server), ExitStack() as stack:
        balancer = command.balancer()
        before = pipes(balancer)
        stalled = []
        for _ in range(MOST + 4):
            bulk = Bulk(command, server)
            stack.callback(bulk.close)
            bulk.pass_on(4 * len(BLOCK))
            bulk.give()
            stalled.append(bulk)
        wait_until(lambda: not any(bulk.give() for bulk in stalled), "all of them stall")
        assert 0 < pipes(balancer) - before <= MOST
        later = Bulk(command, server)
        later.pass_on(TIMES * len(BLOCK))
        later.close()
        for bulk in stalled:
            while bulk.taken < bulk.given:
                bulk.take()


def test_where_descriptors_are_few_sessions_have_all_of_them(tmp_path: Path) -> None:
    with served(tmp_path, ["prlimit", "--nofile=400"]) as (command, server):
        balancer = command.balancer()
        before = pipes(balancer)
        bulk = Bulk(command, server)
        bulk.pass_on(TIMES * len(BLOCK))
        assert pipes(balancer) == before
        bulk.close()
