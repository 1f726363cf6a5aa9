"""Sizes, spans, rates and times as people read them: three digits, one unit."""

from __future__ import annotations

import datetime

SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: float) -> str:
    """Bytes, e.g. `1.5 MiB`."""
    unit = 0
    while count >= 1000 and unit < len(SIZES) - 1:
        count /= 1024
        unit += 1
    return f"{count:.0f} {SIZES[unit]}" if unit == 0 or count >= 100 else f"{count:.1f} {SIZES[unit]}"


def span(milliseconds: float) -> str:
    """A length of time, e.g. `3.2s`, `4m 10s`, `2h 05m`, `3d 4h`."""
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{milliseconds:.0f}ms"
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes:02}m"
    days, hours = divmod(hours, 24)
    return f"{days}d {hours}h"


def rate(per_second: float) -> str:
    """Things a second, e.g. `12/s`."""
    if per_second < 0.05:
        return "0/s"
    return f"{per_second:.0f}/s" if per_second >= 10 else f"{per_second:.1f}/s"


def number(value: float) -> str:
    """A plain one, e.g. `0.2`, `2.92`, `12345`: what is left of a decay, or a share, is not read further."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def moment(at: float) -> str:
    """Unix time in this machine's time zone, to the second."""
    return datetime.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
