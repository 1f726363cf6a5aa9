"""Text for people: it lines up, it is short, and it says with words what it says with colours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobalance.cli.screen import history, quantities
from protobalance.cli.screen.ink import Ink, cut, harmless, width
from protobalance.cli.screen.table import table, too_many, too_narrow
from protobalance.control.answers import HistoryEntry

PLAIN, COLOURED = Ink(coloured=False), Ink(coloured=True)
CELLS = st.lists(st.lists(st.text("abc1.", max_size=8), min_size=3, max_size=3), min_size=1, max_size=5)


@given(CELLS)
def test_columns_line_up_whatever_their_colours(rows: list[list[str]]) -> None:
    heads = ("first", ">second", "third")
    plain = table(heads, rows, PLAIN)
    coloured = table(heads, [[COLOURED.red(cell) for cell in row] for row in rows], COLOURED)
    assert [width(line) for line in coloured] == [len(line) for line in plain]
    filled = [index for index in range(3) if any(row[index] for row in rows)]
    assert len(plain) == (len(rows) + 1 if filled else 0)


def test_numbers_are_set_to_the_right_and_empty_columns_are_left_out() -> None:
    rows = [("a", "1", ""), ("bcd", "100", "")]
    assert table(("name", ">count", "never"), rows, PLAIN, indent="") == [
        "name  count",
        "a         1",
        "bcd     100",
    ]


@pytest.mark.parametrize(
    ("columns", "gone"),
    [(None, []), (16, []), (15, ["rate"]), (10, ["rate"]), (9, ["rate", "size"]), (1, ["rate", "size"])],
)
def test_a_narrow_terminal_goes_without_what_can_be_spared(columns: int | None, gone: list[str]) -> None:
    heads, rows = ("name", ">size", "never", ">rate"), [("abcd", "1", "", "5/s"), ("a", "22", "", "10/s")]
    ink = Ink(coloured=False, columns=columns)
    left_out = too_many(heads, rows, ink, indent="", spare=("never", "rate", "size"))
    assert left_out == gone
    shown = table(heads, rows, ink, indent="", without=left_out)
    assert all(name not in shown[0] for name in gone)
    assert too_narrow(left_out, ink) == ([f"no room for: {', '.join(gone)}"] if gone else [])
    if columns and columns > 8:
        assert max(map(width, shown)) <= columns


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (200 * 1024, "200 KiB"),
        (5e6, "4.8 MiB"),
        (1e18, "888 PiB"),
    ],
)
def test_sizes(count: float, words: str) -> None:
    assert quantities.size(count) == words


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0ms"),
        (999, "999ms"),
        (1000, "1.0s"),
        (59_900, "59.9s"),
        (60_000, "1m 00s"),
        (3_599_000, "59m 59s"),
        (7_500_000, "2h 05m"),
        (86_400_000 * 3 + 3_600_000 * 4, "3d 4h"),
    ],
)
def test_spans(milliseconds: float, words: str) -> None:
    assert quantities.span(milliseconds) == words


@given(st.floats(0, 1e18))
def test_quantities_stay_short(number: float) -> None:
    assert len(quantities.size(number)) <= 9
    assert len(quantities.rate(min(number, 1e9))) <= 12


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.199999, "0.2"),
        (0.200001, "0.2"),
        (0, "0"),
        (2.92351, "2.92"),
        (12345, "12345"),
        (0.0788004, "0.0788"),
    ],
)
def test_numbers_are_rounded_for_people(value: float, words: str) -> None:
    assert quantities.number(value) == words


def test_history_says_a_subject_that_is_its_kind_once() -> None:
    entry = HistoryEntry(0.0, 1, "overrides", "overrides", "set at run time", "start")
    assert history.page([entry], PLAIN)[0].endswith("  overrides: set at run time (by start)")


@given(st.text())
def test_nothing_harmful_passes(words: str) -> None:
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in harmless(words))


@given(st.text("ab█"), st.integers(0, 40))
def test_a_line_is_cut_by_what_is_seen(words: str, columns: int) -> None:
    assert width(cut(COLOURED.red(words), columns)) == min(len(words), columns)
    assert cut(words, len(words)) == words


def test_colours_are_words_between_marks_or_words_alone() -> None:
    assert PLAIN.red("down") == "down"
    assert COLOURED.red("down") == "\x1b[31mdown\x1b[0m"
    assert COLOURED.red("") == ""
