"""Open sessions as a table, the longest-lived first."""

from __future__ import annotations

from protobalance.cli.screen.ink import Ink, harmless
from protobalance.cli.screen.quantities import size, span
from protobalance.cli.screen.table import table, too_many, too_narrow
from protobalance.control.answers import SessionList
from protobalance.control.counted import plural

HEADS = (
    *("client", "via", "listener", "name", "node", "phase"),
    *(">age", ">idle", ">to node", ">to client", ">attempts"),
)
# What a narrow terminal goes without, first to last.
SPARE = ("attempts", "via", "listener", "phase", "age", "to client", "name")


def page(listed: SessionList, ink: Ink) -> list[str]:
    rows = [
        (
            session.client,
            session.via or "",
            harmless(session.listener),
            harmless(session.server_name or ""),
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
    gone = too_many(HEADS, rows, ink, indent="", spare=SPARE)
    return [*table(HEADS, rows, ink, indent="", without=gone), *too_narrow(gone, ink), shown]
