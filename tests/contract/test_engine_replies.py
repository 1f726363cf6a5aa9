"""The engine's replies decode into the Python structs, and name every field that the structs have.

Decoding alone would not notice a field that the engine has and Python does not read, or the reverse where
there is a default; so both sides' names are compared.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from protobalance.control import report

RUST = Path(__file__).parents[2] / "crates" / "engine" / "src" / "report.rs"

STRUCTS: list[type[msgspec.Struct]] = [
    report.Snapshot,
    report.WorkerReport,
    report.ListenerReport,
    report.ListeningReport,
    report.ClusterReport,
    report.AffinityReport,
    report.NodeReport,
    report.SessionReport,
    report.DecisionReport,
    report.AttemptReport,
    report.CandidateReport,
]
EVENTS: list[type[msgspec.Struct]] = [
    report.NodeDown,
    report.NodeUp,
    report.WorkerLost,
    report.LimitReached,
    report.LimitCleared,
    report.ClientRefused,
    report.EngineWarning,
]


def rust_fields(struct: str) -> set[str]:
    body = re.search(rf"pub struct {struct} \{{(.*?)\n\}}", RUST.read_text(), re.DOTALL)
    assert body, f"report.rs has no {struct}"
    return set(re.findall(r"^\s*pub (\w+):", body[1], re.MULTILINE))


def rust_events() -> dict[str, set[str]]:
    body = re.search(r"pub enum Event \{(.*?)\n\}", RUST.read_text(), re.DOTALL)
    assert body
    variants = re.findall(r"^\s*(\w+) \{ (.*?) \},", body[1], re.MULTILINE)
    return {kebab(name): set(re.findall(r"(\w+):", fields)) for name, fields in variants}


def kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_both_sides_have_the_same_fields(struct: type[msgspec.Struct]) -> None:
    assert set(struct.__struct_fields__) == rust_fields(struct.__name__)


def test_both_sides_know_the_same_events() -> None:
    ours = {str(event.__struct_config__.tag): set(event.__struct_fields__) for event in EVENTS}
    assert ours == rust_events()


def test_every_reply_of_the_sources_is_compared() -> None:
    declared = set(re.findall(r"pub struct (\w+)", RUST.read_text()))
    assert declared == {struct.__name__ for struct in STRUCTS}
