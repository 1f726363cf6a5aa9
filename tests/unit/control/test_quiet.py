"""The process without an admin interface: signals are all that it listens to."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from protobalance.control.lifecycle import serve
from protobalance.keeper.signals import SIGNALS
from unit.control.conftest import FILE, World
from unit.control.test_lifecycle import said

CHECKED = ('policy = "least-sessions"', 'policy = "least-sessions"\ncheck = { interval = "1h" }')


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def run(world: World, script: Callable[[], None], text: str = FILE) -> list[str]:
    """Serve the file while `script` plays the operator in a thread of its own; the lines announced."""
    world.path.write_text(world.text(text))
    announced: list[str] = []
    failures: list[BaseException] = []

    def play() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # they are the balancer's thread's
        try:
            until(lambda: announced)
            script()
        except BaseException as failure:  # noqa: BLE001 - raised again below, where pytest sees it
            failures.append(failure)
            for _ in range(2):
                send(signal.SIGTERM)

    operator = threading.Thread(target=play)
    operator.start()
    serve(
        world.path,
        socket_path=None,
        announce=announced.append,
        load_admin=lambda: (_ for _ in ()).throw(AssertionError("nobody is to ask")),
        surroundings=world.surroundings(),
    )
    operator.join()
    for failure in failures:
        raise failure
    return announced


def test_it_says_that_there_is_nobody_to_ask_and_ends_on_a_signal(world: World) -> None:
    announced = run(world, lambda: send(signal.SIGTERM))
    assert announced == ["ready: web 127.0.0.1:8080 -> web; no admin interface"]
    assert world.engine.calls == ["drain", "stop"]


def test_a_signal_that_comes_as_it_begins_to_listen_is_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = signal.signal

    def with_one_at_once(number: signal.Signals, handler: Any) -> None:
        listen(number, handler)
        if number == signal.SIGTERM:
            monkeypatch.undo()
            signal.raise_signal(number)

    monkeypatch.setattr(signal, "signal", with_one_at_once)
    run(world, lambda: until(lambda: world.engine.calls))
    assert world.engine.calls == ["drain", "stop"]


def test_sessions_go_on_until_a_second_signal(world: World) -> None:
    def script() -> None:
        world.engine.active = {"web/a": 2}
        send(signal.SIGTERM)
        until(lambda: said(world, "2 sessions go on for at most 30 s"))
        assert world.engine.calls == ["drain"]
        send(signal.SIGINT)

    run(world, script)
    assert said(world, "ending 2 sessions: asked to")


def test_grace_is_bounded(world: World) -> None:
    def script() -> None:
        world.engine.active = {"web/a": 1}
        send(signal.SIGTERM)

    run(world, script, 'grace = "1ms"\n' + FILE)
    assert said(world, "ending 1 session: 0.001 s are over")


def test_hangup_applies_the_file_or_says_why_not(world: World) -> None:
    def script() -> None:
        world.rewrite(("weight = 2", "weight = 3"))
        send(signal.SIGHUP)
        until(lambda: len(world.engine.plans) == 2)
        world.rewrite(("weight = 3", "weight = -3"))
        send(signal.SIGHUP)
        until(lambda: said(world, "not applied"))
        send(signal.SIGUSR1)
        until(lambda: "reopen" in world.engine.calls)
        send(signal.SIGTERM)

    run(world, script)
    assert len(world.engine.plans) == 2


def test_a_file_that_wants_an_event_loop_gets_one(world: World) -> None:
    def script() -> None:
        world.rewrite(CHECKED)
        send(signal.SIGHUP)
        until(lambda: said(world, "no admin interface"))
        world.rewrite(("weight = 2", "weight = 3"))
        send(signal.SIGHUP)
        until(lambda: len(world.engine.plans) == 3)
        send(signal.SIGTERM)

    run(world, script)
    assert world.engine.calls == ["drain", "stop"]


def test_a_file_that_wants_one_from_the_start_has_it(world: World) -> None:
    announced = run(world, lambda: send(signal.SIGTERM), FILE.replace(*CHECKED))
    assert announced == ["ready: web 127.0.0.1:8080 -> web; no admin interface"]
    assert world.engine.calls == ["drain", "stop"]
