"""The balancer as a process, once it forwards: until the last session has ended.

The law: asyncio first, the admin interface after. Signals: SIGHUP applies the file again; SIGTERM and SIGINT
let sessions end within `engine.grace`, and a second one ends them now; SIGUSR1 opens the session log anew.
Where there is a keeper they come from it, as orders.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import protobalance
from protobalance.config import ConfigError
from protobalance.control.background import Background
from protobalance.control.counted import plural, sessions_go
from protobalance.control.refusal import Refused
from protobalance.control.running import Running
from protobalance.control.supervisor import Supervisor
from protobalance.control.systemd import Notifier
from protobalance.keeper.messages import End, Predecessors, Reload, Reopen, Superseded

Admin = Callable[[Supervisor, Path], AbstractAsyncContextManager[None]]

PROGRESS_EVERY = 5.0  # seconds between lines about sessions that still go on
LOOK_EVERY = 0.1  # seconds between looks whether they have ended


def attend(
    running: Running,
    path: Path | None,
    socket_path: Path,
    announce: Callable[[str], None],
    load_admin: Callable[[], Admin],
) -> None:
    """Answer questions, follow orders and do what goes on by itself, until it is over. `path`: the file that
    `plan` and `apply` read again; `load_admin` imports the admin interface.
    """
    supervisor = Supervisor(running.surroundings)
    supervisor.adopt(running, path)
    try:
        asyncio.run(_Process(supervisor, socket_path, announce).run(load_admin))
    finally:
        supervisor.stop()


def ready_line(supervisor: Supervisor, socket_path: Path) -> str:
    """Which listeners feed which clusters, and where to ask."""
    status = supervisor.status()
    listeners = ", ".join(
        f"{listener.name} {' '.join(listener.addresses)} -> {listener.cluster}"
        for listener in status.listeners
    )
    return f"ready: {listeners}; admin socket {socket_path}"


class _Process:
    def __init__(
        self,
        supervisor: Supervisor,
        socket_path: Path,
        announce: Callable[[str], None],
    ) -> None:
        surroundings = supervisor.running.surroundings
        self._supervisor = supervisor
        self._socket_path = socket_path
        self._announce = announce
        self._log = surroundings.log
        self._backing = surroundings.bequest.backing
        self._manager = Notifier()
        self._ends = 0
        self._over = asyncio.Event()
        self._end_asked = asyncio.Event()
        self._now_asked = asyncio.Event()
        self._reload_asked = asyncio.Event()
        self._superseded: Superseded | None = None

    async def run(self, load_admin: Callable[[], Admin]) -> None:
        loop = asyncio.get_running_loop()
        orders = self._backing.orders_fd()
        if orders is None:
            self._listen_to_signals(loop)
        else:
            loop.add_reader(orders, self._obey, loop, orders)
        background = Background(self._supervisor)
        background.start()
        reloads = asyncio.create_task(self._reload_when_asked(), name="reload")
        try:
            async with load_admin()(self._supervisor, self._socket_path):
                line = ready_line(self._supervisor, self._socket_path)
                self._announce(line)
                self._backing.close_untaken()
                self._backing.ready(protobalance.__version__)
                self._tell(READY=1, STATUS=line)
                if self._backing.occasion.why == "death":
                    await asyncio.to_thread(self._supervisor.look_at_file)
                await self._over.wait()
                if not self._superseded:
                    self._tell(STOPPING=1, STATUS="draining")
                    await self._drain(self._supervisor.running.in_force.config.engine.grace)
        finally:
            reloads.cancel()
            await background.stop()
        if self._superseded:
            # Whoever asks, asks the one that took over.
            await self._outlive(self._superseded.grace)

    def _tell(self, **states: str | int) -> None:
        """The service manager; it listens to its main process, which is the keeper if there is one."""
        if not self._backing.tell({name: str(value) for name, value in states.items()}):
            self._manager.tell(**states)

    def _obey(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        orders = self._backing.take_orders()
        for order in orders or ():
            match order:
                case End():
                    self._end()
                case Reload():
                    self._reload_asked.set()
                case Reopen():
                    self._reopen()
                case Predecessors(processes):
                    self._backing.predecessors = processes
                case Superseded():
                    self._superseded = order
                    self._over.set()
        if orders is None:
            loop.remove_reader(descriptor)
            self._listen_to_signals(loop)
            said = "was killed; this process serves on, but nobody would start it again: restart it in time"
            running = self._supervisor.running
            running.own_problems.note("keeper", None, f"keeper: {said}", time.time())
            running.chronicle.record("warning", "keeper", said)

    def _listen_to_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_signal_handler(signal.SIGTERM, self._end)
        loop.add_signal_handler(signal.SIGINT, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._reload_asked.set)
        loop.add_signal_handler(signal.SIGUSR1, self._reopen)

    def _end(self) -> None:
        self._ends += 1
        self._over.set()
        self._end_asked.set()
        if self._ends > 1:
            self._now_asked.set()

    def _reopen(self) -> None:
        try:
            self._supervisor.reopen_session_log()
            self._log.info("session log opened anew")
        except Refused as refusal:
            self._log.error(f"session log: {refusal}")

    async def _reload_when_asked(self) -> None:
        """One at a time; asked again meanwhile, once more."""
        while True:
            await self._reload_asked.wait()
            self._reload_asked.clear()
            self._tell(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)
            outcome = await asyncio.to_thread(self._reload)
            self._tell(READY=1, STATUS=outcome)

    def _reload(self) -> str:
        try:
            result = self._supervisor.apply(by="SIGHUP")
        except (ConfigError, Refused):
            return "the file was not applied, the configuration before it stays in force"  # told in the log
        for warning in result.warnings:
            self._log.warning(warning)
        if not result.changed:
            self._log.info(f"{result.source}: nothing has changed")
        return f"generation {result.generation}"

    async def _drain(self, grace: float) -> None:
        """Accept nobody any more; let sessions end by themselves for so long, or until asked again."""
        active = await asyncio.to_thread(self._supervisor.drain)
        if active:
            said = f"{sessions_go(active)} on for at most {grace:g} s"
            self._log.info(f"{said}; another signal ends {'it' if active == 1 else 'them'} now")
        left = await self._sessions_left(self._now_asked, grace, tell=self._tell_of_progress)
        if left:
            why = "asked to" if self._now_asked.is_set() else f"{grace:g} s are over"
            self._log.warning(f"ending {plural(left, 'session')}: {why}")

    async def _outlive(self, grace: float | None) -> None:
        """The same for those left behind by an upgrade: as long as they like, unless `grace` bounds it or
        everything is to end.
        """
        left = await self._sessions_left(self._end_asked, grace, tell=None)
        if left and self._end_asked.is_set():
            await self._drain(self._supervisor.running.in_force.config.engine.grace)
        elif left:
            self._log.warning(f"ending {plural(left, 'session')}: {grace:g} s are over")

    async def _sessions_left(
        self, asked: asyncio.Event, grace: float | None, tell: Callable[[int], None] | None
    ) -> int:
        """Wait until there are none, until `asked`, or for `grace` seconds."""
        told = began = time.monotonic()
        while active := self._supervisor.drain():
            if asked.is_set() or (grace is not None and time.monotonic() - began >= grace):
                break
            if tell and time.monotonic() - told >= PROGRESS_EVERY:
                told = time.monotonic()
                tell(active)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await asked.wait()
        return active

    def _tell_of_progress(self, active: int) -> None:
        left = f"{plural(active, 'session')} left"
        self._log.info(left)
        self._tell(STATUS=f"draining, {left}")
