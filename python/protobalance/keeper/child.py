"""One balancer as its keeper knows it, and how it comes to be."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from protobalance.keeper.estate import Estate
from protobalance.keeper.kept import Kept, Occasion
from protobalance.keeper.messages import (
    SEALED,
    Answer,
    Channel,
    Declined,
    Done,
    Drop,
    Hold,
    Order,
    Process,
    Request,
    Seal,
    close_all,
    pair,
)
from protobalance.keeper.signals import SIGNALS

WATCHED: frozenset[int] = SIGNALS | {signal.SIGCHLD}
RESERVE = 64  # descriptors for what the keeper itself opens: the next child, a rehearsal
OOM_SCORE, NEVER = Path("/proc/self/oom_score_adj"), -1000  # OOM_SCORE_ADJ_MIN


class Child(msgspec.Struct, eq=False):
    """A balancer process. Its `estate` is what is kept for it."""

    pid: int
    requests: Channel[Request]
    orders: Channel[Order]
    estate: Estate
    version: str = ""  # known once it is ready
    failure: str = ""
    deaf: bool = False  # it has closed its end
    sealed: bool = False  # it serves strangers
    began: float = 0.0  # in the clock of `time.monotonic`

    @property
    def process(self) -> Process:
        return Process(self.pid, self.version)

    def keep(self, request: Hold | Drop | Seal, descriptors: list[int]) -> Answer:
        """Change the estate as it asks; the descriptors are the estate's from now on, or closed."""
        names = [] if isinstance(request, Seal) else request.names
        expected = len(names) if isinstance(request, Hold) else 0
        refusal = None
        if self.sealed and any(name.startswith(SEALED) for name in names):
            refusal = "it is sealed"
        elif len(descriptors) != expected or len(set(names)) < len(names):
            refusal = "not a descriptor for each name, or a name twice"
        elif max(descriptors, default=0) >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVE:
            refusal = "no more descriptors can be held"
        if refusal:
            close_all(descriptors)
            return Declined(refusal)
        match request:
            case Hold():
                self.estate.hold(dict(zip(names, descriptors, strict=True)))
            case Drop():
                self.estate.drop(names)
            case Seal():
                self.sealed = True
        return Done()


class Born(msgspec.Struct, frozen=True):
    """What a fork returns: the child in the parent, the balancer's end in the child."""

    child: Child | None = None
    kept: Kept | None = None


def fork(
    estate: Estate, occasion: Occasion, predecessors: list[Process], in_child: Callable[[], None]
) -> Born:
    """Fork a balancer. `in_child` lets go of what is the keeper's alone."""
    our_requests, their_requests = pair()
    our_orders, their_orders = pair()
    sys.stdout.flush()
    sys.stderr.flush()
    with signals_blocked():
        pid = os.fork()
        if pid == 0:
            _take_no_signals()
            in_child()
            our_requests.close()
            our_orders.close()
    if pid == 0:
        their_orders.setblocking(False)  # noqa: FBT003 - its signature
        requests: Channel[Answer] = Channel(their_requests, Answer)
        orders: Channel[Order] = Channel(their_orders, Order)
        return Born(kept=Kept(requests, orders, estate.surrender(), occasion, predecessors))
    their_requests.close()
    their_orders.close()
    for end in (our_requests, our_orders):
        end.setblocking(False)  # noqa: FBT003 - its signature
    asked: Channel[Request] = Channel(our_requests, Request)
    told: Channel[Order] = Channel(our_orders, Order)
    return Born(child=Child(pid, asked, told, estate, began=time.monotonic()))


@contextmanager
def signals_blocked() -> Iterator[None]:
    """None of the keeper's signals is delivered meanwhile."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _take_no_signals() -> None:
    """A terminal or a service manager that signals every process means it once: the keeper passes it on.

    Handled and not ignored, since a program that we execute would inherit that.
    """
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def spare_from_oom_killer() -> int:
    """Let the kernel take a balancer rather than its keeper, whose end would free nothing; by how much that
    was lowered. Without the right to say so the kernel decides by size, which comes to the same.
    """
    with suppress(OSError, ValueError):
        usual = int(OOM_SCORE.read_text())
        OOM_SCORE.write_text(str(NEVER))
        return usual - NEVER
    return 0


def raise_oom_score(by: int) -> None:
    """In a child: as the keeper was before it was spared."""
    with suppress(OSError, ValueError):
        OOM_SCORE.write_text(str(int(OOM_SCORE.read_text()) + by))
