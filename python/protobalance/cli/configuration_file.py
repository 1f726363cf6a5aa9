"""A configuration named on the command line: read and checked here, so that errors carry the user's own
file and line, and sent as one text, so that what it includes comes along.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from protobalance.api.errors import refusal_of
from protobalance.cli.failure import CommandFailed
from protobalance.cli.screen.problems import problem_lines
from protobalance.config import Config, ConfigError, load
from protobalance.config.rendering import render


class Wish(NamedTuple):
    """What is asked of the balancer: `text`, called `source`; `None`: the file that it was started with."""

    text: str | None
    source: str


def checked(path: Path) -> Config:
    """The configuration in the file. Raises `CommandFailed` with every error."""
    try:
        return load(path)
    except ConfigError as error:
        _, refusal = refusal_of(error)
        raise CommandFailed(
            f"{path} is refused, nothing was changed:",
            *problem_lines(refusal.problems),
            answer=msgspec.json.encode(refusal),
        ) from None


def wish(path: Path | None) -> Wish:
    """What the user means with `path`."""
    if path is None:
        return Wish(None, "text")
    return Wish(render(checked(path)), str(path.absolute()))
