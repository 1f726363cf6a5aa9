"""A configuration's errors, in the form that editors jump to: file:line:column."""

from __future__ import annotations

from collections.abc import Sequence

from protobalance.cli.screen.ink import harmless
from protobalance.control.answers import Problem


def problem_lines(problems: Sequence[Problem]) -> list[str]:
    """One line each."""
    return [_line(problem) for problem in problems]


def _line(problem: Problem) -> str:
    place = f"{problem.source}:{problem.line}:{problem.column}" if problem.line else problem.source
    key = f"{problem.key}: " if problem.key else ""
    return harmless(f"{place}: {key}{problem.message}")
