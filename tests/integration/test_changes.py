"""Nothing is lost in a change: the configuration changes a thousand times under full load, and no connection
is refused, reset or sent where it may not go.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from peers.churn import COLOURS, may_answer, some_config, two_clusters, under_churn
from peers.wish import cluster, wish
from protobalance import Balancer


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
