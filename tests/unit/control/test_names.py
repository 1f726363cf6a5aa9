"""The last good answer stands for as long as no better one comes."""

from __future__ import annotations

import asyncio
import threading

from protobalance.control.background import resolve_round
from protobalance.control.names import Names
from unit.control.conftest import FILE, World

NAMED = FILE.replace("10.0.0.1:80", "a.internal:80")


def test_a_name_is_resolved_before_the_first_plan(world: World) -> None:
    world.addresses["a.internal"] = ["192.0.2.7", "192.0.2.8"]
    world.supervisor(NAMED)
    assert world.engine.node("web/a")["address"] == "192.0.2.7:80"


def test_an_ipv6_answer_stands_in_brackets(world: World) -> None:
    world.addresses["a.internal"] = ["2001:db8::7"]
    world.supervisor(NAMED)
    assert world.engine.node("web/a")["address"] == "[2001:db8::7]:80"


def test_a_start_goes_on_without_an_answer(world: World) -> None:
    supervisor = world.supervisor(NAMED)
    assert world.engine.node("web/a")["address"] == ""
    problem = supervisor.status().name_problems[0]
    assert (problem.node, problem.host, problem.message) == ("a", "a.internal", "Name or service not known")


def test_a_name_that_does_not_resolve_is_told_of_once_and_once_when_it_does(world: World) -> None:
    supervisor = world.supervisor(NAMED)
    for _ in range(3):
        asyncio.run(resolve_round(supervisor.running, "web"))
    world.addresses["a.internal"] = ["192.0.2.7"]
    for _ in range(2):
        asyncio.run(resolve_round(supervisor.running, "web"))
    told = [entry.summary for entry in reversed(supervisor.history(50)) if "resolve" in entry.summary]
    assert told == [
        "does not resolve: Name or service not known; its nodes take no clients until it does",
        "resolves now, to 192.0.2.7",
    ]


def test_a_new_address_makes_a_new_plan_and_a_rotation_does_not(world: World) -> None:
    world.addresses["a.internal"] = ["192.0.2.7", "192.0.2.8"]
    supervisor = world.supervisor(NAMED)
    world.addresses["a.internal"] = ["192.0.2.8", "192.0.2.7"]
    asyncio.run(resolve_round(supervisor.running, "web"))
    assert len(world.engine.plans) == 1
    world.addresses["a.internal"] = ["192.0.2.9"]
    asyncio.run(resolve_round(supervisor.running, "web"))
    assert world.engine.node("web/a")["address"] == "192.0.2.9:80"
    assert supervisor.history(1)[0].summary == "is now 192.0.2.9"


def test_a_name_server_that_fails_changes_nothing(world: World) -> None:
    world.addresses["a.internal"] = ["192.0.2.7"]
    supervisor = world.supervisor(NAMED)
    answers: list[dict[str, list[str]]] = [{}, {"a.internal": []}]
    for answer in answers:
        world.addresses = answer
        asyncio.run(resolve_round(supervisor.running, "web"))
        assert supervisor.status().name_problems
    world.rewrite(("weight = 2", "weight = 3"))
    supervisor.apply()
    assert world.engine.node("web/a")["address"] == "192.0.2.7:80"


def test_a_name_server_that_hangs_is_left_alone() -> None:
    release = threading.Event()
    calls: list[str] = []

    def hang(host: str) -> list[str]:
        calls.append(host)
        release.wait()
        return ["192.0.2.7"]

    names = Names(hang)
    names.resolve_missing({"slow.internal"}, bound=0.0)
    assert names.problem("slow.internal") == "no answer yet"

    async def refresh() -> None:
        assert not await names.refresh("slow.internal", bound=0.0)

    asyncio.run(refresh())
    assert names.problem("slow.internal") == "no answer"
    assert calls == ["slow.internal"]
    release.set()
