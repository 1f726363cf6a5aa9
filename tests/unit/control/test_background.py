"""What goes on by itself follows the configuration, and outlives its own failures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from protobalance.control import background, source_ports
from protobalance.control.answers import HistoryEntry
from protobalance.control.background import Background
from protobalance.control.chores import Checks, Chore, Names, Rate, chores
from protobalance.control.report import NodeDown
from unit.control.conftest import FILE, World

CHECKED = FILE.replace('policy = "least-sessions"', 'policy = "least-sessions"\ncheck = { interval = "5s" }')


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sleepers.append((seconds, waiting))
        await waiting

    def pass_by(self) -> None:
        """Let every sleeper's time be over."""
        sleepers, self.sleepers = self.sleepers, []
        for _, waiting in sleepers:
            if not waiting.done():
                waiting.set_result(None)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until something holds; pytest's own timeout bounds it."""
    while not condition():  # noqa: ASYNC110 - what is waited for knows nothing of events
        await asyncio.sleep(0)


def kinds(wanted: list[Chore]) -> list[tuple[type, str]]:
    return [(type(chore), getattr(chore, "cluster", "")) for chore in wanted]


def test_chores_are_what_the_configuration_wants(world: World) -> None:
    text = CHECKED.replace("10.0.0.1:80", "a.internal:80") + (
        '\n[clusters.green]\npolicy = "minimum-load"\nload_rating = { agent = "tcp://{host}:99" }\n'
        '[clusters.own]\npolicy = "minimum-load"\nload_rating = { expression = "sessions" }\n'
        '[clusters.own.nodes.a]\naddress = "10.0.2.1:80"\n'
    )
    config = world.supervisor(text).running.in_force.config
    assert kinds(list(chores(config))) == [(Names, "web"), (Checks, "web"), (Rate, "green")]


def test_rounds_repeat_and_tasks_follow_a_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = world.supervisor(CHECKED)
    rounds: list[str] = []

    async def one_round(running: object, cluster: str, settings: object) -> None:
        rounds.append(cluster)

    monkeypatch.setattr(background, "check_round", one_round)

    async def run() -> None:
        clock = Clock()
        made = Background(supervisor, sleep=clock.sleep)
        made.start()
        await until(lambda: clock.sleepers)
        assert clock.sleepers[0][0] == 5.0
        clock.pass_by()
        await until(lambda: len(rounds) == 2)
        world.rewrite(("weight = 2", "weight = 3"))
        await asyncio.to_thread(supervisor.apply)
        await until(lambda: clock.sleepers)
        kept = clock.sleepers[0][1]
        await asyncio.sleep(0)
        assert not kept.cancelled()
        world.rewrite(('"5s"', '"9s"'))
        await asyncio.to_thread(supervisor.apply)
        await until(lambda: [seconds for seconds, _ in clock.sleepers] == [5.0, 9.0])
        assert kept.cancelled()
        await made.stop()

    asyncio.run(run())


def test_a_round_that_fails_is_told_and_the_next_is_tried(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = world.supervisor(CHECKED)

    async def one_round(running: object, cluster: str, settings: object) -> None:
        raise ArithmeticError("ours")

    monkeypatch.setattr(background, "check_round", one_round)

    async def run() -> None:
        clock = Clock()
        made = Background(supervisor, sleep=clock.sleep)
        made.start()
        for _ in range(3):
            await until(lambda: clock.sleepers)
            clock.pass_by()
        await until(lambda: clock.sleepers)
        await made.stop()

    asyncio.run(run())
    told = [(entry.subject, entry.summary) for entry in supervisor.history() if entry.kind == "warning"]
    assert told == [("checks of web", "ArithmeticError: ours")]


def test_engine_events_are_told_as_they_come(world: World) -> None:
    supervisor = world.supervisor()

    async def run() -> None:
        made = Background(supervisor)
        made.start()
        heard: list[HistoryEntry] = []
        supervisor.subscribe(heard.append)
        world.engine.report(NodeDown("web", "a", "refused", 5000))
        await until(lambda: heard)
        assert heard[0].subject == "web/a"
        await made.stop()
        world.engine.report(NodeDown("web", "b", "refused", 5000))
        await asyncio.sleep(0)
        assert len(heard) == 1

    asyncio.run(run())


def test_ports_to_nodes_are_looked_at_again_and_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = world.supervisor()
    looks: list[object] = []
    monkeypatch.setattr(source_ports, "INTERVAL", 0)
    monkeypatch.setattr(supervisor.running, "look_at_source_ports", lambda: looks.append(None))

    async def run() -> None:
        made = Background(supervisor)
        made.start()
        await until(lambda: len(looks) > 2)
        await made.stop()
        seen = len(looks)
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(looks) == seen

    asyncio.run(run())
