"""History as lines, the newest last, as a log is read."""

from __future__ import annotations

from collections.abc import Sequence

from protobalance.cli.screen.ink import Ink, harmless
from protobalance.cli.screen.quantities import moment
from protobalance.control.answers import HistoryEntry

BAD = {"apply-failed", "node-down", "limit-reached", "worker-lost"}


def page(entries: Sequence[HistoryEntry], ink: Ink) -> list[str]:
    """`entries` come newest first."""
    return [line for entry in reversed(entries) for line in _entry(entry, ink)] or [
        "nothing has happened yet"
    ]


def _entry(entry: HistoryEntry, ink: Ink) -> list[str]:
    kind = ink.red(entry.kind) if entry.kind in BAD else ink.green(entry.kind)
    by = f" (by {harmless(entry.by)})" if entry.by else ""
    subject = f" {harmless(entry.subject)}" if entry.subject not in {"", entry.kind} else ""
    head = (
        f"{moment(entry.at)}  generation {entry.generation}  {kind}{subject}: {harmless(entry.summary)}{by}"
    )
    return [head, *(f"    {harmless(detail)}" for detail in entry.details)]
