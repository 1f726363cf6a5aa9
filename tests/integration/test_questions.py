"""What an operator asks a running engine is answered about the sessions meant, and about no others."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from peers import pbload
from peers.joined import PATIENCE, accepted, listening, read_exactly
from peers.process import wait_until
from peers.wish import cluster, wish
from protobalance import Balancer
from protobalance.control.engine_port import EnginePort

# In the order in which they come: listener, client, and the node behind the listener.
SESSIONS = [
    ("in", "127.0.5.1", "c/n"),
    ("other", "127.0.5.2", "d/m"),
    ("in", "127.0.5.2", "c/n"),
    ("in", "127.0.5.1", "c/n"),
]


@contextmanager
def some_sessions() -> Iterator[tuple[EnginePort, list[str]]]:
    """An engine of two workers with the sessions above; and the clients' addresses, ports included."""
    with ExitStack() as stack:
        n, m = stack.enter_context(listening()), stack.enter_context(listening())
        config = wish({"n": n.getsockname()[:2]})
        config["clusters"]["d"] = cluster({"m": m.getsockname()[:2]})
        config["listeners"]["other"] = {"bind": "127.0.0.1:0", "cluster": "d"}
        config["engine"] = {"workers": 2}
        balancer = stack.enter_context(Balancer(config))
        engine = balancer.supervisor.running.engine
        clients = []
        for listener, source, _ in SESSIONS:
            address = balancer.address(listener)
            client = socket.create_connection(address, PATIENCE, source_address=(source, 0))
            stack.enter_context(client)
            stack.enter_context(accepted(n if listener == "in" else m))
            clients.append("{}:{}".format(*client.getsockname()))
            # Ages are told in whole milliseconds: the next one shall be younger.
            wait_until(lambda: min(_ages(engine), default=0) > 0, "the last one has an age")
        yield engine, clients


def _ages(engine: EnginePort) -> list[int]:
    return [session.age_ms for session in engine.sessions("", "", "", 100)]


@pytest.mark.parametrize(
    ("listener", "node", "client", "expected"),
    [
        ("", "", "", [0, 1, 2, 3]),
        ("in", "", "", [0, 2, 3]),
        ("", "d/m", "", [1]),
        ("", "c/m", "", []),
        ("", "", "127.0.5.2", [1, 2]),
        ("in", "c/n", "127.0.5.2", [2]),
        ("other", "c/n", "", []),
    ],
)
def test_sessions_are_found_by_listener_node_and_client(
    listener: str, node: str, client: str, expected: list[int]
) -> None:
    """Whatever is asked for must be true of each; the oldest come first."""
    with some_sessions() as (engine, clients):
        found = engine.sessions(listener, node, client, 100)
        assert [session.client for session in found] == [clients[nth] for nth in expected]
        for session, nth in zip(found, expected, strict=True):
            assert (session.listener, f"{session.cluster}/{session.node}") == SESSIONS[nth][::2]
        fewer = engine.sessions(listener, node, client, 2)
        assert [session.client for session in fewer] == [clients[nth] for nth in expected[:2]]


def test_a_session_is_found_by_its_clients_port() -> None:
    """One client's sessions differ by nothing else."""
    with some_sessions() as (engine, clients):
        for client in clients:
            assert [session.client for session in engine.sessions("", "", client, 9)] == [client]
            assert [decision.client for decision in engine.decisions("", client, 9)] == [client]


def test_decisions_are_found_by_listener_and_client() -> None:
    """The newest come first."""
    with some_sessions() as (engine, clients):

        def found(listener: str, client: str, limit: int = 100) -> list[str]:
            return [decision.client for decision in engine.decisions(listener, client, limit)]

        assert found("", "") == clients[::-1]
        assert found("in", "") == [clients[nth] for nth in (3, 2, 0)]
        assert found("", "127.0.5.1") == [clients[nth] for nth in (3, 0)]
        assert found("other", "127.0.5.1") == []
        assert found("", "", 2) == clients[:1:-1]


def test_a_session_that_outlives_its_decision_changes_no_other() -> None:
    """A worker remembers 1,024 decisions; what becomes of older sessions is not written into them."""
    with listening() as server, pbload.nodes("echo", name="m") as nodes, ExitStack() as stack:
        config = wish({"n": server.getsockname()[:2]})
        config["clusters"]["d"] = cluster(nodes)
        config["listeners"]["other"] = {"bind": "127.0.0.1:0", "cluster": "d"}
        config["engine"] = {"workers": 1}
        balancer = stack.enter_context(Balancer(config))
        with socket.create_connection(balancer.address("in"), timeout=PATIENCE), accepted(server):
            assert pbload.connect(balancer.address("other"), 1024)["errors"] == {}
        wait_until(lambda: balancer.status().active == 0, "all sessions have ended")
        decisions = balancer.supervisor.running.engine.decisions("", "", 2000)
        assert {(decision.listener, decision.node) for decision in decisions} == {("other", "m")}
        assert len(decisions) == 1024


def test_a_decision_tells_what_the_policy_compared_and_passed_over() -> None:
    """The chosen node first, with the numbers that were compared; the others with what kept them out."""
    with pbload.nodes("greet", 4, name="n") as nodes:
        config = wish(nodes, policy="least-sessions")
        config["clusters"]["c"]["nodes"]["n0"]["admin_state"] = "draining"
        config["clusters"]["c"]["nodes"]["n3"]["weight"] = 0
        with Balancer(config) as balancer, ExitStack() as stack:
            for _ in range(3):
                address = balancer.address("in")
                client = stack.enter_context(socket.create_connection(address, timeout=PATIENCE))
                last = client.recv(3).decode().strip()
            engine, source = balancer.supervisor.running.engine, "{}:{}".format(*client.getsockname())
            (decision,) = engine.decisions("", source, 9)
            (first, *others) = decision.candidates
            other = "n2" if last == "n1" else "n1"
            assert (decision.node, first.node, first.skipped, decision.nodes) == (last, last, "", 4)
            assert {one.node: one.skipped for one in others} == {
                "n0": "draining",
                other: "",
                "n3": "weight-0",
            }
            compared = {one.node: one.value for one in decision.candidates}
            # Three in a row over two nodes: each had one when the third came.
            assert compared[last] == compared[other] is not None


def test_a_session_tells_how_many_bytes_went_each_way() -> None:
    """As they are delivered, not only at the end."""
    with some_sessions() as (engine, _):
        before = engine.sessions("", "d/m", "", 1)[0]
        assert (before.phase, before.bytes_to_node, before.bytes_to_client) == ("quiet", 0, 0)
    with (
        listening() as server,
        Balancer(wish({"n": server.getsockname()[:2]})) as balancer,
        socket.create_connection(balancer.address("in"), timeout=PATIENCE) as client,
        accepted(server) as node,
    ):
        client.sendall(b"123")
        assert read_exactly(node, 3) == b"123"
        node.sendall(b"12345")
        assert read_exactly(client, 5) == b"12345"
        (session,) = balancer.sessions().sessions
        assert (session.phase, session.bytes_to_node, session.bytes_to_client) == ("talking", 3, 5)
