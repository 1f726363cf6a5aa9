"""Colours only where they are wanted and understood."""

from __future__ import annotations

import pytest

from protobalance.cli.screen import terminal


@pytest.mark.parametrize(
    ("on_terminal", "environment", "coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_when_there_are_colours(
    monkeypatch: pytest.MonkeyPatch, *, on_terminal: bool, environment: dict[str, str], coloured: bool
) -> None:
    monkeypatch.setattr(terminal, "is_terminal", lambda: on_terminal)
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal.ink().coloured == coloured


def test_the_screen_comes_back_whatever_happens(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), terminal.own_screen():
        raise KeyboardInterrupt
    assert capsys.readouterr().out == terminal.ALTERNATE + terminal.BACK


def test_a_file_is_as_wide_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    assert terminal.ink().columns == 9
    monkeypatch.setattr(terminal, "is_terminal", lambda: False)
    assert terminal.ink().columns is None


def test_what_does_not_fit_the_screen_is_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "4")
    terminal.redraw(["x" * 30] * 10)
    shown = capsys.readouterr().out
    assert shown.count("\n") == 3
    assert "x" * 19 in shown
    assert "x" * 20 not in shown
    assert "… 8 more lines" in shown


def test_what_fits_the_screen_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "4")
    terminal.redraw(["a", "b", "c"])
    shown = capsys.readouterr().out
    assert "c" in shown
    assert "more line" not in shown
