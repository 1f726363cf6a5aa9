"""What makes no sense is refused, and never passes for a success."""

from __future__ import annotations

import pytest

from conformance.__main__ import main
from conformance.systems.pen import Pen


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_a_scenario_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "--only", "half_close_is_kpet")
    assert "no scenario fits 'half_close_is_kpet'; there are, by theme:" in told
    assert "\nendings: " in told
    assert "half_close_is_kept" in told


def test_a_system_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "--systems", "protobalance,hparoxy")
    assert "there is no system hparoxy; there are: protobalance, haproxy, " in told


def test_nobody_to_play_with(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pen, "version", lambda _: None)
    assert "there is nobody to play with" in refused(capsys, "--systems", "pen")


def test_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'0' is not at least 1" in refused(capsys, "--runs", "0")
