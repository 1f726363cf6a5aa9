"""What is wrong with a configuration, for the operator to repair: all of it at once, each with its place."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One error. `line` and `column` count from 1, in characters; 0 where the source has no lines."""

    file: str
    line: int
    column: int
    key: str  # e.g. clusters.web.nodes.a.weight; empty for the file as a whole
    message: str  # what came and what was expected
    suggestion: str | None = None  # what was probably meant, as it would be written in the file

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        key = f"{self.key}: " if self.key else ""
        return f"{place}: {key}{self.sentence}"

    @property
    def sentence(self) -> str:
        """The message and the suggestion."""
        return f"{self.message}; did you mean {self.suggestion}?" if self.suggestion else self.message


class ConfigError(Exception):
    """The configuration was refused and nothing of it is in force. The operator's to repair."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))
