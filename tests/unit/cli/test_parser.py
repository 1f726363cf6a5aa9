"""What the command line takes, what it refuses, and what it says then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from protobalance.cli import main, parser
from protobalance.cli.options import MOST_WORKERS
from protobalance.config import ConfigError, from_mapping


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["status", "extra"],
        ["status", "--sock", "x"],
        ["node"],
        ["node", "set", "web"],
        ["node", "set", "/a", "draining"],
        ["node", "set", "web/a"],
        ["node", "set", "web/a", "asleep"],
        ["node", "set", "web/a", "weight=257"],
        ["node", "set", "web/a", "weight=-1"],
        ["node", "set", "web/a", "weight=²"],
        ["node", "set", "web/a", "weight=1", "weight=2"],
        ["node", "set", "web/a", "draining", "--clear"],
        ["redirect", "web"],
        ["upgrade", "--grace", "10"],
        ["redirect", "web", "green", "--clear"],
        ["sessions", "--limit", "0"],
        ["check"],
        ["forward", "8080"],
        ["completion", "fish"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_slip_of_the_pen_is_told_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["stauts", "--json"])
    assert ended.value.code == 2
    assert "there is no command 'stauts'; did you mean 'status'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["status", "--wacth"], "status: error: unrecognized arguments: --wacth; did you mean --watch?"),
        (["node", "set", "web/a", "--claer"], "node set: error: unrecognized arguments: --claer; did you"),
        (["check", "a.toml", "b.toml"], "protobalance check: error: unrecognized arguments: b.toml\n"),
        (
            ["--socket", "/run/x.sock", "status"],
            "--socket belongs behind the command: protobalance COMMAND --socket",
        ),
        (["stop"], "there is no command 'stop'; SIGTERM to the pid that `protobalance status` shows ends"),
        (["drain", "web/a"], "it is: protobalance node set CLUSTER/NODE draining"),
        (["node", "drain", "web/a"], "no action 'drain'; as in: protobalance node set web/a draining"),
        (["node", "set", "web/a", "drainig"], "weight=N with N from 0 to 256; did you mean 'draining'?"),
        (["forward", "80", "h:1", "--policy", "least-session"], "did you mean 'least-sessions'?"),
        (["forward", "80", "h:1", "--policy", "minimum-load"], "needs a load rating, hence a file"),
        (["run", "x.toml", "--workers", "257"], "257 is more than 256; one for each core"),
        (["sessions", "--limit", "x"], "argument --limit: 'x' is not a whole number"),
    ],
)
def test_wrong_usage_is_told_by_the_command_that_was_meant(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_without_a_word_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    said = capsys.readouterr().err
    assert all(verb in said for verb in parser.VERBS)


def test_every_verb_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in parser.VERBS:
        with pytest.raises(SystemExit) as ended:
            main([verb, "--help"])
        assert ended.value.code == 0
        assert parser.verb_module(verb).EXAMPLE in capsys.readouterr().out


def test_every_example_can_be_parsed() -> None:
    for verb in parser.VERBS:
        words = (
            parser.verb_module(verb)
            .EXAMPLE.partition("protobalance ")[2]
            .rstrip(')"')
            .split(" > ")[0]
            .split()
        )
        assert parser.parse(words).verb == verb


def test_every_verb_file_is_listed() -> None:
    folder = Path(parser.__file__).parent / "verbs"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(parser.VERBS)


def test_a_verb_loads_no_other() -> None:
    """What `run` and its keeper load has a file of its own, `test_imports.py`."""
    program = (
        "import sys; from protobalance.cli import parser; parser.parse(['forward', '1', 'n:1']); "
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "protobalance.control.lifecycle" in loaded
    assert loaded.isdisjoint({"h11", "asyncio", "http.client"})
    assert loaded.isdisjoint(
        {"protobalance.cli.client", "protobalance.cli.demo", "protobalance.api.registry"}
    )


@pytest.mark.parametrize("workers", [MOST_WORKERS, MOST_WORKERS + 1])
def test_the_command_line_takes_as_many_workers_as_the_file(workers: int) -> None:
    """The engine would make fewer without a word."""
    config = {
        "engine": {"workers": workers},
        "listeners": {"in": {"bind": ":80", "cluster": "c"}},
        "clusters": {"c": {"nodes": {"n": "h:1"}}},
    }
    if workers > MOST_WORKERS:
        with pytest.raises(ConfigError):
            from_mapping(config)
        with pytest.raises(SystemExit):
            parser.parse(["run", "x.toml", "--workers", str(workers)])
    else:
        assert from_mapping(config).engine.workers == workers
        assert parser.parse(["run", "x.toml", "--workers", str(workers)]).workers == workers
