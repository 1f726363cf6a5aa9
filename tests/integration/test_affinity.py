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
    """At the start, as at a change that wants the folder only then."""
    (tmp_path / "file").write_text("")
    plain = wish({"n": ("127.0.0.1", 9)})
    plain["engine"] = {"state_dir": str(tmp_path / "file/state")}
    sticky = wish({"n": ("127.0.0.1", 9)}, affinity=True) | {"engine": plain["engine"]}
    cause = "affinity is to be kept in .*/file/state, which cannot be had: Not a directory; choose another"
    with pytest.raises(Refused, match=cause):
        Balancer(sticky)
    with Balancer(plain) as balancer, pytest.raises(Refused, match=cause):
        balancer.apply(sticky)
