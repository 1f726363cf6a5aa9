"""As many bytes as will go one way: blocks of 4 MiB, each asked for or confirmed by a byte, two under way."""

from __future__ import annotations

from collections.abc import Iterable

from bench.case import Case, Metric, Workload, across
from bench.options import Options
from bench.placement import Placement
from bench.sample import Sample
from bench.stage import Shape
from bench.systems.system import System

BLOCK = 4 << 20
WAYS = {"down": Shape(request=1, answer=BLOCK), "up": Shape(request=BLOCK, answer=1)}


class Bulk(Workload):
    rounds = 9
    metrics = (
        Metric("gigabytes_per_second", "GB/s", 2),
        Metric("cpu_per_gigabyte", "balancer CPU s/GB", 3),
    )

    def __init__(self, way: str, streams: int) -> None:
        self.way = way
        self.streams = streams
        self.name = f"bulk-{way}-{streams}"
        self.quick = streams == 4
        towards = "nodes to clients" if way == "down" else "clients to nodes"
        self.about = f"Streams: {streams}, {towards}, in blocks of 4 MiB without a pause. 1 GB is 10^9 bytes."

    def cases(self, options: Options) -> Iterable[Case]:
        return across(options, self.measure)

    def measure(self, options: Options, system: System, placement: Placement) -> Sample:
        """Once."""
        with options.standing.stage(system, placement, WAYS[self.way]) as up:
            rate = up.rate(parallel=self.streams, seconds=options.seconds, depth=2)
        sample = {"gigabytes_per_second": rate.bytes_per_second / 1e9}
        return sample | ({"cpu_per_gigabyte": rate.cpu_per_gigabyte} if rate.cpu else {})


WORKLOADS = [Bulk(way, streams) for way in WAYS for streams in (1, 4, 64)]
