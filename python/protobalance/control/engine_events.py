"""The engine's events, told to the operator; and what of them still holds."""

from __future__ import annotations

from collections.abc import Callable

from protobalance.control.answers import Limit
from protobalance.control.chronicle import Chronicle
from protobalance.control.counted import span
from protobalance.control.report import (
    ClientRefused,
    EngineWarning,
    Event,
    LimitCleared,
    LimitReached,
    NodeDown,
    NodeUp,
    WorkerLost,
)


class EngineEvents:
    """Listens to the engine: why each node is down, which limits are reached."""

    def __init__(self, chronicle: Chronicle, clock: Callable[[], float]) -> None:
        self._chronicle = chronicle
        self._clock = clock
        self._down: dict[tuple[str, str], str] = {}
        self._limits: dict[str, Limit] = {}

    def handle(self, event: Event) -> None:
        """Take note of one event and tell it."""
        tell = self._chronicle.record
        match event:
            case NodeDown(cluster, node, reason, retry_in_ms):
                # A node that stays down fails each trial anew: the same failure again is no news.
                news = self._down.get((cluster, node)) != reason
                self._down[cluster, node] = reason
                if news:
                    summary = f"down: {reason}; next trial in {span(retry_in_ms)}"
                    tell("node-down", f"{cluster}/{node}", summary, by="engine")
            case NodeUp(cluster, node):
                self._down.pop((cluster, node), None)
                tell("node-up", f"{cluster}/{node}", "up again", by="engine")
            case WorkerLost(worker, message):
                lost = f"stumbled over a fault of ours: {message}; its sessions were reset, it takes new ones"
                tell("worker-lost", f"worker {worker}", lost, by="engine")
            case LimitReached(limit, message):
                self._limits[limit] = Limit(limit, message, self._clock())
                tell("limit-reached", f"limit {limit}", message, by="engine")
            case LimitCleared(limit):
                self._limits.pop(limit, None)
                tell("limit-cleared", f"limit {limit}", "no longer reached", by="engine")
            case ClientRefused(listener, client, limit):
                refused = f"{client} is at its {limit}: its new connections are reset"
                tell("client-refused", f"listener {listener}", refused, by="engine")
            case EngineWarning(message):
                tell("warning", "engine", message, by="engine")

    def down_reason(self, cluster: str, node: str) -> str:
        """Why the node was last found down; empty if that is over."""
        return self._down.get((cluster, node), "")

    def limits(self) -> list[Limit]:
        """The limits that are reached now."""
        return list(self._limits.values())
