"""What goes wrong in the background, said once when it begins, once when it changes, once when it ends."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

import msgspec

_Subject = TypeVar("_Subject", bound=Hashable)


class Standing(msgspec.Struct, frozen=True):
    """A problem that stands. `kind` tells one problem from another without the words that vary."""

    kind: Hashable
    message: str
    since: float


class Problems(Generic[_Subject]):
    """The problems that stand, by what they are about."""

    def __init__(self) -> None:
        self._standing: dict[_Subject, Standing] = {}

    def note(self, subject: _Subject, kind: Hashable, message: str, now: float) -> bool:
        """What `subject` suffers from now (`message` empty: nothing); whether that is news."""
        before = self._standing.get(subject)
        if not message:
            return self._standing.pop(subject, None) is not None
        if before is not None and before.kind == kind:
            self._standing[subject] = Standing(kind, message, before.since)
            return False
        self._standing[subject] = Standing(kind, message, now)
        return True

    def standing(self) -> dict[_Subject, Standing]:
        """All that stand now."""
        return dict(self._standing)

    def keep(self, subjects: set[_Subject]) -> None:
        """Forget what is about anything else."""
        for subject in self._standing.keys() - subjects:
            del self._standing[subject]
