"""Nodes that fail before the first byte, each in its own way, among good ones; and who speaks first."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from peers import pbload
from peers.process import Address
from peers.wish import Config, wish
from protobalance import Balancer

NODES = 10
BYTES = 64


@dataclass(frozen=True)
class Speaks:
    """Which side speaks first, what good nodes do, and what the cluster must allow for law 3 to hold."""

    kind: str
    mode: str
    limits: Config = field(default_factory=dict)

    @property
    def parallel(self) -> int:
        """Who pauses does so for longer than the attempts that may come before the good one."""
        return 8000 if self.kind == "idle-then-speak" else 64


whoever_speaks = pytest.mark.parametrize(
    "speaks",
    [
        pytest.param(Speaks("server-first", "greet"), id="server-first"),
        pytest.param(Speaks("idle-then-speak", "echo"), id="idle-then-speak"),
        # Bytes that were written can be written again only where the operator said that this is harmless.
        pytest.param(Speaks("client-first", "echo", {"replay_unanswered": True}), id="client-first-replayed"),
        # At first contact the bytes wait; for longer than a bad node takes to end, however busy the machine.
        pytest.param(Speaks("client-first", "echo", {"first_contact_pause": "2s"}), id="client-first"),
    ],
)


def none_notices(speaks: Speaks, connections: int, bad: Mapping[str, int], **settings: Any) -> int:
    """All clients of ten nodes, of which so many are bad in each of these ways, are served by the good ones,
    while the bad ones fail all the time: how often they did.
    """
    with ExitStack() as stack:
        failing: dict[str, Address] = {}
        for way, count in bad.items():  # met first
            failing |= stack.enter_context(pbload.nodes(way, count))
        good = stack.enter_context(pbload.nodes(speaks.mode, NODES - len(failing), close_after=BYTES))
        config = wish(failing | good, **settings, **speaks.limits)
        balancer = stack.enter_context(Balancer(config))
        options = {"kind": speaks.kind, "parallel": speaks.parallel, "pause_ms": 1000}
        result = pbload.connect(balancer.address("in"), connections, **options, bytes=BYTES, ending="node")
        failures = {node.name: node.failed for node in balancer.status().clusters[0].nodes}
    assert (result["errors"], result["ok"]) == ({}, connections), result
    assert set(result["nodes"]) == set(good)
    assert all((count > 0) == (name in failing) for name, count in failures.items()), failures
    return sum(failures.values())
