"""Broken configurations and the exact words that the operator reads: `broken/NAME.toml` and `.txt`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobalance.config import Config, ConfigError, Problem, from_mapping, load, loads

BROKEN = Path(__file__).parent / "broken"
VALID = """
[listeners.web]
bind = "127.0.0.1:80"
cluster = "web"
[clusters.web]
nodes = { a = "10.0.0.1:80" }
"""


@pytest.mark.parametrize("name", sorted(path.stem for path in BROKEN.glob("*.toml")))
def test_the_exact_words(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BROKEN)  # so that places are told without this machine's folders
    with pytest.raises(ConfigError) as refused:
        load(f"{name}.toml")
    assert f"{refused.value}\n" == (BROKEN / f"{name}.txt").read_text()


def problem_of(text: str) -> Problem:
    with pytest.raises(ConfigError) as refused:
        loads(text, "x.toml")
    (problem,) = refused.value.problems
    return problem


def test_a_key_is_told_where_it_stands_and_a_value_where_it_stands() -> None:
    assert problem_of(VALID.replace("cluster =", "idle = 1\ncluster ="))[1:4] == (4, 1, "listeners.web.idle")
    assert problem_of(VALID + "weight = 5")[1:3] == (7, 1)
    assert problem_of(VALID + "retry_interval   =   5")[1:3] == (7, 22)
    assert problem_of(VALID.replace('"127.0.0.1:80"', "[]"))[1:4] == (3, 8, "listeners.web.bind")


@pytest.mark.parametrize(
    ("text", "place", "key", "first"),
    [
        (VALID.replace("cluster =", 'bind = "a"\ncluster ='), (4, 1), "listeners.web.bind", "3:1"),
        (VALID + "[listeners.web]\n", (7, 12), "listeners.web", "2:12"),
        (VALID.replace("nodes = {", 'nodes = { a = "b", '), (6, 21), "clusters.web.nodes.a", "6:11"),
        (VALID + "[[x]]\na = 1\n[[x]]\na = [\n1]\na = 2\n", (12, 1), "x[1].a", "10:1"),
        (VALID + "x.a = 1\nx.b = 1\nx.a = 2", (9, 3), "clusters.web.x.a", "7:3"),
    ],
)
def test_what_stands_there_twice_is_named_with_both_places(
    text: str, place: tuple[int, int], key: str, first: str
) -> None:
    problem = problem_of(text)
    assert (problem[1:3], problem[3]) == (place, key)
    assert problem.message == f"set twice: already at x.toml:{first}"


def test_nothing_follows_from_what_is_itself_wrong() -> None:
    problem_of(VALID + "policy = 'minimum-laod'\nload_rating.expression = 'sessions'")
    problem_of(VALID.replace("10.0.0.1:80", "10.0.0.1"))
    problem_of(VALID.replace("[clusters.web]\nnodes =", "[clusters]\nweb = 5 #"))
    problem_of(VALID.replace('a = "10.0.0.1:80"', 'a = { address = "h:1", fallbacks = ["b"] }, b = 5'))


def test_a_control_character_never_reaches_the_terminal() -> None:
    with pytest.raises(ConfigError) as refused:
        loads('"\\u001b[31m" = 1\n[engine]\nstate_dir = "\\u001b[2J"\n[listeners."\\u0007"]')
    assert all(line.isprintable() for line in str(refused.value).splitlines())


def test_a_mapping_has_no_lines() -> None:
    with pytest.raises(ConfigError) as refused:
        from_mapping({"listeners": {}, "clusters": {1: 2}})
    assert str(refused.value).splitlines() == [
        "<mapping>: clusters.1: got 2, expected a table",
        "<mapping>: listeners: no listener, expected at least one [listeners.NAME] with bind and cluster",
    ]


def test_a_mapping_may_hold_what_a_program_has() -> None:
    config = from_mapping(
        {
            "engine": {"state_dir": Path("/var/lib/x")},
            "listeners": {"web": {"bind": ("127.0.0.1:0", "[::1]:0"), "cluster": "web"}},
            "clusters": {"web": {"nodes": {"a": "10.0.0.1:80"}}},
        }
    )
    assert config.engine.state_dir == "/var/lib/x"
    assert config.listeners["web"].bind == ("127.0.0.1:0", "[::1]:0")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read: No such file or directory"):
        load(tmp_path / "missing.toml")
    (tmp_path / "latin.toml").write_bytes(b"# one\n# caf\xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.toml:2:6: not UTF-8: byte 0xe9"):
        load(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 5_000, "a = " + "9" * 5_000, "a.b = 1\na = 2", "\ufeff\ufeff"]
)
def test_what_tomllib_cannot_bear(text: str) -> None:
    assert problem_of(text).line == (2 if "\n" in text else 1)


def test_a_byte_order_mark_is_no_error() -> None:
    assert loads(f"\ufeff{VALID}") == loads(VALID)


def problems_or_config(attempt: Callable[[], Config]) -> Config | tuple[Problem, ...]:
    try:
        return attempt()
    except ConfigError as refused:
        return refused.problems


WORDS = """[listeners.web] [clusters.web] [[clusters]] [clusters.web.nodes.a] [engine] bind cluster nodes
address policy load_rating affinity fallbacks include weight idle_timeout = = = . "web" ":80" "random" "2s"
true 5 nan [ ] { } , 1979-05-27 "" '\\u0000' "\\u0000" -1 "a" ["a","b"] {a="h:1"}"""
PIECES = st.sampled_from([*WORDS.split(), "\n", "\n", "\n", "\n", "\n"])


@given(st.text() | st.lists(PIECES).map("".join))
def test_any_text_is_a_configuration_or_refused(text: str) -> None:
    outcome = problems_or_config(lambda: loads(text))
    if not isinstance(outcome, Config):
        assert outcome
        assert all(problem.message and problem.line >= 1 <= problem.column for problem in outcome)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["web", "nodes", "bind", "cluster", "fallbacks", "address", "affinity", "check"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
)


@given(
    st.dictionaries(st.sampled_from(["listeners", "clusters", "engine", "admin", "log", "include"]), VALUES)
)
def test_any_mapping_is_a_configuration_or_refused(mapping: dict[str, object]) -> None:
    assert problems_or_config(lambda: from_mapping(mapping))
