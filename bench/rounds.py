"""Measures every case of a workload once a round, one right after the other. The order rotates from round to
round, so that no case is always first or always after the same other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bench.case import Case, Workload
from bench.options import Options
from bench.progress import Progress
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


def measured(
    tables: Sequence[Table], say: Callable[[str], None], after_each: Callable[[Table], None]
) -> None:
    """Fills the tables, one after the other."""
    progress = Progress([(table.workload.name, table.rounds) for table in tables])
    for table in tables:
        for number in range(table.rounds):
            say(progress.next_round())
            for row in rotated(table.rows, number):
                if row.has_failed():
                    continue
                row.outcomes.append(_outcome(row.case, number))
                if failure := row.outcomes[-1].failure:
                    say(f"  {' '.join(filter(None, (row.case.group, row.case.name)))} FAILED: {failure}")
        after_each(table)


def _outcome(case: Case, number: int) -> Outcome:
    try:
        return Outcome(number, sample=case.measure())
    except MeasureError as failed:
        return Outcome(number, failure=" ".join(str(failed).split()))
    except Exception as error:  # noqa: BLE001 - whatever cut a measurement short is its outcome
        return Outcome(number, failure=" ".join(f"{type(error).__name__}: {error}".split())[:200])
