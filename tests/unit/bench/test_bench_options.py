"""What cannot be started or understood is answered in a sentence that says what to do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.options import ROOT, parse


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (
            ["--systems", "protobalance,haprxy"],
            "no system is called haprxy; did you mean haproxy? there are: ",
        ),
        (["--systems", "xyz"], "no system is called xyz; there are: protobalance, haproxy, "),
        (["--systems", "before"], "before: --against says which checkout"),
        (["--rounds", "0"], "'0' is not at least 1"),
        (["--seconds", "0"], "--seconds must be more than 0"),
        (["--placements", "all"], "no placement is called all; did you mean all-cores? there are: pinned, "),
    ],
)
def test_what_cannot_be_is_answered_by_what_can(
    words: list[str], answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(words)
    assert answer in capsys.readouterr().err


def test_what_is_named_is_measured_and_else_the_usual() -> None:
    assert [one.name for one in parse(["--systems", "bare,pen"]).systems] == ["bare", "pen"]
    quick = parse(["--quick", "--against", "."])
    assert [one.name for one in quick.placements] == ["pinned"]
    assert [one.name for one in quick.systems][-2:] == ["direct", "before"]
    assert "envoy-tuned" in {one.name for one in parse([]).systems} - {one.name for one in quick.systems}


@pytest.mark.parametrize("rights", [None, 0o600], ids=["nothing-is-built", "may-not-be-run"])
def test_before_anything_is_built_the_command_says_what_to_do(tmp_path: Path, rights: int | None) -> None:
    (tmp_path / "bench").mkdir()
    command = shutil.copy(ROOT / "bench" / "run.py", tmp_path / "bench")
    if rights:
        python = tmp_path / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch(rights)
    done = subprocess.run([sys.executable, command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "run `make bench` first" in done.stderr
