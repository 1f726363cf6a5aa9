"""`replay_unanswered` (law 3): what no node has answered is sent to the next, whole and once, and only for as
long as it is small enough to be kept.
"""

from __future__ import annotations

import random
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from peers.joined import PATIENCE, accepted, listening, read_exactly, read_to_end, reset
from peers.process import wait_until
from peers.wish import wish
from protobalance import Balancer

KEPT = 64 * 1024  # the engine's limit


@contextmanager
def three_nodes() -> Iterator[tuple[Balancer, list[socket.socket]]]:
    """A balancer in front of three nodes that a test plays itself."""
    with ExitStack() as stack:
        servers = [stack.enter_context(listening()) for _ in range(3)]
        nodes = {f"n{place}": server.getsockname()[:2] for place, server in enumerate(servers)}
        config = wish(nodes, replay_unanswered=True, early_close_window="1h")
        yield stack.enter_context(Balancer(config)), servers


def _asked(servers: list[socket.socket]) -> socket.socket:
    """The connection to whichever node is asked next."""
    asked, _, _ = select.select(servers, [], [], PATIENCE)
    assert asked, "no node was asked"
    return accepted(asked[0])


@pytest.mark.parametrize("ending", ["end", "reset"])
def test_a_question_reaches_the_third_node_whole_when_two_did_not_answer(ending: str) -> None:
    """And what the client adds meanwhile follows it."""
    question = random.Random(10).randbytes(KEPT // 2)
    with three_nodes() as (balancer, servers):
        with socket.create_connection(balancer.address("in"), timeout=PATIENCE) as client:
            said = b""
            for _ in range(2):
                client.sendall(question[:1000])
                said += question[:1000]
                node = _asked(servers)
                assert read_exactly(node, len(said)) == said
                reset(node) if ending == "reset" else node.close()
            client.sendall(question)
            with _asked(servers) as node:
                assert read_exactly(node, len(said) + len(question)) == said + question
                node.sendall(b"answer")
                assert read_exactly(client, 6) == b"answer"
                client.shutdown(socket.SHUT_WR)
                assert node.recv(1) == b""
        wait_until(lambda: balancer.status().active == 0, "the session has ended")
        nodes = balancer.status().clusters[0].nodes
        assert sorted(node.failed for node in nodes) == [0, 1, 1]
        assert [node.bytes_to_node for node in nodes if not node.failed] == [2000 + len(question)]


def test_an_answered_question_is_not_asked_again() -> None:
    """After the node's first byte the session's fate is the node's."""
    with three_nodes() as (balancer, servers):
        with socket.create_connection(balancer.address("in"), timeout=PATIENCE) as client:
            client.sendall(b"question")
            with _asked(servers) as node:
                assert read_exactly(node, 8) == b"question"
                node.sendall(b"half an ans")
            assert read_to_end(client) == b"half an ans"
        _nobody_else_was_asked(balancer, servers)


def test_a_question_too_long_to_be_kept_is_not_asked_again() -> None:
    """What cannot be sent whole is not sent at all: the client learns that it was not answered."""
    with three_nodes() as (balancer, servers):
        with socket.create_connection(balancer.address("in"), timeout=PATIENCE) as client:
            client.sendall(bytes(KEPT + 1))
            with _asked(servers) as node:
                assert len(read_exactly(node, KEPT + 1)) == KEPT + 1
            assert read_to_end(client) == b""
        _nobody_else_was_asked(balancer, servers)


def _nobody_else_was_asked(balancer: Balancer, servers: list[socket.socket]) -> None:
    wait_until(lambda: balancer.status().active == 0, "the session has ended")
    assert select.select(servers, [], [], 0)[0] == []
    assert sum(node.opened for node in balancer.status().clusters[0].nodes) == 1
