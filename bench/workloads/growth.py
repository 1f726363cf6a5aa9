"""How it grows: the same load with more sessions, more nodes, more listeners."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from functools import partial

from bench.case import Case, Metric, Workload
from bench.options import Options
from bench.placement import Placement
from bench.sample import MeasureError, Sample
from bench.stage import Shape, Size
from bench.systems.system import System

PARALLEL = 100


class Growth(Workload):
    """A line for each system, pinned."""

    rounds = 5
    counts: tuple[int, ...]

    def cases(self, options: Options) -> Iterable[Case]:
        for system in options.systems:
            if system.name.endswith("-tuned"):
                continue
            for count in self.counts:
                measure = partial(self.measure, system, count, options)
                name = f"{system.name}, {count:,}"
                yield Case(name, measure, series=system.name, x=count)

    def measure(self, system: System, count: int, options: Options) -> Sample:
        """Once."""
        return self.measured(options, system, options.placements[0], count)

    @abstractmethod
    def measured(self, options: Options, system: System, placement: Placement, count: int) -> Sample:
        """With so many of what grows."""


class Sessions(Growth):
    name = "growth-sessions"
    about = "Sessions that all ask, 100 bytes there and 100 back, as fast as they are answered."
    x_title = "sessions"
    counts = (100, 300, 1000, 3000, 9500)
    metrics = (
        Metric("per_second", "requests/s"),
        Metric("cpu_us", "balancer CPU µs each", 2),
        Metric("p99_us", "p99 µs"),
    )

    def measured(self, options: Options, system: System, placement: Placement, count: int) -> Sample:
        with options.standing.stage(system, placement, Shape()) as up:
            return up.rate(parallel=count, seconds=options.seconds).sample()


class _Connections(Growth):
    metrics = (Metric("per_second", "connections/s"), Metric("cpu_us", "balancer CPU µs each", 1))

    def _connections(self, options: Options, system: System, placement: Placement, size: Size) -> Sample:
        with options.standing.stage(system, placement, Shape(each=1), size) as up:
            return up.rate(parallel=PARALLEL, seconds=options.seconds).sample()


class Nodes(_Connections):
    name = "growth-nodes"
    about = f"New connections, {PARALLEL} at a time, over clusters that grow."
    x_title = "nodes"
    counts = (3, 30, 300, 3000)

    def measured(self, options: Options, system: System, placement: Placement, count: int) -> Sample:
        return self._connections(options, system, placement, Size(nodes=count))


class Listeners(_Connections):
    name = "growth-listeners"
    about = f"New connections, {PARALLEL} at a time, in turn to each of the ports listened on."
    x_title = "ports"
    counts = (1, 10, 100, 1000)

    def measured(self, options: Options, system: System, placement: Placement, count: int) -> Sample:
        if count > 1 and system.name == "pen":
            raise MeasureError("listens on one port only")
        return self._connections(options, system, placement, Size(listeners=count))


WORKLOADS = [Sessions(), Nodes(), Listeners()]
