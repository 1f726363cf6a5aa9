"""The operator's log: one plain line per thing worth knowing, for a terminal and for the journal.

Each line starts with `protobalance:` and a level. Under a service manager that reads stderr
(`JOURNAL_STREAM`), the level also comes as the `<N>` prefix that the journal understands (sd-daemon(3)).
A log that cannot be written never stops anything.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Literal, TextIO

from protobalance.control.outside_text import one_line

Level = Literal["info", "warning", "error"]
Write = Callable[[Level, str], None]

# Of syslog(3): LOG_ERR, LOG_WARNING, LOG_INFO.
_PRIORITY: dict[Level, int] = {"error": 3, "warning": 4, "info": 6}


class OperatorLog:
    """Levels as methods; where the lines go is `write`'s business."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def info(self, line: str) -> None:
        """What happened as asked."""
        self._write("info", line)

    def warning(self, line: str) -> None:
        """What harms no one yet."""
        self._write("warning", line)

    def error(self, line: str) -> None:
        """What was refused or lost."""
        self._write("error", line)


def to_stream(stream: TextIO | None = None, *, journal: bool | None = None) -> Write:
    """Lines to a stream, stderr unless told."""
    out = stream if stream is not None else sys.stderr
    prefixed = "JOURNAL_STREAM" in os.environ if journal is None else journal

    def write(level: Level, line: str) -> None:
        mark = f"<{_PRIORITY[level]}>" if prefixed else ""
        with contextlib.suppress(OSError, ValueError):
            out.write(f"{mark}protobalance: {level}: {one_line(line)}\n")
            out.flush()

    return write


def to_logging() -> Write:
    """Lines to Python's logger `protobalance`, for a balancer inside a program."""

    def write(level: Level, line: str) -> None:
        import logging  # noqa: PLC0415 - 10 ms that a balancer with nothing to say need not spend

        logger = logging.getLogger("protobalance")
        if not logger.handlers:
            # As libraries do: a program that has set up no logging gets nothing on its stderr.
            logger.addHandler(logging.NullHandler())
        logger.log(getattr(logging, level.upper()), "%s", one_line(line))

    return write
