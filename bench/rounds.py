"""Measures every case of a workload once a round, one right after the other. The order rotates from round to
round, so that no case is always first or always after the same other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bench.case import Case, Workload
from bench.options import Options
from bench.sample import MeasureError, Sample

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

    def has_failed(self) -> bool:
        """In any round: it will have no number, so nobody waits for it to fail again."""
        return any(outcome.failure for outcome in self.outcomes)


@dataclass
class Table:
    """One workload with all that was measured."""

    workload: Workload
    rows: list[Row]
    rounds: int

    @classmethod
    def of(cls, workload: Workload, options: Options) -> Table:
        """All its cases, nothing measured yet."""
        rows = list(map(Row, workload.cases(options)))
        return cls(workload, rows, min(options.rounds, workload.rounds))


def rotated(items: Sequence[Each], by: int) -> list[Each]:
    """The same, beginning elsewhere."""
    start = by % len(items) if items else 0
    return [*items[start:], *items[:start]]


def measured(tables: Sequence[Table], say: Callable[[str], None], after_each: Callable[[], None]) -> None:
    """Fills the tables, one after the other."""
    for table in tables:
        for number in range(table.rounds):
            for row in rotated(table.rows, number):
                if row.has_failed():
                    continue
                outcome = _outcome(row.case, number)
                row.outcomes.append(outcome)
                say(_line(table, row, outcome))
        after_each()


def _line(table: Table, row: Row, outcome: Outcome) -> str:
    values = "  ".join(f"{name} {value:.6g}" for name, value in outcome.sample.items())
    said = f"FAILED: {outcome.failure}" if outcome.failure else values
    place = f"round {outcome.round + 1}  {table.workload.name:18} {row.case.group:9} {row.case.name:14}"
    return f"{place} {said}"


def _outcome(case: Case, number: int) -> Outcome:
    try:
        return Outcome(number, sample=case.measure())
    except MeasureError as failed:
        return Outcome(number, failure=" ".join(str(failed).split()))
    except Exception as error:  # noqa: BLE001 - whatever cut a measurement short is its outcome
        return Outcome(number, failure=" ".join(f"{type(error).__name__}: {error}".split())[:200])
