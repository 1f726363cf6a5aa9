"""A rating that fails, hangs or says nonsense harms nothing, and is told by name, once."""

from __future__ import annotations

import asyncio
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from protobalance.config.model import LoadRating
from protobalance.control.background import rater, rating_round
from protobalance.control.load_ratings import NodeStats, Rater
from unit.control.conftest import FILE, World

RATED = FILE.replace(
    'policy = "least-sessions"', 'policy = "minimum-load"\nload_rating = { function = "my_ratings:load" }'
)


@pytest.fixture
def install() -> Iterator[Callable[[object], None]]:
    """Puts a rating function into an importable module."""
    module = types.ModuleType("my_ratings")

    def put(function: object) -> None:
        module.load = function  # type: ignore[attr-defined]  # made here
        sys.modules["my_ratings"] = module

    yield put
    sys.modules.pop("my_ratings", None)


def function_rater(timeout: float = 60.0) -> Rater:
    return rater("web", LoadRating(function="my_ratings:load", timeout=timeout))


def one_round(world: World, rates: Rater) -> None:
    asyncio.run(rating_round(world.supervisors[-1].running, "web", rates))


def problems(world: World) -> list[str]:
    return [problem.message for problem in world.supervisors[-1].status().rating_problems]


def test_a_function_sees_every_node_and_its_numbers_are_published(
    world: World, install: Callable[[object], None]
) -> None:
    world.supervisor(RATED)
    world.engine.active = {"web/a": 4}

    def load(nodes: Mapping[str, NodeStats]) -> dict[str, float]:
        return {name: node.active / node.weight for name, node in nodes.items()}

    install(load)
    one_round(world, function_rater())
    assert world.engine.ratings == [("web", {"a": 4.0, "b": 0.0})]
    assert problems(world) == []


def raising(nodes: object) -> None:
    raise LookupError("no database")


def exiting(nodes: object) -> None:
    sys.exit(3)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (raising, "raised LookupError: no database"),
        (exiting, "raised RuntimeError: SystemExit: 3"),
        (lambda _: None, "returned None, expected a mapping of node name to number"),
        (lambda _: "busy", "returned str, expected a mapping of node name to number"),
        (lambda _: {"a": "busy"}, "rated 'a' as str, expected a number from 0"),
        (lambda _: {"a": float("nan")}, "rated 'a' as nan, expected a number from 0"),
        (lambda _: {"a": float("inf")}, "rated 'a' as inf, expected a number from 0"),
        (lambda _: {"a": -1.0}, "rated 'a' as -1.0, expected a number from 0"),
        (lambda _: {"a": True}, "rated 'a' as bool, expected a number from 0"),
        (lambda _: {"a": 10**400}, "rated 'a' as int, expected a number from 0"),
        (lambda _: {"z": 1.0}, "rated 'z', which is no node of the cluster"),
        (42, "raised TypeError: 'int' object is not callable"),
    ],
)
def test_nonsense_is_told_by_name_and_publishes_nothing(
    world: World, install: Callable[[object], None], function: object, message: str
) -> None:
    supervisor = world.supervisor(RATED)
    install(function)
    one_round(world, function_rater())
    assert world.engine.ratings == []
    problem = supervisor.status().rating_problems[0]
    assert (problem.cluster, problem.source, problem.message) == ("web", "my_ratings:load", message)


def test_a_module_that_is_not_there_is_told(world: World) -> None:
    world.supervisor(RATED)
    one_round(world, function_rater())
    assert problems(world) == ["raised ModuleNotFoundError: No module named 'my_ratings'"]


def test_good_nodes_are_rated_beside_bad_ones_and_none_says_nothing(
    world: World, install: Callable[[object], None]
) -> None:
    world.supervisor(RATED)
    install(lambda _: {"a": None, "b": 2})
    one_round(world, function_rater())
    assert (world.engine.ratings, problems(world)) == ([("web", {"b": 2.0})], [])
    install(lambda _: {"a": "?", "b": 3})
    one_round(world, function_rater())
    assert world.engine.ratings[-1] == ("web", {"b": 3.0})
    assert len(problems(world)) == 1


def test_a_problem_is_told_when_it_begins_changes_and_ends(
    world: World, install: Callable[[object], None]
) -> None:
    supervisor = world.supervisor(RATED)
    answers: list[object] = [
        {"a": 1.0}, ValueError("at 1"), ValueError("at 2"), {"a": "x"}, {"a": "y"}, {"a": 1.0}, {"a": 1.0},
    ]  # fmt: skip

    def load(nodes: object) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    install(load)
    rates = function_rater()
    while answers:
        one_round(world, rates)
    told = [entry.summary for entry in reversed(supervisor.history()) if entry.kind == "rating"]
    assert told == [
        "my_ratings:load: raised ValueError: at 1",
        "my_ratings:load: rated 'a' as str, expected a number from 0",
        "my_ratings:load: rates again",
    ]


def test_a_function_that_hangs_is_called_once_and_holds_nothing_up(
    world: World, install: Callable[[object], None]
) -> None:
    world.supervisor(RATED)
    release, calls = threading.Event(), []

    def hang(nodes: object) -> dict[str, float]:
        calls.append(nodes)
        release.wait()
        return {}

    install(hang)
    rates = function_rater(timeout=0.0)
    one_round(world, rates)
    one_round(world, rates)
    assert len(calls) == 1
    assert problems(world) == ["no answer within 0 s"]
    release.set()


def test_a_function_cannot_change_what_it_is_given(world: World, install: Callable[[object], None]) -> None:
    world.supervisor(RATED)

    def meddle(nodes: Any) -> dict[str, float]:
        nodes["a"] = None
        return {}

    install(meddle)
    one_round(world, function_rater())
    assert problems(world)[0].startswith("raised TypeError")
