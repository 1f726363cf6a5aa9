"""What the output can show: colours or none, and how many columns. What a colour says is always said by a
word as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from protobalance.control.outside_text import STEERING

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
PIECE = re.compile(ESCAPE.pattern + "|.")


@dataclass(frozen=True, slots=True)
class Ink:
    """SGR colours (ECMA-48) where `coloured`, the plain words elsewhere. `columns`: a terminal's width, or
    `None` where nothing wraps, as in a file or a pipe.
    """

    coloured: bool
    columns: int | None = None

    def green(self, words: str) -> str:
        return self._in(32, words)

    def yellow(self, words: str) -> str:
        return self._in(33, words)

    def red(self, words: str) -> str:
        return self._in(31, words)

    def bold(self, words: str) -> str:
        return self._in(1, words)

    def faint(self, words: str) -> str:
        return self._in(2, words)

    def _in(self, code: int, words: str) -> str:
        return f"\x1b[{code}m{words}\x1b[0m" if self.coloured and words else words


def width(words: str) -> int:
    """Columns on the screen, colours not counted."""
    return len(ESCAPE.sub("", words))


def cut(line: str, columns: int) -> str:
    """At most so many columns, colours kept: a line that wraps could not be redrawn in place."""
    kept, used = [], 0
    for piece in PIECE.findall(line):
        used += not piece.startswith("\x1b")
        if used <= columns or piece.startswith("\x1b"):
            kept.append(piece)
    return "".join(kept)


def harmless(words: str) -> str:
    """The words without anything that a terminal would obey."""
    return STEERING.sub("�", words)
