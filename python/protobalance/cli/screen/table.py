"""Columns that line up, numbers to the right, as many as the terminal has room for."""

from __future__ import annotations

from collections.abc import Sequence

from protobalance.cli.screen.ink import Ink, width

GAP = "  "
Row = Sequence[str]


def table(
    heads: Row, rows: Sequence[Row], ink: Ink, *, indent: str = "  ", without: Sequence[str] = ()
) -> list[str]:
    """Lines. A head with `>` before it sets its column to the right; a column without values is left out, and
    so are those `without`.
    """
    names, kept = _names(heads), _shown(heads, rows, without)
    widths = {index: _width(index, names, rows) for index in kept}

    def line(cells: Row) -> str:
        placed = (_placed(cells[index], widths[index], heads[index].startswith(">")) for index in kept)
        return (indent + GAP.join(placed)).rstrip()

    return [ink.faint(line(names)), *map(line, rows)] if kept else []


def too_many(
    heads: Row, rows: Sequence[Row], ink: Ink, *, indent: str = "  ", spare: Sequence[str]
) -> list[str]:
    """The columns to go without on a terminal that is too narrow: the first of the `spare`, as few as do."""
    names = _names(heads)
    gone: list[str] = []
    for name in spare:
        kept = _shown(heads, rows, gone)
        needed = len(indent) + sum(_width(index, names, rows) + len(GAP) for index in kept) - len(GAP)
        if ink.columns is None or needed <= ink.columns:
            break
        if any(names[index] == name for index in kept):
            gone.append(name)
    return gone


def too_narrow(gone: Sequence[str], ink: Ink) -> list[str]:
    """A line that says what is missing, if anything is."""
    return [ink.faint(f"no room for: {', '.join(gone)}")] if gone else []


def _names(heads: Row) -> list[str]:
    return [head.removeprefix(">") for head in heads]


def _shown(heads: Row, rows: Sequence[Row], without: Sequence[str]) -> list[int]:
    return [
        index
        for index, name in enumerate(_names(heads))
        if name not in without and any(row[index] for row in rows)
    ]


def _width(index: int, names: Row, rows: Sequence[Row]) -> int:
    return max(len(names[index]), *(width(row[index]) for row in rows))


def _placed(cell: str, size: int, right: bool) -> str:  # noqa: FBT001 - which side, for one caller
    filling = " " * (size - width(cell))
    return filling + cell if right else cell + filling
