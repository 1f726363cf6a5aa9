"""T3 behind the balancer: long sessions that carry many requests at a time. The server is a stand-in that
speaks the handshake and the framing as they are publicly described, since none is free. docs/services/t3.md
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from peers import pbload
from peers.example import example
from peers.process import Address, workplace
from peers.t3 import T3Client, T3Server, t3_server
from protobalance import Balancer


@contextmanager
def _serving(servers: Sequence[Address]) -> Iterator[Balancer]:
    nodes = {f"weblogic/wls{number}": address for number, address in enumerate(servers, 1)}
    with workplace("state") as state, Balancer(example("t3", nodes, state)) as balancer:
        yield balancer


@pytest.fixture
def servers() -> Iterator[list[T3Server]]:
    with t3_server("wls1") as one, t3_server("wls2") as two:
        yield [one, two]


@pytest.fixture
def balancer(servers: list[T3Server]) -> Iterator[Balancer]:
    with _serving([server.address for server in servers]) as running:
        yield running


def test_answers_find_their_requests_in_sessions_that_carry_many(balancer: Balancer) -> None:
    """Law 1, up to the size that the handshake allows; and all of a session is one node's."""
    sizes = [*(random.Random(1).choices(range(3000), k=200)), 9_000_000]
    with ExitStack() as stack:
        clients = [stack.enter_context(T3Client(balancer.address("t3"), number)) for number in range(1, 5)]
        assert [client.node for client in clients] == ["wls1", "wls2"] * 2
        for client in clients:
            assert client.hello.startswith(b"HELO:")
            bodies = {number: bytes([ord("a") + number % 26]) * size for number, size in enumerate(sizes)}
            order = []
            for number in range(0, 200, 2):
                client.send(number, bodies[number] + b"+")
                client.send(number + 1, bodies[number + 1])
            for _ in range(200):
                number, body = client.answer()
                order.append(number)
                assert body.removesuffix(b"+") == bodies[number]
            assert sorted(order) == list(range(200)) != order
            assert client.ask(bodies[200]) == bodies[200]


def test_a_session_goes_on_while_its_server_drains(balancer: Balancer) -> None:
    """Law 5."""
    with T3Client(balancer.address("t3")) as client, ExitStack() as stack:
        balancer.set_node(f"weblogic/{client.node}", "draining")
        others = [stack.enter_context(T3Client(balancer.address("t3"), number)) for number in range(1, 5)]
        assert {other.node for other in others} == {"wls1", "wls2"} - {client.node}
        assert client.ask(b"still there?") == b"still there?"


@pytest.mark.parametrize("manner", ["refuse", "close", "reset", "close-after-read"])
def test_a_greeting_moves_on_from_a_server_that_does_not_answer_it(manner: str) -> None:
    """Law 3; the last is a server that has taken the greeting and dies with it (`replay_unanswered`)."""
    with (
        pbload.nodes(manner) as dying,
        t3_server("wls2") as server,
        _serving([*dying.values(), server.address]) as balancer,
    ):
        for number in range(1, 5):
            with T3Client(balancer.address("t3"), number) as client:
                assert client.node == "wls2"
                assert client.ask(b"hello") == b"hello"


def test_a_server_that_dies_in_mid_session_is_a_reset(balancer: Balancer, servers: list[T3Server]) -> None:
    """Law 7: the session is not ended cleanly for a client that waits for answers, nor moved behind its back;
    who connects again is served by the other.
    """
    with T3Client(balancer.address("t3")) as client:
        client.send(1, b"never answered+")
        next(server for server in servers if server.name == client.node).die()
        with pytest.raises(ConnectionResetError):
            client.answer()
    with T3Client(balancer.address("t3")) as again:
        assert again.node != client.node
        assert again.ask(b"hello") == b"hello"
