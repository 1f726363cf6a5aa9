"""Numbers out of samples: medians, spreads, and ratios within each round, where both met the same machine."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import quantiles

from bench.rounds import Row


@dataclass(frozen=True)
class Number:
    """One cell."""

    median: float
    spread: float | None
    """Half of what the middle half of the rounds spans, as a part of the median. None of a single round."""
    ratio: float | None
    """Median of the ratios to the baseline, round by round. None without a baseline."""
    ratio_spread: float | None
    """Of these ratios."""


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
    base = values(baseline, metric) if baseline else {}
    ratios = [own[each] / base[each] for each in own if base.get(each)]
    return Number(*_middle(list(own.values())), *(_middle(ratios) if ratios else (None, None)))


def _middle(samples: list[float]) -> tuple[float, float | None]:
    """The median and its spread."""
    if len(samples) < 2:
        return samples[0], None
    low, middle, high = quantiles(samples, method="inclusive")
    return middle, (high - low) / 2 / abs(middle) if middle else 0.0


def spread(part: float | None) -> str:
    """` ±2%`, as it follows a number; nothing where a single round has none."""
    return "" if part is None else f" ±{part:.0%}"


def failures(row: Row) -> str:
    """Why it has no numbers, each reason once."""
    return "; ".join(sorted({outcome.failure for outcome in row.outcomes if outcome.failure}))
