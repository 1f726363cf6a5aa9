"""Load ratings from outside the engine, and the law they keep: a rating is advice.

One that fails, hangs or says nonsense harms no connection: the last value stays in force until `ttl`, and
the failure is reported by name, once, until it is another failure or none. Where ratings come from:
`rating_function` (Python, a cluster at a time), `rating_agent` (the nodes themselves).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import msgspec

from protobalance.control.report import NodeReport


class NodeStats(msgspec.Struct, frozen=True):
    """What a rating function is told of one node."""

    name: str
    address: str
    weight: int
    admin_state: str
    health: str  # "up" or "down"
    active: int  # sessions now
    opened: int  # sessions ever, since the balancer's start
    failed: int
    bytes_to_node: int
    bytes_to_client: int
    connect_ms: float  # time to connect, averaged over about the last eight
    connection_rate: float  # new sessions per second, decayed
    traffic_rate: float  # bytes per second in both directions, decayed

    @classmethod
    def of(cls, report: NodeReport) -> NodeStats:
        """The same, from the engine's report."""
        return cls(*(getattr(report, name) for name in cls.__struct_fields__))


class Rated(msgspec.Struct, frozen=True):
    """One round's outcome. `kinds` tells one failure from another without the words that vary."""

    ratings: dict[str, float] = {}
    kinds: frozenset[str] = frozenset()
    message: str = ""


class Rater(Protocol):
    """Where a cluster's ratings come from."""

    source: str

    async def rate(self, nodes: Mapping[str, NodeStats]) -> Rated:
        """One round; never raises but for cancellation."""


def failed(kind: str, message: str) -> Rated:
    """A round that rated nobody."""
    return Rated({}, frozenset({kind}), message)


def finite_number(value: object) -> float | None:
    """`value` as a load rating: a real, finite number, zero or more; else `None`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
