"""Numbers as people say them: one session, two sessions, 1.5 s."""

from __future__ import annotations


def plural(count: int, thing: str) -> str:
    """`1 session`, `2 sessions`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def sessions_go(count: int) -> str:
    """`1 session goes`, `2 sessions go`."""
    return f"{plural(count, 'session')} {'goes' if count == 1 else 'go'}"


def until_end(count: int, *, by_itself: bool = False) -> str:
    """`it ends by itself`, `they end`: so many sessions."""
    if count == 1:
        return "it ends by itself" if by_itself else "it ends"
    return "they end by themselves" if by_itself else "they end"


def span(milliseconds: int) -> str:
    """A span as people say it."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"
