"""What a signal asks for, of a keeper, or of a balancer without one.

SIGHUP has two meanings, and only what became of the terminal tells them apart: whoever manages a service
means "apply the file", and a terminal that closes means "end". So a process that was started in one ends with
it, unless it was told not to (`nohup`); it drains, and never ends at once, for a shell says it once more.
"""

from __future__ import annotations

import signal
from pathlib import Path

from protobalance.keeper.messages import End, Order, Reload, Reopen

STAT, TERMINAL = Path("/proc/self/stat"), 4  # proc(5): tty_nr, counted from behind the name

_ORDERS: dict[int, Order] = {
    signal.SIGTERM: End(),
    signal.SIGINT: End(),
    signal.SIGHUP: Reload(),
    signal.SIGUSR1: Reopen(),
}
SIGNALS = frozenset(_ORDERS)


class Terminal:
    """The one that this process, or the keeper that forked it, is to end with."""

    ours = False

    @classmethod
    def look(cls) -> None:
        """Whether there is one. Before any signal is listened to, or nobody can say that it was ignored."""
        cls.ours = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _have_one()

    @classmethod
    def is_gone(cls) -> bool:
        """The kernel takes it away before it says so."""
        return cls.ours and not _have_one()


def order(number: int, *, ending: bool) -> Order | None:
    """What the signal asks for; None if nothing. `ending`: whether it ends already."""
    if number == signal.SIGHUP and Terminal.is_gone():
        return None if ending else End()
    return _ORDERS.get(number)


def _have_one() -> bool:
    try:
        said = STAT.read_text()
    except OSError:
        return True  # nobody knows: then nothing is ended
    return int(said.rpartition(")")[2].split()[TERMINAL]) != 0
