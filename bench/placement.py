"""Where a balancer runs, and where its load."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Placement:
    """Which cores the balancer has, and which the clients and nodes."""

    name: str
    balancer: frozenset[int]
    load: frozenset[int]

    @property
    def apart(self) -> bool:
        """Whether they have none in common."""
        return not self.balancer & self.load

    def on_balancer(self) -> tuple[str, ...]:
        """The command that what follows is run by."""
        return ("taskset", "--cpu-list", _list(self.balancer))

    def on_load(self) -> tuple[str, ...]:
        """The same for clients and nodes."""
        return ("taskset", "--cpu-list", _list(self.load))


def _list(cores: frozenset[int]) -> str:
    return ",".join(map(str, sorted(cores)))


def placements() -> dict[str, Placement]:
    """Pinned: a core for the balancer, another for the load. All cores: everybody everywhere."""
    cores = sorted(os.sched_getaffinity(0))
    whole = frozenset(cores)
    return {
        "pinned": Placement("pinned", frozenset(cores[:1]), frozenset(cores[1:2] or cores[:1])),
        "all-cores": Placement("all-cores", whole, whole),
    }
