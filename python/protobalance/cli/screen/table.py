"""Columns that line up, numbers to the right."""

from __future__ import annotations

from collections.abc import Sequence

from protobalance.cli.screen.ink import Ink, width

GAP = "  "


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], ink: Ink, *, indent: str = "  ") -> list[str]:
    """Lines. A head with `>` before it sets its column to the right; a column without values is left out."""
    kept = [index for index in range(len(heads)) if any(row[index] for row in rows)]
    names = [heads[index].removeprefix(">") for index in kept]
    widths = [
        max(len(name), *(width(row[index]) for row in rows)) for name, index in zip(names, kept, strict=True)
    ]
    right = [heads[index].startswith(">") for index in kept]

    def line(cells: Sequence[str]) -> str:
        placed = (_placed(cell, size, end) for cell, size, end in zip(cells, widths, right, strict=True))
        return (indent + GAP.join(placed)).rstrip()

    if not kept:
        return []
    return [ink.faint(line(names)), *(line([row[index] for index in kept]) for row in rows)]


def _placed(cell: str, size: int, right: bool) -> str:  # noqa: FBT001 - which side, for one caller
    filling = " " * (size - width(cell))
    return filling + cell if right else cell + filling
