"""What the output is: a terminal or a file, coloured or not; and a screen that is redrawn in place."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from protobalance.cli.screen.ink import Ink, cut
from protobalance.control.counted import plural

ALTERNATE, BACK = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # xterm: the other screen, cursor hidden
HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


def is_terminal() -> bool:
    return sys.stdout.isatty()


def ink() -> Ink:
    """Colours on a terminal, unless NO_COLOR is set (no-color.org) or the terminal is dumb."""
    if not is_terminal():
        return Ink(coloured=False)
    coloured = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Ink(coloured, columns() - 1)  # a full line would already wrap on some terminals


def columns() -> int:
    return shutil.get_terminal_size().columns


@contextmanager
def own_screen() -> Iterator[None]:
    """The terminal's other screen; what was there before comes back at the end, however it ends."""
    sys.stdout.write(ALTERNATE)
    try:
        yield
    finally:
        sys.stdout.write(BACK)
        sys.stdout.flush()


def redraw(lines: Sequence[str]) -> None:
    """Replaces what the screen shows, without a flicker: each line is overwritten, then its rest cleared."""
    size = shutil.get_terminal_size()
    shown = (cut(line, size.columns - 1) for line in _fitting(lines, size.lines - 1))
    sys.stdout.write(HOME + "".join(f"{line}{CLEAR_LINE}\n" for line in shown) + CLEAR_BELOW)
    sys.stdout.flush()


def _fitting(lines: Sequence[str], room: int) -> Sequence[str]:
    """The first lines, and how many there are more: what is missing must not look as if it were not there."""
    if len(lines) <= room:
        return lines
    kept = max(room - 1, 0)
    return [*lines[:kept], f"… {plural(len(lines) - kept, 'more line')}: the terminal is too low"]
