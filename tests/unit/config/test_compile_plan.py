"""The plan has exactly the fields that the engine reads, and what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobalance.config import Config, loads
from protobalance.config.plan import compile_plan, hostnames

SPEC = Path(__file__).parents[3] / "crates/engine/src/spec.rs"
CONFIG = loads("""
[engine]
state_dir = "/var/lib/pb/"
[log]
sessions = "off"
[listeners.web]
bind = ["127.0.0.1:80", "[::1]:8000-8001"]
cluster = "web"
idle_timeout = "1.5s"
[listeners.files]
bind = "127.0.0.1:21"
cluster = "rated"
protocol = "ftp"
ftp = { data_ports = "40000-40099", public_address = "192.0.2.7" }
[clusters.web]
affinity = { idle = "1d", on_failover = "move" }
[clusters.web.nodes]
a = { address = "10.0.0.1:80", weight = 2, fallbacks = ["b"] }
b = "db.internal:80"
c = "v6.internal:80"
d = "gone.internal:80"
e = "unix:/run/e.socket"
[clusters.rated]
policy = "minimum-load"
load_rating = { expression = "sessions", ttl = "3s" }
nodes.a = "10.0.0.1:80"
""")


def plan(config: Config = CONFIG, **overrides: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(compile_plan(config, **overrides))
    return decoded


def fields_in_rust() -> dict[str, list[str]]:
    structs = re.findall(r"pub struct (\w+) \{(.*?)\n\}", SPEC.read_text(), re.DOTALL)
    return {name: re.findall(r"pub (\w+):", body) for name, body in structs}


def test_every_field_is_there_and_no_other() -> None:
    rust, made = fields_in_rust(), plan()
    assert list(made) == rust["PlanSpec"]
    assert list(made["listeners"][0]) == rust["ListenerSpec"]
    assert list(made["clusters"][0]) == rust["ClusterSpec"]
    assert list(made["clusters"][0]["affinity"]) == rust["AffinitySpec"]
    assert list(made["clusters"][0]["nodes"][0]) == rust["NodeSpec"]
    assert list(made["listeners"][1]["ftp"]) == rust["FtpSpec"]
    assert list(made["session_log"]) == rust["SessionLogSpec"]


def test_what_the_fields_say() -> None:
    made = plan()
    listener, files = made["listeners"]
    web, rated = made["clusters"]
    assert listener["bind"] == ["127.0.0.1:80", "[::1]:8000-8001"]
    assert listener["idle_timeout_ms"] == 1_500
    assert listener["ftp"] is None
    assert list(files["ftp"].values()) == [40_000, 40_099, "192.0.2.7", 30_000]
    assert web["affinity"] == {
        "idle_ms": 86_400_000,
        "capacity": 1_000_000,
        "prefix_v4": 32,
        "prefix_v6": 64,
        "on_failover": "move",
        "path": "/var/lib/pb/affinity-web.table",
    }
    assert (web["hash_key"], web["load_expression"]) == ("web", "")
    assert (rated["load_expression"], rated["rating_ttl_ms"], rated["affinity"]) == ("sessions", 3_000, None)
    assert made["session_log"] == {"target": "off", "format": "text"}


def test_names_become_addresses() -> None:
    found = {"db.internal": ["10.0.0.9", "10.0.0.8"], "v6.internal": ["2001:db8::9"], "gone.internal": []}
    nodes = plan(addresses=found)["clusters"][0]["nodes"]
    addresses = [node["address"] for node in nodes]
    assert addresses == ["10.0.0.1:80", "10.0.0.9:80", "[2001:db8::9]:80", "", "unix:/run/e.socket"]
    assert hostnames(CONFIG.clusters["web"]) == {"db.internal", "v6.internal", "gone.internal"}


def test_overrides_win_over_the_file_and_strangers_count_for_nothing() -> None:
    made = plan(
        redirects={"web": "rated", "gone": "web"},
        admin_states={"web/a": "draining", "web/gone": "offline"},
        weights={"web/b": 7, "rated/b": 9},
    )
    assert made["listeners"][0]["cluster"] == "rated"
    a, b, *_ = made["clusters"][0]["nodes"]
    assert (a["admin_state"], a["weight"]) == ("draining", 2)
    assert (b["admin_state"], b["weight"]) == ("available", 7)


@pytest.mark.parametrize("line", ["", 'hash_key = "shared"'])
def test_balancers_with_the_same_file_hash_alike(line: str) -> None:
    text = f'[listeners.l]\nbind = ":1"\ncluster = "c"\n[clusters.c]\nnodes.n = "h:1"\n{line}'
    assert plan(loads(text))["clusters"][0]["hash_key"] == ("shared" if line else "c")


@given(data=st.data())
def test_any_configuration_has_a_plan(configs: st.SearchStrategy[Config], data: st.DataObject) -> None:
    made = plan(data.draw(configs))
    for cluster in made["clusters"]:
        assert all(isinstance(value, int) for key, value in cluster.items() if key.endswith("_ms"))
