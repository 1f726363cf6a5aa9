"""What is written reads back the same, and what differs is exactly what changed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobalance.config import Config, from_mapping, loads
from protobalance.config.changes import Change, diff
from protobalance.config.rendering import render, table_of


@pytest.mark.parametrize("complete", [False, True])
@given(data=st.data())
def test_what_is_rendered_reads_back(
    configs: st.SearchStrategy[Config], data: st.DataObject, *, complete: bool
) -> None:
    config = data.draw(configs)
    assert loads(render(config, complete=complete)) == config


@given(data=st.data())
def test_tables_read_back_without_text(configs: st.SearchStrategy[Config], data: st.DataObject) -> None:
    config = data.draw(configs)
    assert from_mapping(table_of(config)) == config


@given(data=st.data())
def test_no_difference_without_a_change(configs: st.SearchStrategy[Config], data: st.DataObject) -> None:
    config, other = data.draw(configs), data.draw(configs)
    assert diff(config, config) == []
    assert bool(diff(config, other)) == (config != other)
    back = {(change.path, change.after, change.before) for change in diff(other, config)}
    assert back == {(change.path, change.before, change.after) for change in diff(config, other)}


def test_a_complete_rendering_has_every_key() -> None:
    config = loads(
        '[listeners.l]\nbind = ":1"\ncluster = "c"\n[clusters.c]\nnodes.n = "h:1"\naffinity = true'
    )
    lines = render(config, complete=True).splitlines()
    assert 'idle_timeout = "1h"' in lines
    assert "capacity = 1000000" in lines
    assert len(render(config).splitlines()) == 9


BASE = """
[listeners.web]
bind = "127.0.0.1:80"
cluster = "web"
[clusters.web]
affinity = true
[clusters.web.nodes]
a = { address = "10.0.0.1:80", fallbacks = ["b"] }
b = "10.0.0.2:80"
"""


def test_each_change_is_told_by_its_path() -> None:
    old = loads(BASE)
    new = loads("""
[engine]
workers = 2
state_dir = "/var/lib/pb"
[listeners.web]
bind = "127.0.0.1:80"
cluster = "web"
idle_timeout = "90s"
[listeners.alt]
bind = "127.0.0.1:81"
cluster = "web"
[clusters.web]
policy = "random"
check = true
affinity = { prefix_v4 = 24 }
[clusters.web.nodes]
a = { address = "10.0.0.1:80", weight = 3 }
"c.d" = "db:80"
""")
    assert diff(old, new) == [
        Change("listener", "listeners.web.idle_timeout", "changed", '"1h"', '"90s"'),
        Change("listener", "listeners.alt", "added", "", '{ bind = "127.0.0.1:81", cluster = "web" }'),
        Change("node", "clusters.web.nodes.a.weight", "changed", "1", "3"),
        Change("node", "clusters.web.nodes.a.fallbacks", "changed", '["b"]', "[]"),
        Change("node", "clusters.web.nodes.b", "removed", '{ address = "10.0.0.2:80" }', ""),
        Change("node", 'clusters.web.nodes."c.d"', "added", "", '{ address = "db:80" }'),
        Change("cluster", "clusters.web.policy", "changed", '"round-robin"', '"random"'),
        Change("cluster", "clusters.web.affinity.prefix_v4", "changed", "32", "24"),
        Change("cluster", "clusters.web.check", "added", "", "{}"),
        Change("setting", "engine.workers", "changed", "0", "2"),
        Change("setting", "engine.state_dir", "added", "", '"/var/lib/pb"'),
    ]


def test_the_order_of_nodes_is_no_difference() -> None:
    config = loads(BASE)
    web = config.clusters["web"]
    turned = msgspec.structs.replace(web, nodes=dict(reversed(web.nodes.items())))
    assert diff(config, msgspec.structs.replace(config, clusters={"web": turned})) == []
