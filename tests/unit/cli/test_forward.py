"""A configuration said on one line."""

from __future__ import annotations

import pytest

from protobalance.cli.failure import CommandFailed
from protobalance.cli.verbs.forward import POLICIES, configuration


def test_a_port_alone_is_every_address_and_nodes_come_in_order() -> None:
    config = configuration("8080", ["db.internal:5432", "[::1]:5433"], "least-sessions")
    (listener,) = config.listeners.values()
    (cluster,) = config.clusters.values()
    assert listener.bind == ("0.0.0.0:8080",)
    assert listener.cluster == cluster.name
    assert cluster.policy == "least-sessions"
    assert [node.address for node in cluster.nodes.values()] == ["db.internal:5432", "[::1]:5433"]


def test_an_address_is_kept() -> None:
    (listener,) = configuration("[::1]:8080", ["localhost:80"], "random").listeners.values()
    assert listener.bind == ("[::1]:8080",)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_that_is_offered_works_without_a_file(policy: str) -> None:
    assert configuration("8080", ["localhost:80"], policy)


@pytest.mark.parametrize(
    ("bind", "node", "wrong"),
    [("80800", "localhost:80", "80800"), ("8080", "localhost", "localhost"), ("x", "y:1", "x")],
)
def test_what_is_wrong_is_said(bind: str, node: str, wrong: str) -> None:
    with pytest.raises(CommandFailed, match=wrong):
        configuration(bind, [node], "random")
