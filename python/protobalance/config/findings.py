"""What is found wrong while reading, by path. Places in files are looked up afterwards, and only then."""

from __future__ import annotations

from typing import Literal, NamedTuple

from protobalance.config.kinds import Refused
from protobalance.config.writing import Path

At = Literal["key", "value"]


class Finding(NamedTuple):
    """One error. `at`: whether the key itself is wrong or what it was given."""

    path: Path
    message: str
    suggestion: str | None = None
    at: At = "value"
    document: int | None = None  # which file, where the path alone does not say


class Findings:
    """All of them, in the order found."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def __bool__(self) -> bool:
        return bool(self.all)

    def add(self, path: Path, message: str, suggestion: str | None = None, at: At = "value") -> None:
        self.all.append(Finding(path, message, suggestion, at))

    def refused(self, path: Path, refused: Refused) -> None:
        self.add(path, refused.message, refused.suggestion)

    def spoilt(self, *path: str | int) -> bool:
        """Whether something at or below the path was found wrong, so that nothing follows from its value."""
        return any(finding.path[: len(path)] == path for finding in self.all)
