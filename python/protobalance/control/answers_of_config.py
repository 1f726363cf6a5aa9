"""The configuration's own words (problems, differences) as answers."""

from __future__ import annotations

from protobalance.config import Config
from protobalance.config import Problem as ConfigProblem
from protobalance.config.changes import diff
from protobalance.control.answers import Change, Problem


def problem(found: ConfigProblem) -> Problem:
    """One error of a configuration; a suggestion is part of its message."""
    return Problem(found.file, found.line, found.column, found.key, found.sentence)


def differences(before: Config, after: Config) -> list[Change]:
    """What differs, key by key."""
    return [
        Change(kind=found.action, path=found.path, before=found.before, after=found.after)
        for found in diff(before, after)
    ]


def said(change: Change) -> str:
    """One difference on one line."""
    match change.kind:
        case "added":
            return f"+ {change.path} = {change.after}"
        case "removed":
            return f"- {change.path}"
        case "changed":
            return f"~ {change.path}: {change.before} -> {change.after}"
