"""What each of our features costs: the same load with one left out at a time."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from bench.case import Case, Workload
from bench.options import Options
from bench.systems import by_name
from bench.workloads.connections import Connections
from bench.workloads.ping_pong import PingPong

VARIANTS = ("protobalance", "no-log", "no-affinity", "bare", "no-admin", "alone", "haproxy")


class Features(Workload):
    """A load of another workload. Ratios are to ours as it is."""

    baseline = "protobalance"

    def __init__(self, load: Connections | PingPong) -> None:
        self.load = load
        self.name = f"features-{load.name}"
        self.metrics = load.metrics
        self.about = (
            f"{load.about} Ours with all that users have on, and without: the session log; affinity; both "
            "(bare); the admin interface; a keeper. Statistics and explain are always on."
        )

    def cases(self, options: Options) -> Iterable[Case]:
        pinned = options.placements[0]
        systems = by_name()
        for name in VARIANTS:
            yield Case(name, partial(self.load.measure, options, systems[name], pinned), pinned.name)


WORKLOADS = [Features(Connections(100)), Features(PingPong(64))]
