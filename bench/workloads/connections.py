"""New connections: each is one request and one answer of 100 bytes, after which the node closes."""

from __future__ import annotations

from collections.abc import Iterable

from bench.case import Case, Metric, Workload, across
from bench.options import Options
from bench.placement import Placement
from bench.sample import Sample
from bench.stage import Shape
from bench.systems.system import System


class Connections(Workload):
    metrics = (
        Metric("per_second", "connections/s"),
        Metric("cpu_us", "balancer CPU µs each", 1),
        Metric("p50_us", "p50 µs", 0),
        Metric("p99_us", "p99 µs", 0),
    )

    def __init__(self, parallel: int) -> None:
        self.parallel = parallel
        self.name = f"connections-{parallel}"
        self.quick = parallel > 1
        self.about = (
            f"{parallel} at a time: connect, send 100 bytes, receive 100, and the end, which the node makes. "
            "Times are from the connect to the end."
        )

    def cases(self, options: Options) -> Iterable[Case]:
        return across(options, self.measure)

    def measure(self, options: Options, system: System, placement: Placement) -> Sample:
        """Once."""
        with options.standing.stage(system, placement, Shape(each=1)) as up:
            return up.rate(parallel=self.parallel, seconds=options.seconds).sample()


WORKLOADS = [Connections(1), Connections(100)]
