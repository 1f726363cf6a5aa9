"""Measures every case once a round. The order rotates from round to round, so that no case is always first or
always after the same other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bench.case import Case, MeasureError, Sample, Workload
from bench.options import Options

Each = TypeVar("Each")


@dataclass(frozen=True)
class Outcome:
    """What became of one measurement: a sample, or why there is none."""

    round: int
    sample: Sample = field(default_factory=dict)
    failure: str = ""


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


def measured(tables: Sequence[Table], rounds: int, say: Callable[[str], None]) -> None:
    """Fills the tables."""
    for number in range(rounds):
        for table in rotated(tables, number):
            for row in rotated(table.rows, number):
                outcome = _outcome(row.case, number)
                row.outcomes.append(outcome)
                values = "  ".join(f"{name} {value:.6g}" for name, value in outcome.sample.items())
                place = f"round {number + 1}  {table.workload.name:18} {row.case.group:9} {row.case.name:14}"
                say(f"{place} {values}{outcome.failure and 'FAILED: '}{outcome.failure}")


def _outcome(case: Case, number: int) -> Outcome:
    try:
        return Outcome(number, sample=case.measure())
    except MeasureError as failed:
        return Outcome(number, failure=" ".join(str(failed).split()))
    except Exception as error:  # noqa: BLE001 - whatever cut a measurement short is its outcome
        return Outcome(number, failure=" ".join(f"{type(error).__name__}: {error}".split())[:200])
