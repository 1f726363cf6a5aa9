"""What follows from the one schema: JSON Schema, the reference page, and the examples that keep to both."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobalance.config import Config, load, loads
from protobalance.config.advice import advise
from protobalance.config.json_schema import json_schema
from protobalance.config.model import (
    AdminConfig,
    Affinity,
    Check,
    Cluster,
    EngineConfig,
    Ftp,
    Listener,
    LoadRating,
    LogConfig,
    Node,
)
from protobalance.config.reference import reference
from protobalance.config.rendering import render
from protobalance.config.schema import fields_of

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))
SECTIONS = [
    AdminConfig,
    Affinity,
    Check,
    Cluster,
    Config,
    EngineConfig,
    Ftp,
    Listener,
    LoadRating,
    LogConfig,
    Node,
]
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_valid_and_draw_no_advice(path: Path) -> None:
    config = load(path)
    VALIDATOR.validate(tomllib.loads(path.read_text()))
    assert advise(config) == []


def test_there_are_examples() -> None:
    assert {path.name for path in EXAMPLES} >= {"minimal.toml", "web.toml"}


@given(data=st.data())
def test_what_is_valid_is_valid_by_the_schema(
    configs: st.SearchStrategy[Config], data: st.DataObject
) -> None:
    VALIDATOR.validate(tomllib.loads(render(data.draw(configs))))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("listeners", "web", "bnd"), ":80"),
        (("listeners", "web", "idle_timeout"), 5),
        (("listeners", "web", "idle_timeout"), "5 minutes"),
        (("listeners", "web", "bind"), []),
        (("clusters", "web", "policy"), "fair"),
        (("clusters", "web", "nodes"), {}),
        (("clusters", "web", "nodes", "a b"), "h:1"),
        (("clusters", "web", "nodes", "b"), {"weight": 1}),
        (("clusters", "web", "affinity"), "30d"),
        (("engine", "workers"), -1),
        (("include",), "conf.d/*.toml"),
    ],
)
def test_the_schema_refuses(path: tuple[str, ...], value: object) -> None:
    table: dict[str, Any] = tomllib.loads((ROOT / "examples/minimal.toml").read_text())
    VALIDATOR.validate(table)
    *tables, key = path
    inner = table
    for name in tables:
        inner = inner.setdefault(name, {})
    inner[key] = value
    assert not VALIDATOR.is_valid(table)


def test_the_reference_page_is_up_to_date() -> None:
    page = ROOT / "docs/reference/configuration.md"
    assert page.read_text() == reference(), (
        "python -m protobalance.config.reference > docs/reference/configuration.md"
    )


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_key_is_described_and_every_default_has_a_reason(section: type[msgspec.Struct]) -> None:
    described = fields_of(section)
    assert set(section.__struct_fields__) - described.keys() <= {"name"}
    for field in described.values():
        assert field.key.doc.endswith("."), field.name
        has_default = (
            not field.required and field.default is not None and not isinstance(field.default, msgspec.Struct)
        )
        assert not has_default or field.key.because, field.name


def test_advice_names_the_key() -> None:
    config = loads("""
[listeners.l]
bind = ":1"
cluster = "c"
max_sessions = 9
max_sessions_per_client = 9
new_sessions_per_second = 5
new_sessions_per_second_per_client = 4
proxy_protocol = "optional"
proxy_protocol_from = ["10.0.0.0/8", "::/0"]
[clusters.c]
hash_key = "x"
affinity = true
failover_timeout = "1s"
[clusters.c.nodes]
a = { address = "h:1", admin_state = "offline", fallbacks = ["b"] }
b = { address = "h:2", admin_state = "draining" }
c = { address = "h:3", admin_state = "offline", weight = 0, ports = "2-3" }
""")
    assert [sentence.partition(": ")[0] for sentence in advise(config)] == [
        "listeners.l.max_sessions_per_client",
        "listeners.l.proxy_protocol_from",
        "clusters.c.hash_key",
        "clusters.c.failover_timeout",
        "clusters.c.nodes",
        "clusters.c.nodes.a.fallbacks",
        "clusters.c.nodes.c.weight",
        "clusters.c.nodes.c.ports",
        "clusters.c.affinity",
    ]
