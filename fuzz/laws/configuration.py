"""A text is a configuration, or refused with every error and its place; nothing else is raised. What is a
configuration reads back as it is rendered, and can be compiled into a plan.
"""

from __future__ import annotations

import msgspec

from protobalance.config import Config, ConfigError, from_mapping, loads
from protobalance.config.plan import compile_plan
from protobalance.config.rendering import render


def holds(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    config = _parsed(text)
    if config is not None:
        for complete in (False, True):
            rendered = render(config, complete=complete)
            assert loads(rendered) == config, rendered
        msgspec.json.decode(compile_plan(config))


def _parsed(text: str) -> Config | None:
    try:
        return loads(text)
    except ConfigError as error:
        _are_sound(error, text)
    try:
        mapping = msgspec.json.decode(text)
        return from_mapping(mapping) if isinstance(mapping, dict) else None
    except ConfigError as error:
        _are_sound(error, None)
    except (msgspec.DecodeError, UnicodeEncodeError):
        pass
    return None


def _are_sound(error: ConfigError, text: str | None) -> None:
    """Each says something, at a place that is there."""
    assert error.problems
    lines = [] if text is None else text.removeprefix("\ufeff").split("\n")
    for problem in error.problems:
        assert problem.message, problem
        msgspec.json.encode(str(problem).encode("utf-8", "replace"))
        if text is None:
            assert (problem.line, problem.column) == (0, 0), problem
        else:
            assert 1 <= problem.line <= len(lines), problem
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1, problem
