"""The configurations in examples/, in front of a test's own servers.

Where clients connect, where nodes are and what is written to disk are replaced; a key that says how it works
never is. A node that the test has no server for is an error, so that no example is run by halves.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peers.process import Address, text_of
from peers.wish import Config

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str, nodes: Mapping[str, Address], folder: Path | None = None) -> Config:
    """The example of this name, its nodes `CLUSTER/NODE` at these addresses, its state kept in `folder`."""
    table: dict[str, Any] = tomllib.loads((EXAMPLES / f"{name}.toml").read_text())
    for listener in table["listeners"].values():
        listener["bind"] = "127.0.0.1:0"
    left = dict(nodes)
    for cluster_name, cluster in table["clusters"].items():
        for node_name, node in cluster["nodes"].items():
            settings = node if isinstance(node, dict) else {}
            there = text_of(left.pop(f"{cluster_name}/{node_name}"))
            cluster["nodes"][node_name] = settings | {"address": there}
    assert not left, f"examples/{name}.toml has no {', '.join(left)}"
    if "state_dir" in table.get("engine", {}):
        assert folder, f"examples/{name}.toml keeps a state: where is it to be?"
        table["engine"]["state_dir"] = str(folder)
    return table | {"log": {"sessions": "off"}}
