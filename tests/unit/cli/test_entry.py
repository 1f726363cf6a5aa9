"""From a command line to an exit code: what becomes of outputs, interrupts and faults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.admin import Rig
from protobalance.cli import main, parser


def test_a_reader_that_has_seen_enough_is_no_error(rig: Rig) -> None:
    """As `protobalance status | head -1`: the pipe is closed while there is more to say."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "protobalance", "status", "--socket", str(rig.path)],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == ""
    assert done.returncode == 0


def test_an_output_that_is_full_is_said() -> None:
    program = [sys.executable, "-m", "protobalance", "schema"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr == "protobalance: standard output cannot be written: No space left on device\n"
    assert done.returncode == 1


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["page", "json"])
def test_a_change_whose_answer_is_lost_is_not_taken_for_refused(rig: Rig, form: list[str]) -> None:
    words = ["node", "set", "web/a", "draining", "--socket", str(rig.path), *form]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "protobalance", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "carried out, but its answer is lost: standard output cannot be written: No space" in done.stderr
    assert done.returncode == 3


def test_an_output_that_is_closed_is_no_error() -> None:
    program = [sys.executable, "-m", "protobalance", "schema"]
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0


def test_a_fault_of_ours_is_not_blamed_on_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parser.verb_module("schema"), "run", failing)
    with pytest.raises(OSError, match="No space"):
        main(["schema"])
    assert capsys.readouterr() == ("", "")


def test_an_output_that_failed_keeps_no_descriptor() -> None:
    program = (
        "import os, sys; from protobalance.cli import main; before = os.listdir('/proc/self/fd'); "
        "main(['schema']); print(os.listdir('/proc/self/fd') == before, file=sys.stderr)"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr.endswith("No space left on device\nTrue\n")


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(parser.verb_module("schema"), "run", interrupted)
    assert main(["schema"]) == 130


@pytest.mark.parametrize(
    "module",
    ["protobalance.cli.entry", "protobalance.cli.parser", "protobalance.cli.verbs.run", "datetime", "uuid"],
)
def test_an_interrupt_amid_imports_ends_with_130(module: str) -> None:
    """As the installed command begins: whoever presses Ctrl-C at once sees no traceback."""
    program = f"""
import os, signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "{module}":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from protobalance.cli import main
sys.exit(main(["run", "--rehearse", "none.toml"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
