"""The balancer as a process that nobody can ask and that does nothing by itself: without an admin interface,
and without anything in `chores`.

The law: one thread, no event loop and nothing imported for one. It waits for signals, or for a keeper's
orders in their place, for the engine's events, and for the time to look at source ports.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from protobalance.control import orders, source_ports
from protobalance.control.chores import chores
from protobalance.control.readiness import Said
from protobalance.control.refusal import Refused
from protobalance.control.supervisor import Supervisor
from protobalance.keeper import signals
from protobalance.keeper.messages import End, Order, Predecessors, Reload, Reopen, Superseded


def attend(supervisor: Supervisor, announce: Callable[[str], None]) -> bool:
    """Until it is over; False if a file applied meanwhile wants what needs an event loop: then signals are
    blocked.
    """
    quiet = _Quiet(supervisor)
    try:
        return quiet.run(announce)
    finally:
        quiet.close()


class _Quiet:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._log = supervisor.running.surroundings.log
        self._backing = supervisor.running.surroundings.bequest.backing
        self._said = Said(self._backing)
        self._ends = 0
        self._go_on = False  # in an event loop
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poller = select.poll()
        self._poller.register(supervisor.running.engine.event_fd, select.POLLIN)
        self._ordered = self._backing.orders_fd()
        if self._ordered is None:
            self._listen_to_signals()
        else:
            self._poller.register(self._ordered, select.POLLIN)
        self._look_at_ports = time.monotonic() + source_ports.INTERVAL

    def close(self) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._woken)
        os.close(self._wake)

    def run(self, announce: Callable[[str], None]) -> bool:
        self._said.ready(self._supervisor, None, announce)
        if self._backing.occasion.why == "death":
            self._supervisor.look_at_file()
        while not self._ends:
            self._wait(self._look_at_ports - time.monotonic())
            if time.monotonic() >= self._look_at_ports:
                self._look_at_ports = time.monotonic() + source_ports.INTERVAL
                with suppress(Refused):
                    self._supervisor.running.look_at_source_ports()
            if self._go_on:
                if self._ordered is None:
                    signal.pthread_sigmask(signal.SIG_BLOCK, signals.SIGNALS)
                    self._wait(0)  # for those that came before
                if not self._ends:
                    return False
                signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.SIGNALS)
        self._said.tell(STOPPING=1, STATUS="draining")
        self._drain(self._supervisor.running.in_force.config.engine.grace)
        return True

    def _has_event_loop_to_go_to(self) -> bool:
        """Whether one is wanted, and can be had: it is read from disk only now."""
        if not any(chores(self._supervisor.running.in_force.config)):
            return False
        try:
            from protobalance.control import process  # noqa: F401, PLC0415 - the law of this file
        except Exception as error:  # noqa: BLE001 - whatever is on disk by now, traffic goes on
            said = f"what the file wants to go on by itself needs a restart: {type(error).__name__}: {error}"
            self._supervisor.running.chronicle.record("warning", "configuration", said)
            return False
        return True

    def _wait(self, seconds: float) -> None:
        """For something to happen, but not longer; what happened is dealt with."""
        for descriptor, _ in self._poller.poll(max(0.0, 1000 * seconds)):
            if descriptor == self._woken:
                with suppress(BlockingIOError):
                    for number in os.read(self._woken, 4096):
                        self._obey(signals.order(number, ending=self._ends > 0))
            elif descriptor == self._ordered:
                self._hear(descriptor)
            else:
                self._supervisor.take_events()

    def _hear(self, descriptor: int) -> None:
        heard = self._backing.take_orders()
        for order in heard or ():
            self._obey(order)
        if heard is None:
            self._poller.unregister(descriptor)
            self._ordered = None
            self._listen_to_signals()
            orders.keeper_was_killed(self._supervisor)

    def _listen_to_signals(self) -> None:
        self._poller.register(self._woken, select.POLLIN)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)  # first, or one that comes now is lost
        for number in signals.SIGNALS:
            signal.signal(number, lambda *_: None)

    def _obey(self, order: Order | None) -> None:
        match order:
            case End():
                self._ends += 1
            case Reload():
                self._said.tell(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)
                outcome = orders.reload(self._supervisor)
                self._said.tell(READY=1, STATUS=outcome)
                self._go_on = self._has_event_loop_to_go_to()
            case Reopen():
                orders.reopen(self._supervisor)
            case Predecessors(processes):
                self._backing.predecessors = processes
            case Superseded() | None:
                pass  # there is nobody who could ask for an upgrade

    def _drain(self, grace: float) -> None:
        """Accept nobody any more; let sessions end by themselves for so long, or until asked again."""
        active = self._supervisor.drain()
        if active:
            self._log.info(orders.drain_begins(active, grace))
        told = began = time.monotonic()
        while (active := self._supervisor.drain()) and self._ends < 2 and time.monotonic() - began < grace:
            if time.monotonic() - told >= orders.PROGRESS_EVERY:
                told = time.monotonic()
                orders.drain_goes_on(self._supervisor, self._said, active)
            self._wait(orders.LOOK_EVERY)
        if active:
            self._log.warning(orders.drain_ends(active, None if self._ends > 1 else grace))
