"""What processes used, as the kernel counts it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def cpu_seconds(pids: Iterable[int]) -> float:
    """Of all their threads, ended ones too, to the nanosecond: the clock is that of `clock_getcpuclockid(3)`,
    where /proc counts ticks of 10 ms.
    """
    total = 0.0
    for pid in pids:
        with suppress(OSError):  # it has ended, and others will say so
            total += time.clock_gettime((~pid << 3) | 2)
    return total


COUNTED = {"Rss:": "resident", "Pss:": "pss", "Private_Clean:": "private", "Private_Dirty:": "private"}


def memory(pids: Iterable[int]) -> dict[str, int]:
    """Bytes: `resident`, what is in memory; `pss`, their share of it; `private`, what nobody else has."""
    total = {"resident": 0, "pss": 0, "private": 0}
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
                key, kilobytes = line.split()[:2]
                if name := COUNTED.get(key):
                    total[name] += int(kilobytes) * 1024
    return total


def ticks(pids: Iterable[int]) -> tuple[int, int]:
    """Ticks that they spent in user code, and ticks in all."""
    user = whole = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user += int(fields[11])
            whole += int(fields[11]) + int(fields[12])
    return user, whole
