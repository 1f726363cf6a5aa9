"""Nothing is lost in a change: the configuration changes a thousand times under full load, and no connection
is refused, reset or sent where it may not go.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from peers import pbload
from peers.joined import PATIENCE
from peers.process import Address, text_of
from peers.wish import Config, cluster, wish
from protobalance import Balancer

COLOURS = ("blue", "green")
BYTES = 64

Nodes = dict[str, dict[str, Address]]


@contextmanager
def two_clusters() -> Iterator[Nodes]:
    """Five nodes of each colour."""
    with ExitStack() as stack:
        yield {
            colour: stack.enter_context(pbload.nodes("echo", 5, name=colour, close_after=BYTES))
            for colour in COLOURS
        }


def some_config(nodes: Nodes, choice: random.Random) -> Config:
    """Any subset of the nodes with any weights, some draining, the listener feeding either colour. Of that
    colour one node serves; the other may be drained whole in the same change, as at a release.
    """
    fed = choice.choice(COLOURS)
    config = wish({})
    config["listeners"]["in"]["cluster"] = fed
    config["clusters"] = {colour: cluster(nodes[colour]) for colour in COLOURS}
    for colour in COLOURS:
        wished = config["clusters"][colour]["nodes"]
        kept = choice.choice(list(wished))
        abandoned = colour != fed and choice.random() < 0.3
        for name in list(wished):
            if name != kept and choice.random() < 0.3:
                del wished[name]
                continue
            wished[name]["weight"] = choice.randint(1 if name == kept else 0, 5)
            serves = name == kept and colour == fed
            if not serves and (abandoned or choice.random() < 0.3):
                wished[name]["admin_state"] = "draining"
    return config


def may_answer(config: Config) -> set[str]:
    """Who takes new sessions: a node of weight 0 does not while others can."""
    nodes: dict[str, Any] = config["clusters"][config["listeners"]["in"]["cluster"]]["nodes"]
    return {
        name
        for name, node in nodes.items()
        if node.get("weight", 1) > 0 and node.get("admin_state", "available") == "available"
    }


def misrouted(epochs: list[dict[str, Any]], allowed: list[set[str]]) -> list[dict[str, Any]]:
    """Connections answered by a node that might not at any time between their begin and their end. In epoch
    `e` the configuration `e` was in force, and towards its end the next one already.
    """
    wrong = []
    for epoch in epochs:
        might = set[str]().union(*allowed[epoch["begun"] : epoch["ended"] + 2])
        if not set(epoch["nodes"]) <= might:
            wrong.append(epoch | {"might": might})
    return wrong


def under_churn(
    balancer: Balancer, allowed: list[set[str]], changes: Iterator[Callable[[], set[str]]]
) -> None:
    """Make changes, each telling who may answer from then on, while sessions come and go and others stay."""
    target = text_of(balancer.address("in"))
    with (
        pbload.started("hold", target=target, connections=100, bytes=1000) as held,
        pbload.started("churn", target=target, parallel=32, bytes=BYTES, ending="node") as churn,
    ):
        assert held.line() == {"open": 100, "errors": False}
        for change in changes:
            allowed.append(change())
            assert churn.mark() == len(allowed) - 1
            # One session of ours after each: however busy the machine, the others get their turn as well.
            with socket.create_connection(balancer.address("in"), timeout=PATIENCE) as client:
                client.sendall(b"x" * BYTES)
                assert client.recv(BYTES)
        result, held_result = churn.result(), held.result()
    assert result["errors"] == {}, result["first_error"]
    assert misrouted(result["epochs"], allowed) == []
    assert result["ok"] > len(allowed)
    assert (held_result["errors"], held_result["ok"]) == ({}, 100), held_result
    answered = [epoch for epoch in result["epochs"] if epoch["begun"] == epoch["ended"]]
    assert len(answered) > len(allowed) / 10, (
        "too few connections fell within one configuration to prove anything"
    )


def test_a_thousand_configurations_in_a_row_lose_nothing() -> None:
    """Nodes added, removed, weighted, drained, the listener fed from elsewhere: nobody is refused, reset or
    misrouted, and the sessions that were there before go on.
    """
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    choice = random.Random(seed)
    with two_clusters() as nodes:
        first = some_config(nodes, choice)
        with Balancer(first) as balancer:

            def change() -> set[str]:
                config = some_config(nodes, choice)
                balancer.apply(config)
                return may_answer(config)

            under_churn(balancer, [may_answer(first)], iter([change] * 1000))


def test_states_weights_and_redirects_set_by_hand_lose_nothing() -> None:
    """The same for `set_node` and `redirect`."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    choice = random.Random(seed)
    with two_clusters() as nodes:
        config = wish({})
        config["clusters"] = {colour: cluster(nodes[colour]) for colour in COLOURS}
        config["listeners"]["in"]["cluster"] = "blue"
        with Balancer(config) as balancer:

            def change() -> set[str]:
                colour = choice.choice(COLOURS)
                if choice.random() < 0.2:
                    balancer.redirect("in", colour)
                    config["listeners"]["in"]["cluster"] = colour
                else:
                    name = choice.choice(list(nodes[colour])[1:])
                    node = config["clusters"][colour]["nodes"][name]
                    node["weight"] = choice.randint(0, 5)
                    node["admin_state"] = choice.choice(["available", "draining"])
                    balancer.set_node(f"{colour}/{name}", node["admin_state"], weight=node["weight"])
                return may_answer(config)

            under_churn(balancer, [may_answer(config)], iter([change] * 300))


@pytest.mark.parametrize(
    "policy", ["random", "least-sessions", "two-choices", "client-hash", "connection-rate"]
)
def test_a_change_of_policy_loses_nothing(policy: str) -> None:
    """To and fro, fifty times."""
    with two_clusters() as nodes:
        blue = nodes["blue"]
        with Balancer(wish(blue)) as balancer:

            def change_to(word: str) -> Callable[[], set[str]]:
                def change() -> set[str]:
                    balancer.apply(wish(blue, policy=word))
                    return set(blue)

                return change

            changes = [change_to(word) for _ in range(50) for word in (policy, "round-robin")]
            under_churn(balancer, [set(blue)], iter(changes))
