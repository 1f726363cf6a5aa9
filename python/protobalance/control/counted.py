"""Things with their number, in grammar: one session, two sessions."""

from __future__ import annotations


def plural(count: int, thing: str) -> str:
    """`1 session`, `2 sessions`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def sessions_go(count: int) -> str:
    """`1 session goes`, `2 sessions go`."""
    return f"{plural(count, 'session')} {'goes' if count == 1 else 'go'}"
