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
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from pathlib import Path

from protobalance.control import orders
from protobalance.control.background import Background
from protobalance.control.orders import LOOK_EVERY, PROGRESS_EVERY
from protobalance.control.readiness import Said
from protobalance.control.supervisor import Supervisor
from protobalance.keeper import signals
from protobalance.keeper.messages import End, Order, Predecessors, Reload, Reopen, Superseded

Admin = Callable[[Supervisor, Path], AbstractAsyncContextManager[None]]


def attend(
    supervisor: Supervisor,
    socket_path: Path | None,
    announce: Callable[[str], None],
    load_admin: Callable[[], Admin],
) -> None:
    """Answer questions, follow orders and do what goes on by itself, until it is over. `load_admin` imports
    the admin interface; without a `socket_path` there is none.
    """
    asyncio.run(_Process(supervisor, socket_path, announce).run(load_admin))


class _Process:
    def __init__(
        self,
        supervisor: Supervisor,
        socket_path: Path | None,
        announce: Callable[[str], None],
    ) -> None:
        surroundings = supervisor.running.surroundings
        self._supervisor = supervisor
        self._socket_path = socket_path
        self._announce = announce
        self._log = surroundings.log
        self._backing = surroundings.bequest.backing
        self._said = Said(self._backing)
        self._tell = self._said.tell
        self._ends = 0
        self._over = asyncio.Event()
        self._end_asked = asyncio.Event()
        self._now_asked = asyncio.Event()
        self._reload_asked = asyncio.Event()
        self._superseded: Superseded | None = None

    async def run(self, load_admin: Callable[[], Admin]) -> None:
        loop = asyncio.get_running_loop()
        ordered = self._backing.orders_fd()
        if ordered is None:
            self._listen_to_signals(loop)
        else:
            loop.add_reader(ordered, self._hear, loop, ordered)
        background = Background(self._supervisor)
        background.start()
        reloads = asyncio.create_task(self._reload_when_asked(), name="reload")
        try:
            async with self._admin(load_admin):
                self._said.ready(self._supervisor, self._socket_path, self._announce)
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

    def _admin(self, load_admin: Callable[[], Admin]) -> AbstractAsyncContextManager[None]:
        if self._socket_path is None:
            return nullcontext()
        return load_admin()(self._supervisor, self._socket_path)

    def _hear(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        heard = self._backing.take_orders()
        for order in heard or ():
            self._obey(order)
        if heard is None:
            loop.remove_reader(descriptor)
            self._listen_to_signals(loop)
            orders.keeper_was_killed(self._supervisor)

    def _listen_to_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in signals.SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        # What came while `quiet` handed over to us.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.SIGNALS)

    def _on_signal(self, number: int) -> None:
        self._obey(signals.order(number, ending=self._ends > 0))

    def _obey(self, order: Order | None) -> None:
        match order:
            case End():
                self._end()
            case Reload():
                self._reload_asked.set()
            case Reopen():
                orders.reopen(self._supervisor)
            case Predecessors(processes):
                self._backing.predecessors = processes
            case Superseded():
                self._superseded = order
                self._over.set()
            case None:
                pass

    def _end(self) -> None:
        self._ends += 1
        self._over.set()
        self._end_asked.set()
        if self._ends > 1:
            self._now_asked.set()

    async def _reload_when_asked(self) -> None:
        """One at a time; asked again meanwhile, once more."""
        while True:
            await self._reload_asked.wait()
            self._reload_asked.clear()
            self._tell(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)
            outcome = await asyncio.to_thread(orders.reload, self._supervisor)
            self._tell(READY=1, STATUS=outcome)

    async def _drain(self, grace: float) -> None:
        """Accept nobody any more; let sessions end by themselves for so long, or until asked again."""
        active = await asyncio.to_thread(self._supervisor.drain)
        if active:
            self._log.info(orders.drain_begins(active, grace))
        left = await self._sessions_left(self._now_asked, grace, tell=self._tell_of_progress)
        if left:
            self._log.warning(orders.drain_ends(left, None if self._now_asked.is_set() else grace))

    async def _outlive(self, grace: float | None) -> None:
        """The same for those left behind by an upgrade: as long as they like, unless `grace` bounds it or
        everything is to end.
        """
        left = await self._sessions_left(self._end_asked, grace, tell=None)
        if left and self._end_asked.is_set():
            await self._drain(self._supervisor.running.in_force.config.engine.grace)
        elif left:
            self._log.warning(orders.drain_ends(left, grace))

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
        orders.drain_goes_on(self._supervisor, self._said, active)
