"""The process: traffic first, the admin interface after; signals reload, drain, end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from protobalance.config import ConfigError
from protobalance.control.lifecycle import serve
from protobalance.control.refusal import Refused
from protobalance.control.supervisor import Supervisor
from unit.control.conftest import FILE, World
from unit.control.test_background import until

Script = Callable[[Supervisor], Awaitable[None]]


def run(world: World, script: Script, text: str = FILE) -> list[str]:
    """Serve the file while `script` plays the operator; the lines announced."""
    world.path.write_text(world.text(text))
    announced: list[str] = []

    @asynccontextmanager
    async def admin(supervisor: Supervisor, _path: Path) -> AsyncIterator[None]:
        async def play() -> None:
            await until(lambda: announced)
            await script(supervisor)

        operator = asyncio.create_task(play())
        yield
        await operator

    serve(
        world.path,
        socket_path=world.folder / "admin.sock",
        announce=announced.append,
        load_admin=lambda: admin,
        surroundings=world.surroundings(),
    )
    return announced


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def said(world: World, part: str) -> bool:
    return any(part in line for _, line in world.lines)


async def end(_supervisor: Supervisor) -> None:
    send(signal.SIGTERM)


def test_ready_names_the_listeners_and_an_idle_balancer_ends_at_once(world: World) -> None:
    announced = run(world, end)
    assert announced == [f"ready: web 127.0.0.1:8080 -> web; admin socket {world.folder}/admin.sock"]
    assert world.engine.calls == ["drain", "stop"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sessions_go_on_until_they_end(world: World, number: signal.Signals) -> None:
    async def script(_supervisor: Supervisor) -> None:
        world.engine.active = {"web/a": 2}
        send(number)
        await until(lambda: said(world, "2 sessions go on for at most 30 s"))
        assert world.engine.calls == ["drain"]
        world.engine.active = {}

    run(world, script)
    assert world.engine.calls == ["drain", "stop"]
    assert not said(world, "ending")


def test_a_second_signal_ends_them_now(world: World) -> None:
    async def script(_supervisor: Supervisor) -> None:
        world.engine.active = {"web/a": 2}
        send(signal.SIGTERM)
        await until(lambda: said(world, "sessions go on"))
        send(signal.SIGINT)

    run(world, script)
    assert said(world, "ending 2 sessions: asked to")


def test_grace_is_bounded(world: World) -> None:
    async def script(_supervisor: Supervisor) -> None:
        world.engine.active = {"web/a": 1}
        send(signal.SIGTERM)

    world.path.write_text("")
    run(world, script, 'grace = "1ms"\n' + FILE)
    assert said(world, "ending 1 session: 0.001 s are over")


def test_hangup_applies_the_file_or_says_why_not(world: World) -> None:
    async def script(supervisor: Supervisor) -> None:
        world.rewrite(("weight = 2", "weight = 3"))
        send(signal.SIGHUP)
        await until(lambda: len(world.engine.plans) == 2)
        world.rewrite(("weight = 3", "weight = -3"))
        send(signal.SIGHUP)
        await until(lambda: said(world, "not applied"))
        assert len(world.engine.plans) == 2
        world.rewrite(("weight = -3", "weight = 3"))
        send(signal.SIGHUP)
        await until(lambda: said(world, "nothing has changed"))
        assert [entry.by for entry in supervisor.history() if entry.kind == "apply"] == ["SIGHUP"]
        send(signal.SIGTERM)

    run(world, script)


def test_usr1_opens_the_session_log_anew(world: World) -> None:
    async def script(_supervisor: Supervisor) -> None:
        send(signal.SIGUSR1)
        await until(lambda: "reopen" in world.engine.calls)
        send(signal.SIGTERM)

    run(world, script)


def test_the_service_manager_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(world.folder / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(world.folder / "notify"))
        messages: list[str] = []

        async def script(_supervisor: Supervisor) -> None:
            messages.append(manager.recv(1000).decode())
            world.rewrite(("weight = 2", "weight = 3"))
            send(signal.SIGHUP)
            await until(lambda: said(world, "1 change"))
            messages.extend([await asyncio.to_thread(lambda: manager.recv(1000).decode()) for _ in range(2)])
            send(signal.SIGTERM)

        run(world, script)
        messages.append(manager.recv(1000).decode())
    assert messages[0].startswith("READY=1\nSTATUS=ready: web")
    assert messages[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert messages[2:] == ["READY=1\nSTATUS=generation 2", "STOPPING=1\nSTATUS=draining"]


def test_a_file_that_is_wrong_starts_nothing(world: World) -> None:
    with pytest.raises(ConfigError):
        run(world, end, FILE.replace("weight = 2", "weight = -2"))
    assert world.engines == []


def test_an_admin_interface_that_cannot_start_stops_the_engine(world: World) -> None:
    @asynccontextmanager
    async def admin(_supervisor: Supervisor, _path: Path) -> AsyncIterator[None]:
        raise Refused("conflict", "the socket is taken", "admin.sock", "end the other balancer")
        yield

    world.path.write_text(world.text())
    with pytest.raises(Refused, match="the socket is taken"):
        serve(
            world.path,
            socket_path=world.folder / "admin.sock",
            announce=print,
            load_admin=lambda: admin,
            surroundings=world.surroundings(),
        )
    assert world.engine.calls == ["stop"]


TRAFFIC_FIRST = """
import sys
from unit.control.fake_engine import FakeEngine

class Watching(FakeEngine):
    def apply(self, plan):
        heavy = {"asyncio", "h11", "concurrent", "logging", "http", "email"} & set(sys.modules)
        print("loaded before traffic:", sorted(heavy))
        raise SystemExit

from protobalance import config
from protobalance.control.running import Surroundings
from protobalance.control.supervisor import Supervisor
import protobalance.control.lifecycle
import protobalance.control.balancer

Supervisor(Surroundings(start_engine=Watching)).start(config.loads(sys.argv[1]))
"""


def test_traffic_flows_before_the_admin_stack_is_loaded() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", TRAFFIC_FIRST, FILE],
        env={**os.environ, "PYTHONPATH": f"{root / 'tests'}:{root / 'python'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "loaded before traffic: []\n", done.stderr
