"""What is known of nodes, listeners and clients outlives a change of configuration."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from peers import pbload
from peers.joined import PATIENCE, exchange, listening, session
from peers.process import wait_until
from peers.records import logged, records
from peers.wish import cluster, wish
from protobalance import Balancer
from protobalance.control.answers import NodeStatus


def _node(balancer: Balancer, name: str) -> NodeStatus:
    return next(node for each in balancer.status().clusters for node in each.nodes if node.name == name)


def test_counts_and_health_outlive_a_change() -> None:
    """A node that failed is left alone by the next plan too, and no count begins anew."""
    with pbload.nodes("echo", name="good") as good, pbload.nodes("refuse", name="bad") as bad:
        config = wish(good | bad, retry_interval="1h")
        with Balancer(config) as balancer:
            assert pbload.connect(balancer.address("in"), 10, parallel=1)["errors"] == {}
            wait_until(lambda: balancer.status().active == 0, "all sessions have ended")
            before = _node(balancer, "good"), balancer.status().listeners[0]
            config["clusters"]["c"] |= {"policy": "random", "connect_timeout": "1s"}
            balancer.apply(config)
            after = _node(balancer, "good"), balancer.status().listeners[0]
            assert [(node.opened, node.bytes_to_node) for node in (before[0], after[0])] == [(10, 640)] * 2
            assert [(one.opened, one.closed) for one in (before[1], after[1])] == [(10, 10)] * 2
            assert (_node(balancer, "bad").health, _node(balancer, "bad").failed) == ("down", 1)
            assert pbload.connect(balancer.address("in"), 10, parallel=1)["errors"] == {}
            assert _node(balancer, "bad").failed == 1


@pytest.mark.parametrize("policy", ["round-robin", "random"])
def test_homes_outlive_a_change(policy: str) -> None:
    """Law 6, in memory: whatever changes beside it."""
    with pbload.nodes("greet", 5, name="n") as nodes:
        config = wish(nodes, policy=policy, affinity={"idle": "1h", "capacity": 100})
        with Balancer(config) as balancer:

            def homes() -> list[bytes]:
                return [_answer(balancer, f"127.0.6.{number}") for number in range(1, 21)]

            before = homes()
            config["clusters"]["c"] |= {"policy": "least-sessions"}
            balancer.apply(config)
            assert homes() == before


def _answer(balancer: Balancer, source: str) -> bytes:
    address = balancer.address("in")
    with socket.create_connection(address, timeout=PATIENCE, source_address=(source, 0)) as client:
        return client.recv(3)


def test_turns_go_on_where_they_were() -> None:
    """Round robin is exact over its cycle, though the configuration changes within it."""
    with pbload.nodes("echo", 5, name="n") as nodes:
        config = wish(nodes)
        with Balancer(config) as balancer:
            first = pbload.connect(balancer.address("in"), 3, parallel=1)["nodes"]
            config["clusters"]["c"]["connect_timeout"] = "1s"
            balancer.apply(config)
            second = pbload.connect(balancer.address("in"), 2, parallel=1)["nodes"]
            assert first | second == dict.fromkeys(nodes, 1)


def test_a_node_that_was_removed_is_told_of_while_it_has_sessions(tmp_path: Path) -> None:
    """It takes nobody else, its sessions go on, and their record names it."""
    with listening() as server, pbload.nodes("greet", name="new") as new:
        old = {"n": server.getsockname()[:2]}
        with Balancer(logged(wish(old), tmp_path / "log")) as balancer:
            with session(balancer.address("in"), server) as (client, node):
                balancer.apply(logged(wish(new), tmp_path / "log"))
                assert (_node(balancer, "n").removed, _node(balancer, "n").active) == (True, 1)
                assert pbload.connect(balancer.address("in"), 4, kind="server-first")["nodes"] == {"new": 4}
                exchange(client, node)
                balancer.apply(logged(wish(old | new), tmp_path / "log"))
                assert (_node(balancer, "n").removed, _node(balancer, "n").active) == (False, 1)
            wait_until(lambda: _node(balancer, "n").active == 0, "its session has ended")
            assert _node(balancer, "n").opened == 1
        assert {record["node"] for record in records(tmp_path / "log", 5)} == {"n", "new"}


def test_the_session_log_is_where_the_latest_configuration_says(tmp_path: Path) -> None:
    """Law 13: one record for each session, in one file or the other."""
    with pbload.nodes("echo") as nodes:
        config = wish(nodes)
        with Balancer(logged(config, tmp_path / "old")) as balancer:
            pbload.connect(balancer.address("in"), 5)
            assert len(records(tmp_path / "old", 5)) == 5
            balancer.apply(logged(config, tmp_path / "new"))
            pbload.connect(balancer.address("in"), 7)
            assert len(records(tmp_path / "new", 7)) == 7
        assert len(records(tmp_path / "old", 5)) == 5


def test_a_redirect_takes_the_listener_along_and_leaves_its_sessions_be() -> None:
    """A session stays with the cluster that it went to."""
    with listening() as server, pbload.nodes("greet", name="green") as green:
        config = wish({"n": server.getsockname()[:2]})
        config["clusters"]["green"] = cluster(green)
        with Balancer(config) as balancer, session(balancer.address("in"), server) as (client, node):
            balancer.redirect("in", "green")
            assert pbload.connect(balancer.address("in"), 3, kind="server-first")["nodes"] == {"green": 3}
            exchange(client, node)
            (kept,) = balancer.sessions().sessions
            assert (kept.cluster, kept.node) == ("c", "n")


def test_a_session_still_on_its_way_goes_where_the_latest_configuration_says() -> None:
    """Law 3: it was promised nothing yet, and those who could take it before may be gone."""
    with pbload.nodes("blackhole", name="old") as old, pbload.nodes("greet", name="new") as new:
        config = wish(old, connect_timeout="1h", failover_timeout="1h")
        with (
            Balancer(config) as balancer,
            socket.create_connection(balancer.address("in"), timeout=PATIENCE) as client,
        ):
            wait_until(lambda: _node(balancer, "old").active == 1, "it tries the only node")
            config = wish(old | new, connect_timeout="1h", failover_timeout="1h")
            config["clusters"]["c"]["nodes"]["old"]["admin_state"] = "offline"
            balancer.apply(config)
            assert client.recv(4) == b"new\n"
            assert _node(balancer, "old").active == 0
