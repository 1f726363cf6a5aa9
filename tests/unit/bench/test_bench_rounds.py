"""Every case once a round, in turn; whatever fails is a failure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import pytest

from bench.case import Case, Metric, Workload, workloads
from bench.medians import failures, number
from bench.options import Options, parse
from bench.report import report, section
from bench.rounds import Outcome, Row, Table, measured, rotated
from bench.sample import MeasureError, Sample
from bench.stage import Rate


class Scripted(Workload):
    """Each case says its name to a list, and has the value given."""

    name = "scripted"
    about = "Nothing."
    metrics = (Metric("speed", "per second", 1),)
    baseline = "a"

    def __init__(self, values: dict[str, list[float | Exception]]) -> None:
        self.values = values
        self.order: list[str] = []

    def cases(self, options: Options) -> Iterable[Case]:  # noqa: ARG002 - it has cases of its own
        return [Case(name, partial(self.measure, name)) for name in self.values]

    def measure(self, name: str) -> Sample:
        self.order.append(name)
        value = self.values[name].pop(0)
        if isinstance(value, Exception):
            raise value
        return {"speed": value}


def table_of(values: dict[str, list[float | Exception]], rounds: int) -> Table:
    table = Table.of(Scripted(values), parse(["--rounds", str(rounds)]))
    measured([table], lambda _: None, lambda _: None)
    return table


def order_of(table: Table) -> str:
    workload = table.workload
    assert isinstance(workload, Scripted)
    return "".join(workload.order)


def test_the_order_rotates_and_everyone_has_every_place_once() -> None:
    table = table_of({name: [1.0] * 3 for name in "abc"}, 3)
    assert order_of(table) == "abcbcacab"
    assert rotated([], 2) == []


def test_ratios_are_taken_within_rounds() -> None:
    # The machine slows down by ten in the second round: both lose, the ratio stands.
    table = table_of({"a": [100.0, 10.0, 100.0], "b": [200.0, 20.0, 150.0]}, 3)
    found = number(table.rows[1], "speed", table.rows[0])
    assert found is not None
    assert (found.median, found.ratio) == (150.0, 2.0)
    assert found.spread == pytest.approx((175 - 85) / 2 / 150)


def test_a_case_that_failed_once_shows_why_and_has_no_number() -> None:
    table = table_of({"a": [1.0, 1.0], "b": [2.0, MeasureError("3x reset")], "c": [ValueError("x"), 1.0]}, 2)
    assert number(table.rows[1], "speed", table.rows[0]) is None
    assert [failures(row) for row in table.rows] == ["", "3x reset", "ValueError: x"]
    page = report([table], parse(["--rounds", "2"]), "bench/run.py")
    assert "| b | **failed**: 3x reset |" in page
    assert "| a | 1.0 (1.00) ±0% |" in page


def test_each_table_says_what_its_ratios_are_to_and_how_often_it_was_measured() -> None:
    options = parse(["--rounds", "2"])
    (workload,) = workloads(["connections-100"])
    usual = Table.of(workload, options)
    other = Table.of(Scripted({"a": [4.0], "b": [1.0]}), replace(options, rounds=1))
    measured([other], lambda _: None, lambda _: None)
    page = report([other, usual], options, "bench/run.py")
    assert "ratio to `haproxy`, or" in page
    assert "Nothing. In brackets: the ratio to `a`. Rounds: 1.\n" in page
    assert f"{usual.workload.about}\n" in page
    assert "| b | 1.0 (0.25) |" in page  # a single round cannot spread


def test_what_has_failed_is_not_measured_again() -> None:
    table = table_of({"a": [1.0] * 3, "b": [2.0, MeasureError("gone")]}, 3)
    assert order_of(table) == "abbaa"
    assert [len(row.outcomes) for row in table.rows] == [3, 2]


def test_what_failed_is_told_in_its_round_and_each_table_when_it_is_full() -> None:
    options = parse(["--rounds", "2"])
    values: dict[str, list[float | Exception]] = {"a": [1.0] * 2, "b": [MeasureError("3x reset")]}
    said: list[str] = []
    measured(
        [Table.of(Scripted(values), options)], said.append, lambda table: said.append(section(table, options))
    )
    assert said[:3] == [
        "workload 1 of 1, scripted: round 1 of 2",
        "  b FAILED: 3x reset",
        "workload 1 of 1, scripted: round 2 of 2",
    ]
    assert "|  | per second |" in said[3]
    assert "| a | 1.0 (1.00) ±0% |" in said[3]


def test_a_missing_baseline_leaves_ratios_out() -> None:
    row = Row(Case("b", dict), [Outcome(0, {"speed": 2.0})])
    failed = Row(Case("a", dict), [Outcome(0, failure="gone")])
    for baseline in (None, failed):
        found = number(row, "speed", baseline)
        assert found is not None
        assert (found.median, found.ratio) == (2.0, None)
    assert number(row, "other", None) is None


def test_every_workload_has_a_name_of_its_own_and_is_found_by_its_beginning() -> None:
    names = [one.name for one in workloads()]
    assert len(set(names)) == len(names)
    assert [one.name for one in workloads(["ping-pong-1"])] == ["ping-pong-1", "ping-pong-1000"]
    assert {one.name for one in workloads(quick=True)} < set(names)
    for only in (["xyz"], ["ping-pong", "xyz"]):
        with pytest.raises(SystemExit, match="no workload is called xyz; there are: affinity, "):
            workloads(only)


def test_a_rate_measures_all_that_its_workloads_show() -> None:
    sample = Rate(1.0, 5.0, 5.0, 10, 10, 1.0, 2.0, 3.0).sample()
    assert sample["cpu_us"] == 1e5
    assert "cpu_us" not in Rate(0.0, 5.0, 5.0, 10, 10, 1.0, 2.0, 3.0).sample()  # without a balancer
    for one in workloads(["connections", "ping-pong", "growth", "features", "load-rating"]):
        assert {metric.name for metric in one.metrics} <= set(sample), one.name


def test_every_metric_is_measured_or_at_least_named_once() -> None:
    for one in workloads():
        assert one.about
        assert len({metric.name for metric in one.metrics}) == len(one.metrics) > 0
