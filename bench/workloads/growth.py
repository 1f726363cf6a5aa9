"""How it grows: the same load with more sessions, more nodes, more listeners."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from functools import partial

from bench.case import Case, MeasureError, Metric, Sample, Workload
from bench.options import Options, Placement
from bench.stage import Shape, Size, stage
from bench.systems.system import System

PARALLEL = 100


class Growth(Workload):
    """A line for each system, pinned."""

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
        return self.measured(system, options.placements[0], count, options.seconds)

    @abstractmethod
    def measured(self, system: System, placement: Placement, count: int, seconds: float) -> Sample:
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

    def measured(self, system: System, placement: Placement, count: int, seconds: float) -> Sample:
        with stage(system, placement, Shape()) as up:
            rate = up.rate(parallel=count, seconds=seconds)
        sample = {"per_second": rate.exchanges_per_second, "p99_us": rate.p99_us}
        return sample | ({"cpu_us": rate.cpu_us_per_exchange} if rate.cpu else {})


class _Connections(Growth):
    metrics = (Metric("per_second", "connections/s"), Metric("cpu_us", "balancer CPU µs each", 1))

    def _connections(self, system: System, placement: Placement, size: Size, seconds: float) -> Sample:
        with stage(system, placement, Shape(each=1), size) as up:
            rate = up.rate(parallel=PARALLEL, seconds=seconds)
        cpu = {"cpu_us": rate.cpu_us_per_exchange} if rate.cpu else {}
        return {"per_second": rate.exchanges_per_second} | cpu


class Nodes(_Connections):
    name = "growth-nodes"
    about = f"New connections, {PARALLEL} at a time, over clusters that grow."
    x_title = "nodes"
    counts = (3, 30, 300, 3000)

    def measured(self, system: System, placement: Placement, count: int, seconds: float) -> Sample:
        return self._connections(system, placement, Size(nodes=count), seconds)


class Listeners(_Connections):
    name = "growth-listeners"
    about = f"New connections, {PARALLEL} at a time, in turn to each of the ports listened on."
    x_title = "ports"
    counts = (1, 10, 100, 1000)

    def measured(self, system: System, placement: Placement, count: int, seconds: float) -> Sample:
        if count > 1 and system.name == "pen":
            raise MeasureError("listens on one port only")
        return self._connections(system, placement, Size(listeners=count), seconds)


WORKLOADS = [Sessions(), Nodes(), Listeners()]
