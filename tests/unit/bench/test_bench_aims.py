"""What was aimed at is told truly, and of things that are measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.aims import AIMS, Aim, summary
from bench.case import Case, workloads
from bench.options import parse
from bench.rounds import Outcome, Row, Table

AIM = Aim("speed", "connections-100", "per_second", 1.2, least=True)


def table_of(ours: float, theirs: float, failure: str = "") -> Table:
    (workload,) = workloads(["connections-100"])
    rows = [
        Row(Case(name, dict, "pinned"), [Outcome(0, {"per_second": value}, failure)])
        for name, value in (("protobalance", ours), ("haproxy", theirs))
    ]
    return Table(workload, rows, rounds=1)


def said(aim: Aim, *tables: Table) -> list[str]:
    """The last two cells of its line."""
    return (aim.line(tables) or "").split(" | ")[-2:]


@pytest.mark.parametrize(
    ("ours", "ratio", "met"),
    [(130, "1.30", "yes"), (120, "1.20", "yes"), (119.6, "1.20", "yes"), (119, "1.19", "**no**")],
)
def test_a_lower_bound_is_met_or_not(ours: float, ratio: str, met: str) -> None:
    assert said(AIM, table_of(ours, 100)) == [ratio, f"{met} |"]


def test_an_upper_bound_is_met_from_below() -> None:
    aim = replace(AIM, least=False, ratio=False, bound=400)
    assert [said(aim, table_of(ours, 1))[1] for ours in (399, 401)] == ["yes |", "**no** |"]


def test_what_failed_is_said_and_what_was_not_measured_left_out() -> None:
    assert AIM.line([]) is None
    assert summary([]) == ""
    assert said(AIM, table_of(1, 1, "3x reset")) == ["failed", "**no** |"]
    assert "new connections, 100" in summary([table_of(1, 1)])


def test_a_ratio_shows_how_much_it_differed_from_round_to_round() -> None:
    table = table_of(10, 10)
    for number, (ours, theirs) in enumerate([(80, 100), (12, 10)], start=1):
        for row, value in zip(table.rows, (ours, theirs), strict=True):
            row.outcomes.append(Outcome(number, {"per_second": value}))
    # Ratios of 0.8, 1 and 1.2, however far the machine's own speeds lie apart.
    assert said(AIM, table) == ["1.00 ±10%", "**no** |"]


def test_every_aim_is_of_something_that_is_measured() -> None:
    options = parse([])
    known = {
        (workload.name, metric.name, case.group, case.name)
        for workload in workloads()
        for case in workload.cases(options)
        for metric in workload.metrics
    }
    for aim in AIMS:
        assert (aim.workload, aim.metric, aim.group, aim.case) in known, aim
