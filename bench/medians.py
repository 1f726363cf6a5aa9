"""Numbers out of samples: medians, spreads, and ratios within each round, where both met the same machine."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median, quantiles

from bench.rounds import Row


@dataclass(frozen=True)
class Number:
    """One cell."""

    median: float
    spread: float
    """Half of what the middle half of the rounds spans, as a part of the median."""
    ratio: float | None
    """Median of the ratios to the baseline, round by round. None without a baseline."""


def values(row: Row, metric: str) -> dict[int, float]:
    """By round. Empty if any round failed: a system that fails at times has no number."""
    if failures(row):
        return {}
    return {outcome.round: outcome.sample[metric] for outcome in row.outcomes if metric in outcome.sample}


def number(row: Row, metric: str, baseline: Row | None) -> Number | None:
    """The cell of a row under a metric; None where it failed, or was not measured."""
    own = values(row, metric)
    if not own:
        return None
    middle = median(own.values())
    base = values(baseline, metric) if baseline else {}
    ratios = [own[each] / base[each] for each in own if base.get(each)]
    return Number(middle, _spread(list(own.values()), middle), median(ratios) if ratios else None)


def _spread(samples: list[float], middle: float) -> float:
    if len(samples) < 2 or not middle:
        return 0.0
    low, _, high = quantiles(samples, method="inclusive")
    return (high - low) / 2 / middle


def failures(row: Row) -> str:
    """Why it has no numbers, each reason once."""
    return "; ".join(sorted({outcome.failure for outcome in row.outcomes if outcome.failure}))
