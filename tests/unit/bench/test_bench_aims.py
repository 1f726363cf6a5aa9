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
    return Table(workload, rows)


@pytest.mark.parametrize(("ours", "met"), [(130, "yes"), (120, "yes"), (119.6, "yes"), (119, "**no**")])
def test_a_lower_bound_is_met_or_not(ours: float, met: str) -> None:
    found = AIM.measured([table_of(ours, 100)])
    assert found is not None
    assert found == pytest.approx(ours / 100)
    assert AIM.line(found).endswith(f"| {met} |")


def test_an_upper_bound_is_met_from_below() -> None:
    aim = replace(AIM, least=False, ratio=False, bound=400)
    assert [aim.line(found).split(" | ")[-1] for found in (399.0, 401.0)] == ["yes |", "**no** |"]


def test_what_failed_or_was_not_measured_is_left_out() -> None:
    assert AIM.measured([]) is None
    assert AIM.measured([table_of(1, 1, "3x reset")]) is None
    assert summary([]) == ""
    assert "new connections, 100" in summary([table_of(1, 1)])


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
