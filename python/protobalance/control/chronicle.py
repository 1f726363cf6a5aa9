"""What happens is said once, in three places: the operator's log, the history, and whoever subscribed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from protobalance.control.answers import HistoryEntry
from protobalance.control.history import History
from protobalance.control.operator_log import Level, OperatorLog

Subscriber = Callable[[HistoryEntry], None]

Kind = Literal[
    "start",
    "apply",
    "apply-failed",
    "node",
    "redirect",
    "node-down",
    "node-up",
    "limit-reached",
    "limit-cleared",
    "client-refused",
    "worker-lost",
    "warning",
    "address",
    "rating",
    "overrides",
    "restart",
    "upgrade",
    "upgrade-failed",
    "superseded",
    "drain",
    "stop",
]

_LEVELS: dict[Kind, Level] = {
    "apply-failed": "error",
    "restart": "warning",
    "upgrade-failed": "error",
    "node-down": "warning",
    "limit-reached": "warning",
    "client-refused": "warning",
    "worker-lost": "error",
    "warning": "warning",
    "rating": "warning",
    "overrides": "warning",
}


class Chronicle:
    """Tells all three. `generation` is that of the plan in force, kept up to date by whoever changes it."""

    def __init__(self, log: OperatorLog, history: History, clock: Callable[[], float]) -> None:
        self.generation = 0
        self._log = log
        self._history = history
        self._clock = clock
        self._subscribers: list[Subscriber] = []

    def record(
        self,
        kind: Kind,
        subject: str,
        summary: str,
        *,
        by: str = "",
        transaction: str = "",
        details: tuple[str, ...] = (),
    ) -> None:
        """Say that something happened."""
        entry = HistoryEntry(
            at=self._clock(),
            generation=self.generation,
            kind=kind,
            subject=subject,
            summary=summary,
            by=by,
            transaction=transaction,
            details=list(details),
        )
        level = _LEVELS.get(kind, "info")
        write = {"info": self._log.info, "warning": self._log.warning, "error": self._log.error}[level]
        write(f"{subject}: {summary}" if subject else summary)
        for detail in details:
            write(f"  {detail}")
        self._history.add(entry)
        for subscriber in tuple(self._subscribers):
            subscriber(entry)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with each entry from now on, from whichever thread; returns how to end that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def leave_file(self) -> None:
        """Write no file any more."""
        self._history.leave_file()

    def latest(self, limit: int) -> list[HistoryEntry]:
        """The newest entries first."""
        return self._history.latest(limit)
