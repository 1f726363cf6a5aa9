"""Line plots as SVG, small enough to be read in a diff. An axis that spans much is logarithmic."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 210, 40, 60
SIZE = 12
"""Of letters."""
LEGEND = RIGHT - 32
"""For names."""
COLOURS = ("#0b6e4f", "#c1440e", "#2f5d9b", "#8e44ad", "#b8860b", "#4d4d4d", "#d6336c", "#1098ad", "#74b816")

Point = tuple[float, float]


@dataclass(frozen=True)
class Plot:
    """What is drawn: lines by name, each of points from left to right."""

    title: str
    x_title: str
    y_title: str
    lines: Mapping[str, Sequence[Point]]


@dataclass(frozen=True)
class Axis:
    """Values from `least` to `most` on pixels from `start` to `end`; logarithmic if they differ much."""

    least: float
    most: float
    start: float
    end: float
    logarithmic: bool

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> Axis:
        """From 0, or from the power of ten below the least."""
        least, most = min(values), max(values)
        if least > 0 and most / least > 30:
            return cls(10 ** math.floor(math.log10(least)), most, start, end, logarithmic=True)
        return cls(min(0.0, least), most or 1.0, start, end, logarithmic=False)

    def at(self, value: float) -> float:
        """Its pixel."""
        scale: Callable[[float], float] = math.log10 if self.logarithmic else float
        part = (scale(value) - scale(self.least)) / (scale(self.most) - scale(self.least))
        return self.start + part * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values along it."""
        if self.logarithmic:
            first, last = round(math.log10(self.least)), math.floor(math.log10(self.most))
            return [10.0**power for power in range(first, last + 1)]
        step = 10 ** math.floor(math.log10((self.most - self.least) / 2))
        step *= next(times for times in (1, 2, 5) if (self.most - self.least) / (step * times) <= 6)
        first = math.ceil(self.least / step)
        return [number * step for number in range(first, math.floor(self.most / step) + 1)]


def svg(plot: Plot) -> str:
    """The drawing. A line without points is left out; a plot without any says so."""
    lines = {name: points for name, points in plot.lines.items() if points}
    if not lines:
        return _document([_text(WIDTH / 2, HEIGHT / 2, f"{plot.title}: nothing was measured", "middle")])
    points = [point for line in lines.values() for point in line]
    places = sorted({x for x, _ in points})
    across = Axis.over(places, LEFT, WIDTH - RIGHT)
    up = Axis.over([y for _, y in points], HEIGHT - BOTTOM, TOP)
    parts = [_text(LEFT, TOP - 16, plot.title, "start", bold=True), *_frame(plot, across, places, up)]
    for number, (name, line) in enumerate(lines.items()):
        parts += _line(number, name, [(across.at(x), up.at(y)) for x, y in line])
    return _document(parts)


def _document(parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join([f'{head}font-size="{SIZE}">', ground, *parts, "</svg>", ""])


def _frame(plot: Plot, across: Axis, places: Sequence[float], up: Axis) -> Iterator[str]:
    for value in places:  # there are few, and what was measured there is to be read off
        yield _rule(across.at(value), TOP, across.at(value), HEIGHT - BOTTOM)
        yield _text(across.at(value), HEIGHT - BOTTOM + 16, short(value), "middle")
    for value in up.ticks():
        yield _rule(LEFT, up.at(value), WIDTH - RIGHT, up.at(value))
        yield _text(LEFT - 6, up.at(value) + 4, short(value), "end")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, plot.x_title, "middle")
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield f'<g transform="rotate(-90 16 {middle:g})">{_text(16, middle, plot.y_title, "middle")}</g>'


def _rule(*ends: float) -> str:
    x1, y1, x2, y2 = (f"{end:.1f}" for end in ends)
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#ddd"/>'


def _line(number: int, name: str, pixels: Sequence[Point]) -> Iterator[str]:
    colour = COLOURS[number % len(COLOURS)]
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in pixels)
    yield f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in pixels:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
    top = TOP + 18 * number
    yield f'<rect x="{WIDTH - RIGHT + 14}" y="{top}" width="12" height="4" fill="{colour}"/>'
    yield _text(WIDTH - LEGEND, top + 6, name, "start")


def _text(x: float, y: float, text: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def short(value: float) -> str:
    """`12k`, `3M`, `0.5`: as short as it can be said."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
