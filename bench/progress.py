"""How far a run is. What is left is reckoned from what has passed: workloads are cut to take about as long as
each other, and the rounds of one differ only in that the first also starts what it measures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import mean


class Progress:
    """`workloads`: by name, with the number of rounds of each."""

    def __init__(
        self, workloads: Sequence[tuple[str, int]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._workloads = workloads
        self._clock = clock
        self._begun: list[list[float]] = []

    def next_round(self) -> str:
        """What is said as it begins."""
        if not self._begun or len(self._begun[-1]) == self._workloads[len(self._begun) - 1][1]:
            self._begun.append([])
        self._begun[-1].append(self._clock())
        name, rounds = self._workloads[len(self._begun) - 1]
        place = f"workload {len(self._begun)} of {len(self._workloads)}, {name}"
        return f"{place}: round {len(self._begun[-1])} of {rounds}{self._times(rounds)}"

    def _times(self, rounds: int) -> str:
        firsts = [one[0] for one in self._begun]
        whole = [after - before for before, after in pairwise(firsts)]
        this = _whole(self._begun[-1], rounds, whole)
        if this is None:
            return ""
        now = self._begun[-1][-1]
        left = this - (now - firsts[-1]) + mean([*whole, this]) * (len(self._workloads) - len(firsts))
        return f"; {_duration(now - firsts[0])} gone, about {_duration(left)} left"


def _whole(begun: Sequence[float], rounds: int, others: Sequence[float]) -> float | None:
    """How long a workload takes whose rounds began then; None while nothing can be said."""
    first, now = begun[0], begun[-1]
    if len(begun) > 2:
        return begun[1] - first + (now - begun[1]) / (len(begun) - 2) * (rounds - 1)
    if others and now - first < mean(others):
        return mean(others)
    return (now - first) * rounds if others else None


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 99.5 else f"{seconds / 60:.0f} min"
