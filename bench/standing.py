"""Systems that stay up from one measurement to the next, each in a network of its own.

So whatever a program still does when it serves already is over before it is measured; and the measurements of
a round lie a fraction of a second apart. On a virtual machine how fast two cores speak with each other is the
host's choice and was seen to change by a factor of two, for seconds or minutes: a round meets one of these.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from bench.placement import Placement
from bench.stage import USUAL, Shape, Size, Stage, stage
from bench.systems.system import System
from bench.usage import cpu_seconds, memory

LOOK = 0.2
"""Seconds that a system must have been quiet for."""
QUIET = 0.005
"""Of a core."""
PATIENCE = 25
"""Looks at one that is never quiet."""

Key = tuple[str, Placement, Size]


class Standing:
    """All that are up."""

    def __init__(self) -> None:
        self._up: dict[Key, tuple[ExitStack, Stage]] = {}

    @contextmanager
    def stage(
        self, system: System, placement: Placement, shape: Shape, size: Size = USUAL
    ) -> Iterator[Stage]:
        """Up, for exchanges of this shape. It stays so when the `with` ends, unless by an exception: what
        failed is not measured again.
        """
        key = (system.name, placement, size)
        if key not in self._up:
            self._up[key] = _settled(system, placement, size)
        try:
            yield replace(self._up[key][1], shape=shape)
        except BaseException:
            self._end(key)
            raise

    def end_unusual(self) -> None:
        """Those of sizes that one workload alone has."""
        for key in [key for key in self._up if key[2] != USUAL]:
            self._end(key)

    def end(self) -> None:
        """All."""
        for key in list(self._up):
            self._end(key)

    def _end(self, key: Key) -> None:
        self._up.pop(key)[0].close()


def _settled(system: System, placement: Placement, size: Size) -> tuple[ExitStack, Stage]:
    with ExitStack() as stack:
        up = stack.enter_context(stage(system, placement, Shape(), size))
        settle(up.processes())
        return stack.pop_all(), up


def settle(pids: Sequence[int]) -> None:
    """Waits until they are quiet and their memory is as it was a look before: what follows a crowd, such
    as giving memory back, may take a moment to begin.
    """
    before = memory(pids)["private"]
    for _ in range(PATIENCE):
        used = cpu_seconds(pids)
        time.sleep(LOOK)
        is_quiet, now = cpu_seconds(pids) - used < LOOK * QUIET, memory(pids)["private"]
        if is_quiet and now == before:
            return
        before = now
