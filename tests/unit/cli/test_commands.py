"""Every verb against a server that answers from memory: what is printed, and the exit code."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from fakes.admin import Rig, serving
from fakes.supervisor import SOUND, STATUS
from protobalance.api.errors import ErrorAnswer
from protobalance.api.operation import AnyOperation
from protobalance.api.operations import (
    apply,
    explain,
    history,
    plan,
    redirect,
    sessions,
    set_node,
    status,
    upgrade,
)
from protobalance.cli import main
from protobalance.cli.client import Client
from protobalance.control.answers import CheckResult
from protobalance.control.node_setting import NodeSetting

ASKING: list[tuple[list[str], AnyOperation]] = [
    (["status"], status.OPERATION),
    (["sessions", "--node", "web/a"], sessions.OPERATION),
    (["explain", "192.0.2.7"], explain.OPERATION),
    (["history", "--limit", "3"], history.OPERATION),
    (["node", "set", "web/a", "draining"], set_node.OPERATION),
    (["redirect", "web", "green"], redirect.OPERATION),
    (["upgrade", "--grace", "10m"], upgrade.OPERATION),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "protobalance.toml"
    path.write_text(SOUND)
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.toml"
    path.write_text("[lisseners.web]\n[clustres.web]\n")
    return path


@pytest.mark.parametrize(
    ("words", "operation"), ASKING, ids=lambda value: value[0] if isinstance(value, list) else ""
)
def test_json_is_the_operations_answer(
    rig: Rig, capsys: pytest.CaptureFixture[str], words: list[str], operation: AnyOperation
) -> None:
    assert main([*words, "--json", "--socket", str(rig.path)]) == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=operation.output)


@pytest.mark.parametrize(
    ("words", "error", "what"),
    [
        (["node", "set", "web/zz", "draining"], "unknown", "web/zz"),
        (["redirect", "wep", "green"], "unknown", "wep"),
        (["apply", "BROKEN"], "invalid", "3 errors"),
        (["plan", "BROKEN"], "invalid", "3 errors"),
    ],
)
def test_with_json_a_refusal_is_json_on_stderr(
    rig: Rig, broken: Path, capsys: pytest.CaptureFixture[str], words: list[str], error: str, what: str
) -> None:
    """In the API's shape, whether the balancer refused or the command itself."""
    words = [str(broken) if word == "BROKEN" else word for word in words]
    assert main([*words, "--json", "--socket", str(rig.path)]) == 1
    said = capsys.readouterr()
    refusal = msgspec.json.decode(said.err, type=ErrorAnswer)
    assert (said.out, refusal.error) == ("", error)
    assert what in refusal.what
    assert bool(refusal.problems) == (error == "invalid")


@pytest.mark.parametrize("json", [["--json"], []])
def test_a_watch_outlives_the_balancer_it_watches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, json: list[str]
) -> None:
    """It is told once that nobody is there, and shows the next one when it comes."""
    path = tmp_path / "admin.sock"

    def interrupt() -> None:
        raise KeyboardInterrupt

    with ExitStack() as first, ExitStack() as second:
        first.enter_context(serving(path))
        rounds = iter([first.close, lambda: None, lambda: second.enter_context(serving(path)), interrupt])
        waiting = SimpleNamespace(sleep=lambda _: next(rounds)())
        monkeypatch.setattr("protobalance.cli.verbs.status.time", waiting)
        assert main(["status", "--watch", *json, "--socket", str(path)]) == 130
    said = capsys.readouterr()
    assert said.out.count("generation") == 2
    assert said.err.count("no balancer is running") == 1


def test_with_json_nobody_there_is_json_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json", "--socket", str(tmp_path / "none")]) == 1
    refusal = msgspec.json.decode(capsys.readouterr().err)
    assert refusal["error"] == "command"
    assert "no balancer is running" in refusal["what"]
    assert "protobalance run" in refusal["hint"]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (
            ["status"],
            ["draining (file: available)", "5 (file: 1)", "down (refused)", "4.8 MiB"],
        ),
        (["sessions"], ["192.0.2.7:4000", "web/a", "5.0s", "1 session shown, 2 open in all"]),
        (["sessions"], ["via", "10.0.0.5:700", "name", "shop.example.org"]),
        (["explain"], ["b refused, so a", "failed: refused", "draining", "and 2 more"]),
        (["history"], ["node web/a: draining", "by api"]),
        (
            ["node", "set", "web/a", "draining", "weight=3"],
            ["draining (file: available)", "weight 3 (file: 1)"],
        ),
        (["redirect", "web", "green"], ["feeds cluster green (the file says web)"]),
        (["upgrade"], ["from 0.1.0 (pid 4711) to 0.2.0 (pid 4712)", "2 sessions go on in pid 4711, until"]),
        (["upgrade", "--grace", "90s"], ["for at most 90 s"]),
        (["redirect", "web", "--clear"], ["feeds cluster web (as in the file)"]),
    ],
    ids=lambda value: value[0],
)
def test_a_page_says_it_in_words(
    rig: Rig, capsys: pytest.CaptureFixture[str], words: list[str], shown: list[str]
) -> None:
    assert main([*words, "--socket", str(rig.path)]) == 0
    page = capsys.readouterr().out
    for piece in shown:
        assert piece in page
    assert "\x1b" not in page  # no colours where the output is no terminal


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["web/a", "offline"], NodeSetting("offline")),
        (["web/a", "weight=0"], NodeSetting(weight=0)),
        (["web/a", "weight=256", "available"], NodeSetting("available", 256)),
        (["web/a", "--clear"], NodeSetting(clear=True)),
    ],
)
def test_node_set_asks_for_what_was_said(rig: Rig, words: list[str], wanted: NodeSetting) -> None:
    assert main(["node", "set", *words, "--socket", str(rig.path)]) == 0
    assert rig.supervisor.calls == [("set_node", "web", "a", wanted)]


def test_a_refusal_ends_with_1_and_its_reason(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["node", "set", "web/b", "draining", "--socket", str(rig.path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "there is no node 'web/b'" in said.err
    assert "web/a" in said.err


def test_no_balancer_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--socket", str(tmp_path / "none.sock")]) == 1
    assert "no balancer is running at" in capsys.readouterr().err


def test_the_socket_may_be_in_the_environment(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROTOBALANCE_SOCKET", str(rig.path))
    assert main(["status"]) == 0


def test_check_finds_everything_offline(file: Path, broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file)]) == 0
    assert "1 listener, 1 cluster, 1 node" in capsys.readouterr().out
    file.write_text('include = ["sites/*.toml"]\n' + SOUND)
    assert main(["check", str(file)]) == 0
    assert f'include[0]: "sites/*.toml" of {file} matches no file' in capsys.readouterr().out
    assert main(["check", str(broken)]) == 1
    found = capsys.readouterr().out
    assert f"{broken}:1:" in found
    assert f"{broken}:2:" in found
    assert main(["check", str(broken), "--json"]) == 1
    result = msgspec.json.decode(capsys.readouterr().out, type=CheckResult)
    assert not result.ok
    assert len(result.problems) >= 2
    assert main(["check", str(file.with_name("missing.toml"))]) == 1


@pytest.mark.parametrize(("verb", "operation"), [("plan", plan.OPERATION), ("apply", apply.OPERATION)])
def test_a_file_is_sent_with_what_it_includes(
    rig: Rig, capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: str, operation: AnyOperation
) -> None:
    (tmp_path / "nodes.toml").write_text('[clusters.web.nodes.b]\naddress = "127.0.0.1:8002"\n')
    file = tmp_path / "main.toml"
    file.write_text('include = ["nodes.toml"]\n' + SOUND)
    assert main([verb, str(file), "--json", "--socket", str(rig.path)]) == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=operation.output).source == str(file)
    ((name, text, source),) = rig.supervisor.calls
    assert (name, source) == (verb, str(file))
    assert isinstance(text, str)
    assert "127.0.0.1:8001" in text
    assert "127.0.0.1:8002" in text


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a_broken_file_is_refused_before_anybody_is_asked(
    rig: Rig, broken: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert main([verb, str(broken), "--socket", str(rig.path)]) == 1
    assert f"{broken}:2:" in capsys.readouterr().err
    assert rig.supervisor.calls == []


@pytest.mark.parametrize(("words", "told"), [(["upgrade"], 1), (["upgrade", "--json"], 0), (["status"], 0)])
def test_who_interrupts_a_change_is_told_that_it_may_come_to_pass(
    words: list[str], told: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "ask_raw", interrupted)
    assert main([*words, "--socket", "/nowhere"]) == 130
    assert capsys.readouterr().err.count("carried out all the same") == told


def test_names_from_outside_cannot_steer_the_terminal(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.supervisor.status_answer = msgspec.structs.replace(
        STATUS, source="\x1b]0;owned\x07", warnings=["\x1b[2J"]
    )
    assert main(["status", "--socket", str(rig.path)]) == 0
    assert "\x1b" not in capsys.readouterr().out
