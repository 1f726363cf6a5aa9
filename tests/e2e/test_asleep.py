"""What happened while the balancer's process did not run is dealt with as if it had watched.

The process is stopped and continued, so that several things are there at once when it looks.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM

import pytest

from peers import pbload
from peers.command import Command, running
from peers.joined import PATIENCE, accepted, listening, read_exactly, read_to_end, reset, session
from peers.process import wait_until
from peers.wish import wish


@contextmanager
def asleep(command: Command) -> Iterator[None]:
    """Stop the process until the `with` ends."""
    command.signal(SIGSTOP)
    try:
        wait_until(lambda: _stopped(command), "all its threads have stopped")
        yield
    finally:
        command.signal(SIGCONT)


def _stopped(command: Command) -> bool:
    processes = [Path(f"/proc/{pid}/task") for pid in command.processes()]
    stats = [task.joinpath("stat").read_text() for tasks in processes for task in tasks.iterdir()]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


def _wait_until_connected(command: Command) -> None:
    """Until the balancer knows that its first node has accepted."""
    wait_until(lambda: command.status().clusters[0].nodes[0].connect_ms > 0, "the node is connected")


def test_who_waits_at_a_listener_that_closes_is_served(tmp_path: Path) -> None:
    """Nothing is lost in a change: a connection that the kernel has accepted is a promise."""
    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        config = wish(nodes)
        config["engine"] = {"workers": 1}
        command = stack.enter_context(running(config, tmp_path))
        address = command.address()
        with asleep(command):
            clients = [
                stack.enter_context(socket.create_connection(address, timeout=PATIENCE)) for _ in range(500)
            ]
            command.signal(SIGTERM)
        assert {client.recv(2) for client in clients} == {b"n\n"}


def test_a_nodes_last_words_arrive_though_it_reset_before_it_was_asked_more(tmp_path: Path) -> None:
    """Law 7: that the node takes nothing any more is found out first, and what it had said is not lost."""
    with (
        listening() as server,
        running(wish({"n": server.getsockname()[:2]}), tmp_path) as command,
        session(command.address(), server) as (client, node),
    ):
        with asleep(command):
            client.sendall(b"more")
            node.sendall(b"last words")
            reset(node)
        assert read_exactly(client, 10) == b"last words"


def test_a_node_that_has_ended_by_the_time_it_is_connected_is_asked_nothing(tmp_path: Path) -> None:
    """Law 3: the question waits, and goes to the next node unseen."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as slow,
        listening() as good,
        ExitStack() as stack,
    ):
        # The kernel asks again after 1, 3, 7, 15 s.
        slow.settimeout(3 * PATIENCE)
        config = wish({"slow": slow.getsockname(), "good": good.getsockname()}, connect_timeout="1h")
        config["clusters"]["c"] |= {"failover_timeout": "1h"}
        command = stack.enter_context(running(config, tmp_path))
        # It takes one connection, and no more until somebody has accepted that.
        stack.enter_context(socket.create_connection(slow.getsockname(), timeout=PATIENCE))
        client = stack.enter_context(socket.create_connection(command.address(), timeout=PATIENCE))
        client.sendall(b"question")
        wait_until(lambda: command.status().clusters[0].nodes[0].active == 1, "it is on its way there")
        with asleep(command):
            accepted(slow).close()
            accepted(slow).close()
        with accepted(good) as node:
            assert read_exactly(node, 8) == b"question"


def test_a_nodes_reset_is_not_taken_for_that_of_the_next(tmp_path: Path) -> None:
    """Law 7, never a reset where there was a clean end: news of a connection that was given up is old."""
    with listening() as first, listening() as second, ExitStack() as stack:
        nodes = {"first": first.getsockname(), "second": second.getsockname()}
        command = stack.enter_context(running(wish(nodes), tmp_path))
        client = stack.enter_context(socket.create_connection(command.address(), timeout=PATIENCE))
        given_up = accepted(first)
        _wait_until_connected(command)
        with asleep(command):
            client.sendall(b"question")
            reset(given_up)
        with accepted(second) as node:
            assert read_exactly(node, 8) == b"question"
            node.sendall(b"answer")
        assert read_to_end(client) == b"answer"


def test_a_sessions_reset_is_not_taken_for_that_of_the_next(tmp_path: Path) -> None:
    """The same for a session that came where another had been."""
    with listening() as server, ExitStack() as stack:
        config = wish({"n": server.getsockname()})
        config["engine"] = {"workers": 1}
        command = stack.enter_context(running(config, tmp_path))
        address = command.address()
        gone = socket.create_connection(address, timeout=PATIENCE)
        gone_too = accepted(server)
        _wait_until_connected(command)
        with asleep(command):
            reset(gone)
            client = stack.enter_context(socket.create_connection(address, timeout=PATIENCE))
            reset(gone_too)
        with accepted(server) as node:
            node.sendall(b"answer")
        assert read_to_end(client) == b"answer"


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["end", "reset"])
def test_a_client_that_has_left_brings_no_node_into_disrepute(
    tmp_path: Path, leave: Callable[[socket.socket], None]
) -> None:
    """Law 3, first guard: whose end is heard first does not matter, if the client has left by then."""
    with listening() as server, running(wish({"n": server.getsockname()}), tmp_path) as command:
        client = socket.create_connection(command.address(), timeout=PATIENCE)
        node = accepted(server)
        _wait_until_connected(command)
        with asleep(command):
            node.close()
            leave(client)
        wait_until(lambda: command.status().active == 0, "the session has ended")
        (told,) = command.status().clusters[0].nodes
        assert (told.health, told.failed) == ("up", 0)
