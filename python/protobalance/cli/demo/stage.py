"""Where the demo is seen: a block of lines redrawn in place on a terminal, plain lines everywhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from protobalance.cli.demo import picture
from protobalance.cli.demo.picture import Moment
from protobalance.cli.screen import terminal
from protobalance.cli.screen.ink import Ink, cut

REFRESH = 0.2  # seconds on a terminal
REPORT = 1.0  # seconds elsewhere
UP = "\x1b[{}A"


class Stage:
    """`look` is how the moment is seen."""

    def __init__(self, look: Callable[[], Awaitable[Moment]]) -> None:
        self._look = look
        self._live = terminal.is_terminal()
        self._drawn = 0
        self.ink: Ink = terminal.ink()

    def say(self, *lines: str) -> None:
        """Lines that stay."""
        self._drawn = 0
        print("\n".join(lines), flush=True)

    async def show(self, seconds: float) -> None:
        """The traffic for a while."""
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(left, REFRESH if self._live else REPORT))
            await self._draw()

    async def _draw(self) -> None:
        moment = await self._look()
        if not self._live:
            print(picture.line(moment), flush=True)
            return
        columns = terminal.columns() - 1  # a full line would already wrap on some terminals
        lines = [cut(line, columns) for line in picture.frame(moment, self.ink, columns)]
        above = UP.format(self._drawn) if self._drawn else ""
        print(
            above + "".join(f"{line}{terminal.CLEAR_LINE}\n" for line in lines),
            end=terminal.CLEAR_BELOW,
            flush=True,
        )
        self._drawn = len(lines)
