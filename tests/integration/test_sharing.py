"""Policies stay exact and affinity keeps its promise when several workers decide at once."""

from __future__ import annotations

import socket
from collections import Counter, defaultdict
from typing import Any

import pytest

from peers import pbload
from peers.joined import PATIENCE
from peers.process import Address
from peers.wish import Config, wish
from protobalance import Balancer

WEIGHTS = {"n0": 1, "n1": 2, "n2": 3}


def _answer(balancer: Balancer, source: str) -> bytes:
    """The name of the node that greets a client from this address."""
    with socket.create_connection(
        balancer.address("in"), timeout=PATIENCE, source_address=(source, 0)
    ) as client:
        return client.recv(3)


def _weighted(nodes: dict[str, Address], workers: int, **settings: Any) -> Config:
    config = wish(nodes, **settings)
    config["engine"] = {"workers": workers}
    for name, weight in WEIGHTS.items():
        config["clusters"]["c"]["nodes"][name]["weight"] = weight
    return config


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_round_robin_is_exact_over_all_workers(workers: int) -> None:
    """Design section 4: work split over workers must not skew the policies."""
    with (
        pbload.nodes("echo", 3, name="n", close_after=64) as nodes,
        Balancer(_weighted(nodes, workers)) as balancer,
    ):
        result = pbload.connect(balancer.address("in"), 6000, parallel=64, ending="node")
        assert result["nodes"] == {"n0": 1000, "n1": 2000, "n2": 3000}
        shares = balancer.status().workers
        assert (shares.configured, shares.alive) == (workers, workers)


def test_least_sessions_counts_the_sessions_of_all_workers() -> None:
    """Sessions that stay open are spread by weight, whoever accepted them."""
    with pbload.nodes("greet", 3, name="n") as nodes:
        config = _weighted(nodes, 2, policy="least-sessions")
        with Balancer(config) as balancer:
            address = balancer.address("in")
            counts = Counter[str]()
            clients = []
            for _ in range(60):
                client = socket.create_connection(address, timeout=PATIENCE)
                counts[client.recv(3).decode().strip()] += 1
                clients.append(client)
            for client in clients:
                client.close()
            assert counts == {"n0": 10, "n1": 20, "n2": 30}


@pytest.mark.parametrize("policy", ["round-robin", "random", "least-sessions"])
def test_the_same_client_reaches_the_same_node(policy: str) -> None:
    """Law 6, whatever the policy and whichever worker accepts."""
    with pbload.nodes("greet", 5, name="n") as nodes:
        config = wish(nodes, policy=policy, affinity={"idle": "1h", "capacity": 1000})
        config["engine"] = {"workers": 2}
        with Balancer(config) as balancer:
            seen = defaultdict(set)
            for _ in range(10):
                for number in range(1, 31):
                    source = f"127.0.7.{number}"
                    seen[source].add(_answer(balancer, source))
            assert all(len(nodes_of_client) == 1 for nodes_of_client in seen.values())
            assert len(set().union(*seen.values())) > 1


def test_a_prefix_makes_one_client_of_many_addresses() -> None:
    """Law 6: "client address (optionally prefix)"."""
    with (
        pbload.nodes("greet", 3, name="n") as nodes,
        Balancer(wish(nodes, affinity={"prefix_v4": 24})) as balancer,
    ):
        seen = defaultdict(set)
        for number in range(1, 31):
            for network in range(3):
                seen[network].add(_answer(balancer, f"127.0.{network}.{number}"))
        assert [len(seen[network]) for network in range(3)] == [1, 1, 1]
        assert len(set().union(*seen.values())) == 3


@pytest.mark.parametrize("on_failover", ["return", "move"])
def test_a_client_whose_home_was_away_comes_home_or_has_moved(on_failover: str) -> None:
    """Law 6, as the operator chose."""
    affinity = {"on_failover": on_failover}
    with pbload.nodes("greet", 3, name="n") as nodes, Balancer(wish(nodes, affinity=affinity)) as balancer:
        home = _answer(balancer, "127.0.9.1").decode().strip()
        balancer.set_node(f"c/{home}", "draining")
        refuge = _answer(balancer, "127.0.9.1").decode().strip()
        balancer.set_node(f"c/{home}", "available")
        after = {_answer(balancer, "127.0.9.1").decode().strip() for _ in range(5)}
        assert refuge != home
        assert after == {home if on_failover == "return" else refuge}


def test_client_hash_gives_the_same_answer_in_two_balancers() -> None:
    """Design section 4: the same answer on every balancer with the same key."""
    with pbload.nodes("greet", 5, name="n") as nodes:
        answers: list[list[bytes]] = []
        for key in ("k", "k", "other"):
            with Balancer(wish(nodes, policy="client-hash", hash_key=key)) as balancer:
                answers.append([_answer(balancer, f"127.0.8.{number}") for number in range(1, 61)])
        assert answers[0] == answers[1] != answers[2]
        assert len(set(answers[0])) == 5
