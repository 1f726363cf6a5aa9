"""Six of ten nodes fail, each in its own way, and no client of 100,000 notices (laws 2, 3 and 4)."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from peers import pbload
from peers.bad_nodes import Speaks, none_notices, whoever_speaks
from peers.wish import wish
from protobalance import Balancer

CONNECTIONS = 100_000


@whoever_speaks
def test_no_client_of_100000_notices_six_bad_nodes(speaks: Speaks) -> None:
    """Law 3, whoever speaks first: refused, timed out, closed and reset before any byte. Law 4: the bad ones
    are tried again all the time, and fail all the time.
    """
    bad = {"refuse": 3, "blackhole": 1, "close": 1, "reset": 1}
    none_notices(speaks, CONNECTIONS, bad, connect_timeout="1s", retry_interval="200ms")


def test_without_the_operators_leave_nothing_is_replayed() -> None:
    """Law 3: bytes that went to a node which then closes are not sent to another."""
    with (
        pbload.nodes("close-after-read") as bad,
        pbload.nodes("echo") as good,
        Balancer(wish(bad | good)) as one,
    ):
        result = pbload.connect(one.address("in"), 10, parallel=1)
        assert (result["ok"], result["errors"]) == (5, {"eof_early": 5})
        one.apply(wish(bad | good, replay_unanswered=True))
        assert pbload.connect(one.address("in"), 10, parallel=1)["errors"] == {}


@pytest.mark.parametrize(
    ("drained", "expected"),
    [([], "n2"), (["n2"], "n1"), (["n2", "n1"], "n0")],
    ids=["first", "second", "none"],
)
def test_fallbacks_come_first_and_in_order(drained: list[str], expected: str) -> None:
    """Law 2: the policy's choice, then its fallback chain, then the others."""
    with pbload.nodes("refuse") as bad, pbload.nodes("echo", 3, name="n") as good:
        config = wish(bad | good)
        nodes = config["clusters"]["c"]["nodes"]
        nodes["refuse"]["fallbacks"] = ["n2", "n1"]
        for name in good:
            nodes[name] |= {"weight": 0, "admin_state": "draining" if name in drained else "available"}
        with Balancer(config) as balancer:
            assert pbload.connect(balancer.address("in"), 1)["nodes"] == {expected: 1}


def test_a_spare_has_the_share_of_a_node_that_stays_down() -> None:
    """A fallback takes over for as long as the node cannot, not only for the session that found out."""
    with pbload.nodes("refuse") as bad, pbload.nodes("echo", 3, name="n") as good:
        config = wish(bad | good, retry_interval="1h")
        for name, weight in {"refuse": 3, "n0": 2, "n1": 1, "n2": 0}.items():
            config["clusters"]["c"]["nodes"][name]["weight"] = weight
        config["clusters"]["c"]["nodes"]["refuse"]["fallbacks"] = ["n2"]
        with Balancer(config) as balancer:
            # Whoever finds out is taken over in the middle of a cycle.
            pbload.connect(balancer.address("in"), 10, parallel=1)
            result = pbload.connect(balancer.address("in"), 600, parallel=1)
            failures = {node.name: node.failed for node in balancer.status().clusters[0].nodes}
    assert result["errors"] == {}
    assert result["nodes"] == {"n0": 200, "n1": 100, "n2": 300}
    assert failures == {"refuse": 1, "n0": 0, "n1": 0, "n2": 0}


def test_when_every_node_is_down_each_available_one_is_tried_once() -> None:
    """Law 2, last resort; and a client that nobody can serve is told soon, never left hanging."""
    with ExitStack() as stack:
        nodes = stack.enter_context(pbload.nodes("refuse", 3)) | stack.enter_context(pbload.nodes("reset"))
        with Balancer(wish(nodes, retry_interval="1h")) as balancer:
            result = pbload.connect(balancer.address("in"), 20, kind="server-first", timeout_s=20)
            assert result["ok"] == 0
            assert "timeout" not in result["errors"], result
            (listener,) = balancer.status().listeners
            assert (listener.opened, listener.closed, listener.unserved) == (20, 20, 20)
