"""A running balancer inside a test: on free ports, failing over, gone at the end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

import protobalance
from protobalance import Balancer, Refused

pytest.importorskip("protobalance._engine", reason="needs the compiled engine: make build")


@pytest.fixture
def servers() -> Iterator[Callable[[bytes], tuple[str, int]]]:
    """Makes servers that answer each connection with their name and close."""
    listening: list[socket.socket] = []

    def make(name: bytes) -> tuple[str, int]:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(name)

        threading.Thread(target=serve, daemon=True).start()
        host, port = server.getsockname()
        return host, port

    yield make
    for server in listening:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def ask(balancer: Balancer, listener: str = "main") -> bytes:
    with socket.create_connection(balancer.address(listener)) as client:
        return client.makefile("rb").read()


def closed_port() -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        host, port = gone.getsockname()
        return host, port


def test_it_balances_and_fails_over(
    balancer: Callable[..., Balancer], servers: Callable[[bytes], tuple[str, int]]
) -> None:
    lb = balancer({"a": servers(b"a"), "b": servers(b"b"), "dead": closed_port()}, policy="round-robin")
    assert {ask(lb) for _ in range(9)} == {b"a", b"b"}
    status = lb.status()
    assert status.clusters[0].nodes[2].down_reason == "refused"
    assert status.opened == 9


def test_it_changes_while_it_runs(
    balancer: Callable[..., Balancer], servers: Callable[[bytes], tuple[str, int]]
) -> None:
    lb = balancer({"a": servers(b"a"), "b": servers(b"b")})
    lb.set_node("main/a", "offline")
    assert {ask(lb) for _ in range(4)} == {b"b"}
    assert lb.explain("127.0.0.1").now[0].decision.node == "b"
    lb.set_node("main/a", clear=True)
    assert {ask(lb) for _ in range(4)} == {b"a", b"b"}


def test_two_at_a_time_and_gone_after_stop(
    balancer: Callable[..., Balancer], servers: Callable[[bytes], tuple[str, int]]
) -> None:
    first, second = balancer({"a": servers(b"1")}), balancer({"a": servers(b"2")})
    assert (ask(first), ask(second)) == (b"1", b"2")
    address = first.address("main")
    first.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address).close()
    with pytest.raises(Refused, match="not running"):
        first.status()
    assert ask(second) == b"2"


def test_ratings_by_a_python_function_steer_the_engine(
    balancer: Callable[..., Balancer],
    servers: Callable[[bytes], tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = threading.Event()

    def rate(nodes: dict[str, protobalance.NodeStats]) -> dict[str, float]:
        # Published after this returns; so the second call says that the first one's are in force.
        if seen:
            called.set()
        seen.append(sorted(nodes))
        return {"a": 1000.0, "b": 0.0}

    seen: list[list[str]] = []
    monkeypatch.setattr(protobalance, "rate_for_test", rate, raising=False)
    rating = {"function": "protobalance:rate_for_test", "interval": "100ms"}
    lb = balancer({"a": servers(b"a"), "b": servers(b"b")}, policy="minimum-load", load_rating=rating)
    assert called.wait(60)
    # The first session only: each one taken since a rating raises it.
    assert ask(lb) == b"b"
    assert seen[0] == ["a", "b"]
    assert lb.status().rating_problems == []
