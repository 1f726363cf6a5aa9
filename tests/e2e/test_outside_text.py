"""No file name and no configuration makes a command's output, or a log, do anything to who reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from signal import SIGHUP

import pytest

from peers import pbload
from peers.command import PROGRAM, running
from peers.process import wait_until
from peers.wish import wish, written
from protobalance.control.outside_text import STEERING

# A title, a cleared screen by the 8-bit code, text turned around.
HOSTILE = "a\x1b]0;owned\x07\x9b2J\u202eb"


def said(*words: str) -> str:
    done = subprocess.run([PROGRAM, *words], check=False, capture_output=True, timeout=60)
    return (done.stdout + done.stderr).decode()


def harmless(text: str) -> bool:
    return {found[0] for found in STEERING.finditer(text)} <= {"\n"}


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_check_says_nothing_that_steers(tmp_path: Path, form: tuple[str, ...]) -> None:
    sound = written(wish({"n": ("127.0.0.1", 9)}), tmp_path / f"{HOSTILE}.toml")
    broken = tmp_path / f"{HOSTILE}-broken.toml"
    broken.write_text(
        f'["\\u001b]0;x\\u0007"]\n"\\u009b2J" = "\\u202e"\n[listeners.{"x" * 70}]\nbind = "\\u001b"\n'
    )
    for text in (said("check", str(sound), *form), said("check", str(broken), *form)):
        assert text
        assert harmless(text)
    missing = said("check", str(tmp_path / f"{HOSTILE}-missing.toml"), *form)
    assert missing
    assert harmless(missing)


def test_a_balancer_says_nothing_that_steers(tmp_path: Path) -> None:
    """Its ready line, its log, its status; the configuration's folder has the name."""
    folder = tmp_path / HOSTILE
    folder.mkdir()
    with (
        pbload.nodes("echo", name="n") as nodes,
        running(wish(nodes), folder, socket=tmp_path / "s") as command,
    ):
        command.file.write_text('[listeners]\n"\\u009b2J\\u001b[31m" = "\\u202e"\n')
        command.signal(SIGHUP)
        wait_until(lambda: command.said("not applied"), "the refusal is told")
        assert harmless(command.messages.read_text())
        for words in (("status",), ("status", "--json"), ("history",), ("history", "--json")):
            assert harmless(command.ask(*words))
        refused = said("explain", HOSTILE, "--socket", str(command.socket))
        assert refused
        assert harmless(refused)
