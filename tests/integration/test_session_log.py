"""Every session ends with exactly one record (law 13)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from peers import pbload
from peers.process import wait_until
from peers.wish import wish
from protobalance import Balancer


def _records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("workers", [1, 2])
def test_one_record_for_each_session_and_counts_that_add_up(tmp_path: Path, workers: int) -> None:
    """Law 13: opened - closed = active, always; bytes as the client and node counted them."""
    log = tmp_path / "sessions.json"
    with pbload.nodes("echo", 2, name="n", close_after=100) as nodes, pbload.nodes("refuse") as bad:
        config = wish(nodes | bad)
        config["log"] = {"sessions": str(log), "format": "json"}
        config["engine"] = {"workers": workers}
        with Balancer(config) as balancer:
            result = pbload.connect(balancer.address("in"), 3000, bytes=100, ending="node")
            assert result["errors"] == {}
            wait_until(lambda: balancer.status().active == 0, "all sessions have ended")
            status = balancer.status()
            assert (status.opened, status.closed, status.active) == (3000, 3000, 0)
            wait_until(lambda: len(_records(log)) == 3000, "every record is written")
            assert status.session_log.dropped == 0
    records = _records(log)
    assert len(records) == 3000
    per_node = {name: sum(record["node"] == name for record in records) for name in nodes}
    assert per_node == result["nodes"]
    assert {record["listener"] for record in records} == {"in"}
    assert {record["bytes_to_node"] for record in records} == {100}
    assert {record["bytes_to_client"] for record in records} == {100 + len("n0\n")}


def test_the_session_that_nobody_could_serve_has_its_record_too(tmp_path: Path) -> None:
    """Law 13: with all attempts and their reasons."""
    log = tmp_path / "sessions.json"
    with pbload.nodes("refuse", 2, name="n") as bad:
        config = wish(bad)
        config["log"] = {"sessions": str(log), "format": "json"}
        with Balancer(config) as balancer:
            assert pbload.connect(balancer.address("in"), 1)["ok"] == 0
            wait_until(lambda: log.exists() and len(_records(log)) == 1, "the record is written")
    (record,) = _records(log)
    assert [attempt["failure"] for attempt in record["attempts"]] == ["refused", "refused"]
