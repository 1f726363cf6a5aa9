"""Open sessions as a table, the longest-lived first."""

from __future__ import annotations

from protobalance.cli.screen.ink import Ink, harmless
from protobalance.cli.screen.quantities import plural, size, span
from protobalance.cli.screen.table import table
from protobalance.control.answers import SessionList

HEADS = ("client", "listener", "node", "phase", ">age", ">idle", ">to node", ">to client", ">attempts")


def page(listed: SessionList, ink: Ink) -> list[str]:
    rows = [
        (
            session.client,
            harmless(session.listener),
            harmless(f"{session.cluster}/{session.node}" if session.node else session.cluster),
            session.phase,
            span(session.age_ms),
            span(session.idle_ms),
            size(session.bytes_to_node),
            size(session.bytes_to_client),
            str(session.attempts),
        )
        for session in listed.sessions
    ]
    shown = f"{plural(len(rows), 'session')} shown, {listed.active} open in all"
    return [*table(HEADS, rows, ink, indent=""), shown]
