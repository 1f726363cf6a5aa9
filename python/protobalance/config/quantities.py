"""Durations as they are written: a number and its unit, never a bare number, to the millisecond."""

from __future__ import annotations

UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}  # in milliseconds


def parse_duration(text: str) -> int | None:
    """Milliseconds; None if the text is no duration or finer than a millisecond."""
    number = text.rstrip("msdh")
    factor = UNITS.get(text[len(number) :])
    whole, dot, fraction = number.partition(".")
    if factor is None or not _is_digits(whole) or (dot and not _is_digits(fraction)):
        return None
    fine, rest = divmod(int(fraction or "0") * factor, 10 ** len(fraction))
    return None if rest else int(whole) * factor + fine


def _is_digits(text: str) -> bool:
    # Bounded: nobody needs more, and Python refuses to read numbers of thousands of digits.
    return 0 < len(text) <= 15 and text.isascii() and text.isdigit()


def write_duration(seconds: float) -> str:
    """The shortest way to write it: the largest unit that leaves no fraction."""
    milliseconds = to_milliseconds(seconds)
    if milliseconds == 0:
        return "0s"
    unit, factor = next((u, f) for u, f in reversed(UNITS.items()) if milliseconds % f == 0)
    return f"{milliseconds // factor}{unit}"


def to_milliseconds(seconds: float) -> int:
    """As the engine counts."""
    return round(seconds * 1_000)
