"""Measures every case once a round. The order rotates from round to round, so that no case is always first or
always after the same other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bench.case import Case, MeasureError, Sample, Workload
from bench.options import Options
from bench.weather import TRIES, Weather

Each = TypeVar("Each")


@dataclass(frozen=True)
class Outcome:
    """What became of one measurement: a sample, or why there is none."""

    round: int
    sample: Sample = field(default_factory=dict)
    failure: str = ""
    bad_weather: bool = False
    """Whether the machine was slow each time it was tried."""


@dataclass
class Row:
    """One case with all its outcomes."""

    case: Case
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass
class Table:
    """One workload with all that was measured."""

    workload: Workload
    rows: list[Row]

    @classmethod
    def of(cls, workload: Workload, options: Options) -> Table:
        """All its cases, nothing measured yet."""
        return cls(workload, list(map(Row, workload.cases(options))))


def rotated(items: Sequence[Each], by: int) -> list[Each]:
    """The same, beginning elsewhere."""
    start = by % len(items) if items else 0
    return [*items[start:], *items[:start]]


def measured(
    tables: Sequence[Table], rounds: int, say: Callable[[str], None], weather: Weather | None = None
) -> None:
    """Fills the tables, looking at the weather if there is any."""
    for number in range(rounds):
        for table in rotated(tables, number):
            for row in rotated(table.rows, number):
                outcome = _in_good_weather(row.case, number, weather)
                row.outcomes.append(outcome)
                say(_line(table, row, outcome))


def _line(table: Table, row: Row, outcome: Outcome) -> str:
    values = "  ".join(f"{name} {value:.6g}" for name, value in outcome.sample.items())
    said = f"FAILED: {outcome.failure}" if outcome.failure else values
    place = f"round {outcome.round + 1}  {table.workload.name:18} {row.case.group:9} {row.case.name:14}"
    return f"{place} {said}{'  (bad weather)' * outcome.bad_weather}"


def _in_good_weather(case: Case, number: int, weather: Weather | None) -> Outcome:
    if weather is None:
        return _outcome(case, number)
    for _ in range(TRIES):
        before = weather.wait()
        outcome = _outcome(case, number)
        if not weather.is_bad(before, weather.look()):
            return outcome
    return replace(outcome, bad_weather=True)


def _outcome(case: Case, number: int) -> Outcome:
    try:
        return Outcome(number, sample=case.measure())
    except MeasureError as failed:
        return Outcome(number, failure=" ".join(str(failed).split()))
    except Exception as error:  # noqa: BLE001 - whatever cut a measurement short is its outcome
        return Outcome(number, failure=" ".join(f"{type(error).__name__}: {error}".split())[:200])
