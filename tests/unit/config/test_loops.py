"""A configuration that leads its clients back to itself."""

from __future__ import annotations

import pytest

from protobalance.config import Config, from_mapping
from protobalance.config.advice import advise
from protobalance.config.loops import loops


def config(**fed: tuple[str, str]) -> Config:
    """A listener of each name, with what it binds and its one node."""
    return from_mapping(
        {
            "listeners": {name: {"bind": bind, "cluster": name} for name, (bind, _) in fed.items()},
            "clusters": {name: {"nodes": {"n": node}} for name, (_, node) in fed.items()},
        }
    )


@pytest.mark.parametrize(
    ("bind", "node"),
    [
        (":8086", "127.0.0.1:8086"),
        (":8086", "localhost:8086"),
        (":8086", "[::1]:8086"),
        ("0.0.0.0:8086", "127.1.2.3:8086"),
        ("127.0.0.1:8080-8090", "localhost:8086"),
        ("10.0.0.1:8086", "10.0.0.1:8086"),
        ("127.0.0.1:8086", "0.0.0.0:8086"),
    ],
)
def test_a_listener_that_feeds_itself_is_said_with_its_node(bind: str, node: str) -> None:
    said = "listeners.web: its clients would come back to it until max_sessions is reached: "
    said += f"clusters.web.nodes.n ({node}) leads to listeners.web"
    assert loops(config(web=(bind, node))) == [said]
    assert said in advise(config(web=(bind, node)))


@pytest.mark.parametrize(
    ("bind", "node"),
    [
        (":8086", "127.0.0.1:8087"),
        ("0.0.0.0:8086", "[::1]:8086"),
        ("127.0.0.2:8086", "127.0.0.1:8086"),
        ("10.0.0.1:8086", "localhost:8086"),
        (":8086", "10.0.0.1:8086"),
        (":8086", "unix:/run/8086"),
        (":0", "127.0.0.1:8086"),
    ],
)
def test_what_leads_elsewhere_is_none(bind: str, node: str) -> None:
    assert loops(config(web=(bind, node))) == []


def test_a_way_by_other_listeners_is_said_once_and_whole() -> None:
    round_about = config(
        a=(":1", "localhost:2"), b=(":2", "localhost:3"), c=(":3", "localhost:1"), d=(":4", "localhost:1")
    )
    (said,) = loops(round_about)
    assert said.partition(": ")[0] == "listeners.a"
    ways = [way.partition(" leads to ")[2] for way in said.split(", ")]
    assert ways == ["listeners.b", "listeners.c", "listeners.a"]


def test_two_ways_are_two_sentences() -> None:
    two = config(a=(":1", "localhost:2"), b=(":2", "localhost:1"), c=(":3", "localhost:3"))
    assert [said.partition(": ")[0] for said in loops(two)] == ["listeners.a", "listeners.c"]
