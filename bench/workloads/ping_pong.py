"""Small messages on connections that stay: 1 KiB there and 1 KiB back, without a pause."""

from __future__ import annotations

from collections.abc import Iterable

from bench.case import Case, Metric, Workload, across
from bench.options import Options
from bench.placement import Placement
from bench.sample import Sample
from bench.stage import Shape
from bench.systems.system import System

SIZE = 1024


class PingPong(Workload):
    metrics = (
        Metric("per_second", "requests/s"),
        Metric("cpu_us", "balancer CPU µs each", 2),
        Metric("p50_us", "p50 µs"),
        Metric("p99_us", "p99 µs"),
        Metric("p999_us", "p99.9 µs"),
    )

    def __init__(self, parallel: int) -> None:
        self.parallel = parallel
        self.name = f"ping-pong-{parallel}"
        self.quick = parallel == 64
        self.rounds = 9 if parallel == 1000 else PingPong.rounds
        self.about = (
            f"Connections that stay: {parallel}. On each, 1 KiB is sent and 1 KiB given back, in turn."
        )

    def cases(self, options: Options) -> Iterable[Case]:
        return across(options, self.measure)

    def measure(self, options: Options, system: System, placement: Placement) -> Sample:
        """Once."""
        with options.standing.stage(system, placement, Shape(SIZE, SIZE)) as up:
            return up.rate(parallel=self.parallel, seconds=options.seconds).sample()


WORKLOADS = [PingPong(1), PingPong(64), PingPong(1000)]
