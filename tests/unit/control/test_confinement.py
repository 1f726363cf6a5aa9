"""What a configuration needs of a process that gives up the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from protobalance.config import from_mapping
from protobalance.control.confinement import needed


@pytest.mark.parametrize(
    ("bind", "capabilities"),
    [
        (":8080", []),
        ("127.0.0.1:0", []),
        (":80", ["net_bind_service"]),
        (":1000-2000", ["net_bind_service"]),
        ([":8080", "[::1]:443"], ["net_bind_service"]),
    ],
)
def test_low_ports_need_a_capability(
    bind: str | list[str], capabilities: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowest = tmp_path / "lowest"
    lowest.write_text("1024\n")
    monkeypatch.setattr("protobalance.control.confinement.LOWEST_FREE_PORT", lowest)
    config = from_mapping(
        {
            "listeners": {"in": {"bind": bind, "cluster": "c"}},
            "clusters": {"c": {"nodes": {"n": "127.0.0.1:9"}}},
        }
    )
    assert list(needed(config)) == capabilities
    lowest.write_text("80\n")
    assert list(needed(config)) == []
