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


def test_what_does_not_fit_the_screen_is_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("LINES", "4")
    terminal.redraw(["x" * 20] * 10)
    shown = capsys.readouterr().out
    assert shown.count("\n") == 3
    assert "x" * 9 in shown
    assert "x" * 10 not in shown
