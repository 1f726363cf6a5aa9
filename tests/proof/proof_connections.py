"""A million connections, and three of ten nodes die before the first byte, each in its own way: no client
notices, whoever speaks first (law 3).
"""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from peers import pbload
from peers.process import Address
from peers.wish import Config, wish
from protobalance import Balancer

CONNECTIONS = 1_000_000
BYTES = 64


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("kind", "mode", "limits"),
    [
        ("server-first", "greet", {}),
        ("idle-then-speak", "echo", {}),
        ("client-first", "echo", {"replay_unanswered": True}),
        ("client-first", "echo", {"first_contact_pause": "2s"}),
    ],
    ids=["server-first", "idle-then-speak", "client-first-replayed", "client-first"],
)
def proof_of_a_million_connections(kind: str, mode: str, limits: Config) -> None:
    """The bad nodes are tried again after 1 ms, so that thousands of attempts fail on their way."""
    with ExitStack() as stack:
        bad: dict[str, Address] = {}
        for way in ("refuse", "close", "reset"):
            bad |= stack.enter_context(pbload.nodes(way))
        good = stack.enter_context(pbload.nodes(mode, 7, close_after=BYTES))
        parallel = 8000 if kind == "idle-then-speak" else 64
        options = {"kind": kind, "bytes": BYTES, "parallel": parallel, "ending": "node", "pause_ms": 1000}
        with Balancer(wish(bad | good, retry_interval="1ms", **limits)) as balancer:
            began = time.monotonic()
            result = pbload.connect(balancer.address("in"), CONNECTIONS, **options)
            took = time.monotonic() - began
            failures = {node.name: node.failed for node in balancer.status().clusters[0].nodes}
    print(f"{kind}: {result['ok']} connections in {took:.0f} s, {sum(failures.values())} attempts failed")  # noqa: T201
    assert (result["errors"], result["ok"]) == ({}, CONNECTIONS), result
    assert set(result["nodes"]) == set(good)
    assert all((count > 0) == (name in bad) for name, count in failures.items()), failures
