"""Events wake whoever waits for them, in their order, and are told to be missing where they are."""

from __future__ import annotations

import select
from collections.abc import Iterator

import pytest

from peers.wish import Config, wish
from protobalance.config import from_mapping
from protobalance.config.plan import compile_plan
from protobalance.control.engine_port import EnginePort, start_engine
from protobalance.control.report import EngineWarning, NodeDown, NodeUp

pytest.importorskip("protobalance._engine", reason="needs the compiled engine: make build")

ROOM = 1024  # events that wait at most


def _config() -> Config:
    return wish({"n": ("127.0.0.1", 9)})


@pytest.fixture
def engine() -> Iterator[EnginePort]:
    started = start_engine(1, 0, [])
    started.apply(compile_plan(from_mapping(_config())))
    yield started
    started.stop()


def _waits(engine: EnginePort) -> bool:
    return bool(select.select([engine.event_fd], [], [], 0)[0])


def test_the_descriptor_is_readable_while_there_are_events(engine: EnginePort) -> None:
    assert not _waits(engine)
    engine.report_check("c", "n", "no answer")
    assert _waits(engine)
    (event,) = engine.take_events()
    assert isinstance(event, NodeDown)
    assert (event.cluster, event.node, event.reason, event.retry_in_ms) == ("c", "n", "no answer", 5000)
    assert not _waits(engine)


def test_nothing_new_is_no_event(engine: EnginePort) -> None:
    engine.report_check("c", "n", "")
    for _ in range(3):
        engine.report_check("c", "n", "no answer")
    for _ in range(3):
        engine.report_check("c", "n", "")
    assert [type(event) for event in engine.take_events()] == [NodeDown, NodeUp]


def test_events_that_find_no_room_are_counted(engine: EnginePort) -> None:
    for nth in range(ROOM + 100):
        engine.report_check("c", "n", "" if nth % 2 else "no answer")
    *events, last = engine.take_events()
    assert [type(event) for event in events] == [NodeDown, NodeUp] * (ROOM // 2)
    assert isinstance(last, EngineWarning)
    assert last.message.startswith("100 events were dropped")
    assert engine.take_events() == []


def test_each_plan_has_a_generation_of_its_own(engine: EnginePort) -> None:
    plan = compile_plan(from_mapping(_config()))
    assert [engine.snapshot().generation, engine.apply(plan), engine.apply(plan)] == [1, 2, 3]
    assert engine.snapshot().generation == 3
