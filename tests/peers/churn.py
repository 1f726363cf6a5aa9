"""A balancer whose configuration changes all the time under clients, and who may answer them when."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from peers import pbload
from peers.joined import PATIENCE
from peers.process import Address, text_of
from peers.wish import Config, cluster, wish
from protobalance import Balancer

COLOURS = ("blue", "green")
BYTES = 64

ColouredNodes = dict[str, dict[str, Address]]


@contextmanager
def two_clusters() -> Iterator[ColouredNodes]:
    """Five nodes of each colour."""
    with ExitStack() as stack:
        yield {
            colour: stack.enter_context(pbload.nodes("echo", 5, name=colour, close_after=BYTES))
            for colour in COLOURS
        }


def some_config(nodes: ColouredNodes, choice: random.Random) -> Config:
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
) -> int:
    """Make changes, each telling who may answer from then on, while sessions come and go and others stay: how
    many were served meanwhile.
    """
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
    served: int = result["ok"]
    return served
