"""A refusal: what was asked, where it failed, what to do about it. Nothing was changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

Kind = Literal["unknown", "invalid", "conflict", "engine", "stopped"]


class Refused(Exception):  # noqa: N818 - an answer, not a failure of ours
    """The request cannot be carried out, and nothing of it was.

    `kind`: `unknown` (a name that is not there), `invalid` (a value that is not allowed), `conflict`
    (something else stands against it), `engine` (the engine could not, e.g. a port in use), `stopped`.
    """

    def __init__(self, kind: Kind, what: str, where: str, remedy: str) -> None:
        super().__init__(what, where, remedy)
        self.kind: Kind = kind
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        said = f"{self.where}: {self.what}" if self.where else self.what
        return f"{said}; {self.remedy}" if self.remedy else said


def unknown(kind_of_thing: str, name: str, known: Iterable[str]) -> Refused:
    """The refusal of a name that is not there, with the one that was meant, or with those that are there."""
    remedy = instead_of(name, sorted(known), 12)
    return Refused("unknown", f"there is no {kind_of_thing} {name!r}", "", remedy)


def instead_of(name: str, known: Sequence[str], most: int | None = None) -> str:
    """The one that was meant, or those that are there, at `most` so many."""
    if meant := nearest(name, known):
        return f"did you mean {meant!r}?"
    if not known:
        return "there are none"
    shown = known[:most]
    return f"there are: {', '.join(shown)}{', …' if len(shown) < len(known) else ''}"


def nearest(name: str, known: Sequence[str]) -> str:
    """The one name that is nearer than all others; empty where guessing would be a draw, or far off."""
    import difflib  # noqa: PLC0415 - only to report an error: it costs 2 ms of a start

    near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    likeness = [difflib.SequenceMatcher(None, one, name).ratio() for one in near]
    return "" if not near or likeness[1:] == likeness[:1] else near[0]
