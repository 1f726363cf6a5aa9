"""What is measured: workloads, their cases and metrics. Nothing here measures."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import bench.workloads
from bench.options import Options

Sample = dict[str, float]
"""A value for each metric, by name."""


class MeasureError(Exception):
    """No number came of it; the text says why, for the table."""


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
    """The line of a plot that it is a point of."""
    x: float | None = None
    """Where on that line."""


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

    @abstractmethod
    def cases(self, options: Options) -> Iterable[Case]:
        """Its rows. Nothing is measured yet."""


def workloads(only: Sequence[str] = ()) -> list[Workload]:
    """All of bench/workloads, each module's `WORKLOADS`, or those whose names fit one of the patterns; a
    pattern also fits what begins with it.
    """
    found: list[Workload] = []
    for module in sorted(pkgutil.iter_modules(bench.workloads.__path__), key=lambda one: one.name):
        found += importlib.import_module(f"bench.workloads.{module.name}").WORKLOADS
    found = [
        one for one in found if not only or any(fnmatchcase(one.name, f"{pattern}*") for pattern in only)
    ]
    if not found:
        raise SystemExit(f"no workload is called {' or '.join(only)}")
    return found
