"""Homes outlast whatever else changes (law 6)."""

from __future__ import annotations

import socket
from pathlib import Path

from peers import pbload
from peers.wish import wish
from protobalance import Balancer


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
