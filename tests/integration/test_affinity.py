"""Homes outlast whatever else changes (law 6)."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from peers import pbload
from peers.wish import wish
from protobalance import Balancer, Refused


def test_affinity_taken_away_and_given_back_knows_its_clients(tmp_path: Path) -> None:
    """Its file is the balancer's own also while only old sessions hold it."""
    with pbload.nodes("greet", 3, name="n") as nodes:
        plain = wish(nodes)
        plain["engine"] = {"state_dir": str(tmp_path)}
        sticky = wish(nodes, affinity={"idle": "1h", "capacity": 100})
        sticky["engine"] = plain["engine"]
        with Balancer(sticky) as balancer:

            def home() -> str:
                (home,) = pbload.connect(balancer.address("in"), 10, kind="server-first")["nodes"]
                return str(home)

            before = home()
            with socket.create_connection(balancer.address("in")):
                balancer.apply(plain)
                balancer.apply(sticky)
            assert home() == before


def test_a_state_folder_that_cannot_be_made_is_refused_with_its_cause(tmp_path: Path) -> None:
    """At the start, whether affinity needs it yet or not."""
    (tmp_path / "file").write_text("")
    plain = wish({"n": ("127.0.0.1", 9)})
    plain["engine"] = {"state_dir": str(tmp_path / "file/state")}
    sticky = wish({"n": ("127.0.0.1", 9)}, affinity=True) | {"engine": plain["engine"]}
    cause = "engine.state_dir: .*/file/state cannot be had: .*/file is no folder; make it .*, or choose"
    for wanted in (plain, sticky):
        with pytest.raises(Refused, match=cause):
            Balancer(wanted)
