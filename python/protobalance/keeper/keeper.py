"""The parent process: it holds the estate, passes signals on, and sees to it that there is a balancer.

The law: it waits, and for nothing but its signals, its children's messages and the time of the next start.
It opens nothing, reads no configuration, and never touches a connection. Whatever ends a balancer that nobody
asked to end is followed by another one; only one that refuses its first start is not.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Literal

import msgspec

from protobalance.keeper import deaths, signals, upgrade
from protobalance.keeper.backoff import Backoff
from protobalance.keeper.child import WATCHED, Child, fork, raise_oom_score, spare_from_oom_killer
from protobalance.keeper.estate import Estate
from protobalance.keeper.kept import Kept, Occasion
from protobalance.keeper.messages import (
    Declined,
    Drop,
    End,
    Failed,
    Hold,
    Predecessors,
    Ready,
    Reopen,
    Request,
    Seal,
    Superseded,
    Tell,
    Upgrade,
    Upgraded,
    close_all,
    in_memory,
)

Log = Callable[[Literal["info", "warning", "error"], str], None]
Manager = Callable[[Mapping[str, str]], None]

# More than a socket holds, so that a child that has ended is heard out; one that never ends its talk keeps
# nobody from a signal.
HEARD_AT_A_TURN = 1000


def keep(log: Log, manager: Manager, inherited: Mapping[str, int]) -> Kept | int:
    """Keep a balancer: its end in each process that is to be one; in the keeper, the exit code of the last.

    To be called before any thread exists. `inherited`: descriptors that the first one finds in its estate.
    """
    state = upgrade.resumed()
    keeper = Keeper(log, manager)
    outcome = keeper.begin(Estate(inherited)) if state is None else keeper.resume(state)
    return keeper.run() if outcome is None else outcome


class Due(msgspec.Struct, frozen=True):
    """A balancer to be started once its time has come. `whole`: by the program as it now is on disk."""

    at: float
    estate: Estate
    how: str
    whole: bool


class Keeper:
    """What is known of the children, and what is to be done next."""

    def __init__(self, log: Log, manager: Manager) -> None:
        self._log = log
        self._manager = manager
        self._current: Child | None = None
        self._successor: Child | None = None
        self._predecessors: list[Child] = []
        self._rehearsal: upgrade.Rehearsal | None = None
        self._upgrade: Upgrade | None = None
        self._backoff = Backoff()
        self._again: Due | None = None
        self._served = False
        self._spared = 0
        self._ending = False
        self._exit_code = 0
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def begin(self, estate: Estate) -> Kept | None:
        """Start the first balancer; its end in the child."""
        signals.Terminal.look()
        self._spared = spare_from_oom_killer()
        self._settle()
        return self._start(estate, Occasion())

    def resume(self, state: upgrade.State) -> Kept | None:
        """Go on as the program before did, and start the next balancer; its end in the child."""
        self._predecessors = [child.adopted() for child in state.predecessors]
        self._served, self._spared = True, state.spared
        self._settle()
        if state.current is None or state.upgrade is None:
            return self._start(Estate(state.estate), Occasion("death", state.how))
        asked = self._upgrade = state.upgrade
        self._current = state.current.adopted()
        occasion = Occasion("upgrade", "", asked.by, asked.transaction, self._current.process)
        return self._start(self._current.estate.copy(), occasion)

    def run(self) -> Kept | int:
        """Wait for what happens until the last child has ended."""
        while self._current or self._successor or self._predecessors or self._again:
            self._wait()
            for child in self._children():
                self._hear(child)
            self._bury()
            self._look_at_rehearsal()
            self._look_at_successor()
            if self._again and time.monotonic() >= self._again.at and not self._rehearsal:
                due, self._again = self._again, None
                if due.whole:
                    self._rehearse_whole(due)
                else:
                    kept = self._start(due.estate, Occasion("death", due.how))
                    if kept is not None:
                        return kept
        return self._exit_code

    # Children.

    def _children(self) -> Iterator[Child]:
        return (child for child in (self._current, self._successor, *self._predecessors) if child)

    def _start(self, estate: Estate, occasion: Occasion) -> Kept | None:
        before = [child.process for child in self._predecessors]
        born = fork(estate, occasion, before, self._let_go)
        if born.kept is not None:
            return born.kept
        if occasion.why == "upgrade":
            self._successor = born.child
        else:
            self._current = born.child
        if self._ending and born.child:
            born.child.orders.say(End())
        return None

    def _let_go(self) -> None:
        """In a child: nothing of the keeper's own is its."""
        close_all([self._woken, self._wake])
        for child in self._children():
            child.requests.close()
            child.orders.close()
        raise_oom_score(self._spared)

    def _bury(self) -> None:
        for child in list(self._children()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                self._hear(child)  # its last words
                child.requests.close()
                child.orders.close()
                self._on_end(child, status)

    def _on_end(self, child: Child, status: int) -> None:
        if child in self._predecessors:
            self._predecessors.remove(child)
            how = "its sessions are over" if status == 0 else deaths.words(status)
            self._log("info" if status == 0 else "warning", f"predecessor (pid {child.pid}): {how}")
            self._tell_of_predecessors()
        elif child is self._successor:
            self._successor = None
            self._decline(child.failure or f"the new version {deaths.words(status)}")
        elif self._ending or self._successor:
            # With a successor on its way there is nobody left whom it would not suit.
            self._current, self._successor, self._upgrade = self._successor, None, None
            self._exit_code = deaths.exit_code(status)
        elif os.WIFEXITED(status) and (status == 0 or not self._served):
            self._current = None
            self._exit_code = deaths.exit_code(status)
        else:
            self._current = None
            # It is forked from what was read at our start and reads the rest as it goes. If that has been
            # replaced meanwhile, the two do not fit.
            unfit = os.WIFEXITED(status) and not child.version
            self._on_death(child, deaths.words(status), whole=unfit)

    def _on_death(self, child: Child, how: str, *, whole: bool) -> None:
        self._drop_rehearsal()
        wait = self._backoff.after(time.monotonic() - child.began)
        self._again = Due(time.monotonic() + wait, child.estate, how, whole)
        when = f" in {wait:g} s, since they die one after another" if wait else ""
        said = f"the balancer (pid {child.pid}) {how}; starting it again{when}"
        self._log("error", said)
        self._manager({"STATUS": said})

    # Messages.

    def _hear(self, child: Child) -> None:
        for _ in range(HEARD_AT_A_TURN):
            if child.deaf:
                return
            try:
                heard = child.requests.hear()
            except BlockingIOError:
                return
            except msgspec.MsgspecError as error:
                self._log("warning", f"pid {child.pid} said what is no message: {error}")
                continue
            if heard is None:
                child.deaf = True
            else:
                self._obey(child, *heard)

    def _obey(self, child: Child, request: Request, descriptors: list[int]) -> None:
        match request:
            case Hold() | Drop() | Seal():
                child.requests.say(child.keep(request, descriptors))
                return
            case Ready(version):
                child.version = version
                self._served = True
                if child is self._successor:
                    self._succeed(child)
            case Failed(reason):
                child.failure = reason
            case Tell(states):
                if child is self._current:
                    self._manager(states)
            case Upgrade():
                self._rehearse(child, request)
        close_all(descriptors)

    def _tell_of_predecessors(self) -> None:
        if self._current:
            self._current.orders.say(Predecessors([child.process for child in self._predecessors]))

    # Upgrades.

    def _rehearse(self, child: Child, asked: Upgrade) -> None:
        if child is not self._current or self._upgrade or self._ending:
            child.requests.say(Declined("it is ending, or another upgrade is under way"))
            return
        self._upgrade = asked
        try:
            self._rehearsal = upgrade.Rehearsal(upgrade.command())
        except OSError as error:
            self._decline(f"the new version cannot be executed: {error}")

    def _rehearse_whole(self, due: Due) -> None:
        """A balancer that cannot start from what we have in memory may from what is on disk."""
        self._again = msgspec.structs.replace(due, whole=False)
        with suppress(OSError):
            self._rehearsal = upgrade.Rehearsal(upgrade.command())

    def _look_at_rehearsal(self) -> None:
        outcome = self._rehearsal.outcome() if self._rehearsal else None
        if outcome is None:
            return
        self._rehearsal = None
        if self._current is None and self._again:
            if not outcome:
                self._become_whole(self._again)
            return
        if outcome or not self._current or not self._upgrade:
            self._decline(outcome)
            return
        try:
            self._become(upgrade.known(self._current), self._upgrade)
        except OSError as error:
            self._decline(f"the new version cannot be executed: {error}")

    def _become_whole(self, due: Due) -> None:
        self._log("info", "starting the program anew, as it now is on disk")
        with suppress(OSError):  # then the one in memory is tried again
            self._become(None, None, due.estate.numbers(), due.how)

    def _become(
        self,
        current: upgrade.KnownChild | None,
        asked: Upgrade | None,
        estate: Mapping[str, int] | None = None,
        how: str = "",
    ) -> None:
        """Execute the program as it now is on disk; returns only by raising `OSError`."""
        predecessors = [upgrade.known(child) for child in self._predecessors]
        state = upgrade.State(
            upgrade.FORM, current, predecessors, asked, self._spared, dict(estate or {}), how
        )
        upgrade.execute(upgrade.command(), state)

    def _look_at_successor(self) -> None:
        late = self._successor
        if late and not late.failure and time.monotonic() >= late.began + upgrade.PATIENCE:
            late.failure = f"the new version was not ready within {upgrade.PATIENCE:g} s"
            os.kill(late.pid, signal.SIGKILL)

    def _succeed(self, successor: Child) -> None:
        before, asked = self._current, self._upgrade
        self._current, self._successor, self._upgrade = successor, None, None
        if before is None or asked is None:
            return
        self._log(
            "info",
            f"upgraded from {before.version} (pid {before.pid}) to {successor.version} (pid {successor.pid})",
        )
        before.estate = Estate()
        self._predecessors.append(before)
        before.requests.say(Upgraded(successor.pid, successor.version))
        names = in_memory(successor.estate)
        before.orders.say(Superseded(asked.grace), [names])
        os.close(names)
        self._tell_of_predecessors()

    def _decline(self, reason: str) -> None:
        self._upgrade = None
        self._log("error", f"not upgraded, nothing has changed: {reason}")
        if self._current:
            self._current.requests.say(Declined(reason))

    def _drop_rehearsal(self) -> None:
        if self._rehearsal:
            self._rehearsal.abandon()
        self._rehearsal = self._upgrade = None

    # Signals and time.

    def _settle(self) -> None:
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)  # first, or one that comes now is lost
        for number in WATCHED:
            signal.signal(number, lambda *_: None)
        upgrade.unblock(WATCHED)
        # What is shared with the balancer stays shared: the collector does not write to it.
        gc.freeze()
        gc.enable()

    def _wait(self) -> None:
        poller = select.poll()
        poller.register(self._woken, select.POLLIN)
        for child in self._children():
            if not child.deaf:
                poller.register(child.requests, select.POLLIN)
        poller.poll(self._patience())
        with suppress(BlockingIOError):
            for number in os.read(self._woken, 4096):
                self._pass_on(number)

    def _patience(self) -> float | None:
        """Milliseconds until something is due."""
        due = [self._again.at] if self._again and not self._rehearsal else []
        due += [self._rehearsal.deadline] if self._rehearsal else []
        if self._successor and not self._successor.failure:
            due.append(self._successor.began + upgrade.PATIENCE)
        return 1000 * max(0.0, min(due) - time.monotonic()) if due else None

    def _pass_on(self, number: int) -> None:
        order = signals.order(number, ending=self._ending)
        if order is None:
            return
        if isinstance(order, End):
            self._ending = True
            self._again = None
            if self._rehearsal:
                self._drop_rehearsal()
                self._decline("it is ending")
        for child in self._children():
            if child not in self._predecessors or isinstance(order, End | Reopen):
                child.orders.say(order)
