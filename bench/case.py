"""What is measured: workloads, their cases and metrics. Nothing here measures."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial

import bench.workloads
from bench.names import unknown
from bench.options import Options
from bench.placement import Placement
from bench.sample import Sample
from bench.systems.system import System


@dataclass(frozen=True)
class Metric:
    """One column."""

    name: str
    """In samples and in the results file."""
    title: str
    """Over the column, with the unit."""
    digits: int = 0
    """After the point."""
    compared: bool = True
    """Whether the ratio to the baseline is shown."""


@dataclass(frozen=True)
class Case:
    """One row."""

    name: str
    """Says what differs from the other rows; the baseline's is the workload's `baseline`."""
    measure: Callable[[], Sample]
    """Once. May raise `MeasureError`."""
    group: str = ""
    """Each group has a table of its own, mostly one for each placement."""
    series: str = ""
    """The line of a plot that it is a point of, where that is not its group."""
    x: float | None = None
    """Where on that line."""

    @property
    def line(self) -> str:
        """In the plot's legend."""
        return self.series or self.group


class Workload(ABC):
    """One question."""

    name: str
    """For `--only`, files and headings."""
    about: str
    """What is done, in a sentence or two, for the report."""
    metrics: tuple[Metric, ...]
    baseline: str = "haproxy"
    """The case that ratios are to."""
    x_title: str = ""
    """What grows along a plot, for cases that have an `x`."""
    quick: bool = False
    """Whether `--quick` includes it."""
    rounds: int = 1000
    """At most, where one takes long or varies little."""

    @abstractmethod
    def cases(self, options: Options) -> Iterable[Case]:
        """Its rows. Nothing is measured yet."""


def workloads(only: Sequence[str] = (), *, quick: bool = False) -> list[Workload]:
    """All of bench/workloads, each module's `WORKLOADS`, or those whose names fit one of the patterns; a
    pattern also fits what begins with it. Ends the program where one fits none.
    """
    found: list[Workload] = []
    for module in sorted(pkgutil.iter_modules(bench.workloads.__path__), key=lambda one: one.name):
        found += importlib.import_module(f"bench.workloads.{module.name}").WORKLOADS
    if not only:
        return [one for one in found if one.quick or not quick]
    for pattern in only:
        if not any(_fits(one, pattern) for one in found):
            raise SystemExit(f"bench/run.py: {unknown('workload', pattern, [one.name for one in found])}")
    return [one for one in found if any(_fits(one, pattern) for pattern in only)]


def _fits(workload: Workload, pattern: str) -> bool:
    return fnmatchcase(workload.name, f"{pattern}*")


def across(options: Options, measure: Callable[[Options, System, Placement], Sample]) -> Iterator[Case]:
    """A case for every system in every placement. `measure`: one of them, once."""
    for placement in options.placements:
        for system in options.systems:
            yield Case(system.name, partial(measure, options, system, placement), placement.name)
