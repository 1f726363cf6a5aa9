"""Numbers out of samples: medians, spreads, and ratios within each round, where both met the same machine."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from bench.rounds import Row


@dataclass(frozen=True)
class Number:
    """One cell."""

    median: float
    spread: float
    """Half of what lies between the least and the greatest, as a part of the median."""
    ratio: float | None
    """Median of the ratios to the baseline, round by round; where they have no round in good weather in
    common, ratio of the medians. None without a baseline.
    """
    doubtful: bool = False
    """Whether the machine was slow each time."""


def values(row: Row, metric: str) -> dict[int, float]:
    """By round; of rounds in good weather, if there are any. Empty if any round failed: a system that fails
    at times has no number.
    """
    if any(outcome.failure for outcome in row.outcomes):
        return {}
    counting = [outcome for outcome in row.outcomes if not outcome.bad_weather] or row.outcomes
    return {outcome.round: outcome.sample[metric] for outcome in counting if metric in outcome.sample}


def number(row: Row, metric: str, baseline: Row | None) -> Number | None:
    """The cell of a row under a metric; None where it failed, or was not measured."""
    own = values(row, metric)
    if not own:
        return None
    middle = median(own.values())
    spread = (max(own.values()) - min(own.values())) / 2 / middle if middle else 0.0
    doubtful = _is_doubtful(row)
    # A ratio between a slow machine and a fast one would be one of machines.
    comparable = baseline is not None and _is_doubtful(baseline) == doubtful
    base = values(baseline, metric) if baseline and comparable else {}
    ratios = [own[each] / base[each] for each in own if base.get(each)]
    if not ratios and base and (divisor := median(base.values())):
        ratios = [middle / divisor]
    return Number(middle, spread, median(ratios) if ratios else None, doubtful)


def _is_doubtful(row: Row) -> bool:
    return all(outcome.bad_weather for outcome in row.outcomes)


def failures(row: Row) -> str:
    """Why it has no numbers, each reason once."""
    return "; ".join(sorted({outcome.failure for outcome in row.outcomes if outcome.failure}))
