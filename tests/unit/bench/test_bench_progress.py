"""How far it is, and how long it will take."""

from __future__ import annotations

from bench.progress import Progress


def told(workloads: list[tuple[str, int]], times: list[float]) -> list[str]:
    """What is said when rounds begin at these times."""
    clock = iter(times)
    progress = Progress(workloads, lambda: next(clock))
    return [progress.next_round() for _ in times]


def test_each_round_is_told_with_what_has_passed_and_what_is_left() -> None:
    # A first round of 12 s, in which everything is started, and others of 2 s.
    assert told([("bulk", 4), ("storm", 1), ("idle", 2)], [0, 12, 14, 16, 18, 118]) == [
        "workload 1 of 3, bulk: round 1 of 4",
        "workload 1 of 3, bulk: round 2 of 4",
        "workload 1 of 3, bulk: round 3 of 4; 14 s gone, about 40 s left",
        "workload 1 of 3, bulk: round 4 of 4; 16 s gone, about 38 s left",
        "workload 2 of 3, storm: round 1 of 1; 18 s gone, about 36 s left",
        "workload 3 of 3, idle: round 1 of 2; 2 min gone, about 59 s left",
    ]


def test_what_takes_longer_than_those_before_is_reckoned_by_its_own_first_round() -> None:
    assert told([("a", 1), ("b", 2)], [0, 10, 90])[-1].endswith("; 90 s gone, about 80 s left")
