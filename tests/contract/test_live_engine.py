"""The compiled engine keeps the contract of `_engine.pyi`, as the engine port sees it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import msgspec
import pytest

from peers.process import free_ports, text_of
from protobalance import config as configuration
from protobalance.config.plan import compile_plan
from protobalance.control.engine_port import EnginePort, start_engine
from protobalance.control.refusal import Refused
from protobalance.control.report import EngineWarning

pytest.importorskip("protobalance._engine", reason="needs the compiled engine: make build")


def plan(node: str, bind: str = "127.0.0.1:0") -> bytes:
    text = f"""
        [log]
        sessions = "off"
        [listeners.in]
        bind = "{bind}"
        cluster = "c"
        [clusters.c]
        policy = "least-sessions"
        [clusters.c.nodes.a]
        address = "{node}"
    """
    return compile_plan(configuration.loads(text))


@pytest.fixture
def engine() -> Iterator[EnginePort]:
    started = start_engine(1, 0, [])
    yield started
    started.stop()


@pytest.fixture
def node() -> Iterator[str]:
    """A server that answers each connection with one line and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"hello\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def entry(engine: EnginePort) -> tuple[str, int]:
    host, _, port = engine.snapshot().listeners[0].addresses[0].rpartition(":")
    return host, int(port)


def test_a_session_is_seen_in_every_reply(engine: EnginePort, node: str) -> None:
    assert engine.apply(plan(node)) == engine.snapshot().generation
    with socket.create_connection(entry(engine)) as client:
        assert client.makefile("rb").read() == b"hello\n"
    decision = engine.decisions("in", "127.0.0.1", 5)[0]
    assert (decision.node, decision.attempts[-1].why, decision.policy) == ("a", "policy", "least-sessions")
    assert engine.decisions("other", "", 5) == []
    assert engine.snapshot().clusters[0].nodes[0].opened == 1


def test_an_open_session_is_listed(engine: EnginePort) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        engine.apply(plan(f"127.0.0.1:{listening.getsockname()[1]}"))
        with socket.create_connection(entry(engine)), listening.accept()[0]:
            session = engine.sessions("in", "c/a", "127.0.0.1", 10)[0]
            assert (session.listener, session.cluster, session.node) == ("in", "c", "a")
            assert engine.sessions("", "c/b", "", 10) == []


def test_would_go_changes_nothing(engine: EnginePort, node: str) -> None:
    engine.apply(plan(node))
    assert engine.would_go("in", "192.0.2.1").node == "a"
    assert engine.snapshot().opened == 0
    with pytest.raises(Refused) as refused:
        engine.would_go("other", "192.0.2.1")
    assert refused.value.kind == "invalid"


def test_checks_and_events(engine: EnginePort, node: str) -> None:
    engine.apply(plan(node))
    engine.report_check("c", "a", "refused")
    engine.report_check("c", "a", "")
    names = [type(event).__name__ for event in engine.take_events()]
    assert names == ["NodeDown", "NodeUp"]
    assert engine.take_events() == []
    assert engine.event_fd >= 0


def test_ratings_are_published(engine: EnginePort, node: str) -> None:
    rated = msgspec.json.decode(plan(node))
    rated["clusters"][0]["policy"] = "minimum-load"
    rated["clusters"][0]["rating_ttl_ms"] = 60_000
    engine.apply(msgspec.json.encode(rated))
    engine.set_load_ratings("c", {"a": 1.5})
    assert engine.snapshot().clusters[0].nodes[0].load_rating == 1.5


def test_a_plan_that_cannot_be_carried_out_is_refused_whole(engine: EnginePort, node: str) -> None:
    generation = engine.apply(plan(node))
    with pytest.raises(Refused) as refused:
        engine.apply(b"{}")
    assert refused.value.kind == "invalid"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(Refused) as refused:
            engine.apply(plan(node, f"127.0.0.1:{taken.getsockname()[1]}"))
        assert refused.value.kind == "engine"
    assert engine.snapshot().generation == generation


def test_an_address_that_is_bound_already_is_not_bound_twice(engine: EnginePort, node: str) -> None:
    one = msgspec.json.decode(plan(node, text_of(("127.0.0.1", free_ports(1)[0]))))
    generation = engine.apply(msgspec.json.encode(one))
    two = one | {"listeners": [one["listeners"][0], one["listeners"][0] | {"name": "twin"}]}
    with pytest.raises(Refused, match="bound twice"):
        engine.apply(msgspec.json.encode(two))
    assert engine.snapshot().generation == generation


def test_a_socket_handed_over_that_no_listener_binds_is_closed_and_told(node: str) -> None:
    handed = socket.create_server(("127.0.0.1", 0))
    address = handed.getsockname()
    engine = start_engine(1, 0, [("", handed.detach())])
    try:
        engine.apply(plan(node))
        (event,) = engine.take_events()
        assert isinstance(event, EngineWarning)
        assert text_of(address) in event.message
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address).close()
    finally:
        engine.stop()


def test_after_stop_it_is_refused(engine: EnginePort, node: str) -> None:
    engine.apply(plan(node))
    engine.stop()
    engine.stop()
    with pytest.raises(Refused) as refused:
        engine.apply(plan(node))
    assert refused.value.kind == "stopped"


def test_after_stop_nobody_listens(engine: EnginePort, node: str) -> None:
    engine.apply(plan(node))
    address = entry(engine)
    engine.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address).close()
