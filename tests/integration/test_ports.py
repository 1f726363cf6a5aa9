"""The port is the route: connections to a node's ports go to that node, at the same port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from peers.joined import PATIENCE, accepted, exchange, read_to_end, session
from peers.port_ranges import free_range
from peers.process import Address
from peers.records import logged, records
from peers.wish import Config, cluster, wish
from protobalance import Balancer

ENTRY = "127.0.0.1"
HOSTS = {"a": "127.0.1.1", "b": "127.0.1.2"}
EACH = 3  # ports of each node


class Nodes:
    """Nodes a and b: their service, and what listens at their ports."""

    def __init__(self, stack: ExitStack) -> None:
        first, last = free_range(EACH * len(HOSTS), [ENTRY, *HOSTS.values()])
        self.all = f"{first}-{last}"
        self.first = {name: first + place * EACH for place, name in enumerate(HOSTS)}
        self.service = {name: stack.enter_context(_listening((host, 0))) for name, host in HOSTS.items()}
        self._stack = stack

    def at_port(self, name: str, nth: int = 0) -> socket.socket:
        """Have the node listen at one of its ports."""
        return self._stack.enter_context(_listening((HOSTS[name], self.first[name] + nth)))

    def config(self, **settings: object) -> Config:
        config = wish({name: server.getsockname() for name, server in self.service.items()}, **settings)
        config["listeners"]["in"]["bind"] = [f"{ENTRY}:0", f"{ENTRY}:{self.all}"]
        for name, first in self.first.items():
            config["clusters"]["c"]["nodes"][name]["ports"] = f"{first}-{first + EACH - 1}"
        return config

    def entry(self, name: str, nth: int = 0) -> Address:
        """The balancer's end of a node's port."""
        return ENTRY, self.first[name] + nth


@contextmanager
def _listening(address: Address) -> Iterator[socket.socket]:
    with socket.create_server(address, backlog=16) as server:
        server.settimeout(PATIENCE)
        yield server


def _is_reset(entry: Address) -> None:
    """At once, perhaps before the client knows that it is connected."""
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(entry, timeout=PATIENCE) as client,
    ):
        client.recv(1)


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with ExitStack() as stack:
        yield Nodes(stack)


def test_a_port_leads_to_its_node_whatever_policy_and_affinity_say(nodes: Nodes) -> None:
    with Balancer(nodes.config(affinity=True)) as balancer:
        with session(balancer.address("in"), nodes.service["a"]):
            pass
        for name in HOSTS:
            for nth in range(EACH):
                with session(nodes.entry(name, nth), nodes.at_port(name, nth)):
                    pass
        found = [
            each for each in balancer.explain(limit=100).recorded if each.decision.attempts[-1].why == "port"
        ]
        assert sorted(each.decision.node for each in found) == ["a"] * EACH + ["b"] * EACH
        for each in found:
            name = each.decision.node
            assert each.sentence.endswith(f"went to node {name}: the port it connected to is {name}'s")
        for _ in range(3):
            with session(balancer.address("in"), nodes.service["a"]):
                """Its home is where it was."""


def test_it_fails_alone_and_blames_nobody(nodes: Nodes, tmp_path: Path) -> None:
    """Nobody listens at the port: nobody else is tried, and the node goes on serving."""
    path = tmp_path / "sessions.log"
    with Balancer(logged(nodes.config(), path)) as balancer:
        _is_reset(nodes.entry("a"))
        (record,) = records(path, 1)
        assert (record["reason"], record["node"]) == ("no-node", None)
        ((node, why, failure),) = [
            (each["node"], each["why"], each["failure"]) for each in record["attempts"]
        ]
        assert (node, why, failure) == ("a", "port", "refused")
        assert [node.health for node in balancer.status().clusters[0].nodes] == ["up", "up"]
        assert "connected to a port of a's, which did not take it" in balancer.explain().recorded[0].sentence


def test_an_end_before_any_byte_is_passed_on_as_the_end_it_is(nodes: Nodes) -> None:
    """An empty file; elsewhere so early an end is a failure (law 3)."""
    server = nodes.at_port("a")
    with Balancer(nodes.config()) as balancer, socket.create_connection(nodes.entry("a")) as client:
        accepted(server).close()
        client.settimeout(PATIENCE)
        assert read_to_end(client) == b""
        assert {node.health for node in balancer.status().clusters[0].nodes} == {"up"}


def test_a_draining_node_keeps_its_ports_and_an_offline_one_does_not(nodes: Nodes) -> None:
    """Law 5: the sessions it keeps need them."""
    server = nodes.at_port("a")
    with Balancer(nodes.config()) as balancer:
        balancer.set_node("c/a", "draining")
        with session(nodes.entry("a"), server) as (client, node):
            balancer.set_node("c/a", "offline")
            for end in (client, node):
                with pytest.raises(ConnectionResetError):
                    end.recv(1)
        _is_reset(nodes.entry("a"))


def test_after_a_redirect_the_ports_of_the_cluster_before_still_lead_there(nodes: Nodes) -> None:
    """Its sessions go on, and their ports with them; there and back again."""
    config = nodes.config()
    b = config["clusters"]["c"]["nodes"].pop("b")
    config["clusters"]["green"] = cluster({"b": nodes.service["b"].getsockname()})
    config["clusters"]["green"]["nodes"]["b"] = b
    servers = {name: nodes.at_port(name) for name in HOSTS}
    with Balancer(config) as balancer:
        for feeding in ("green", None):
            balancer.redirect("in", feeding)
            for name, server in servers.items():
                with session(nodes.entry(name), server) as (client, node):
                    exchange(client, node)
