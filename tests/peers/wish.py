"""The configuration a test wishes for, as a mapping: one listener `in` and one cluster `c` to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peers.process import Address, text_of
from protobalance.config import from_mapping
from protobalance.config.rendering import render

Config = dict[str, Any]


def cluster(nodes: Mapping[str, Address], **settings: Any) -> Config:
    """A cluster of these nodes. `settings` are the cluster's own; what is a node's own, a test adds."""
    # One attempt must not cost a test seconds.
    limits = {"connect_timeout": "500ms"}
    return limits | settings | {"nodes": {name: {"address": text_of(at)} for name, at in nodes.items()}}


def wish(nodes: Mapping[str, Address], **settings: Any) -> Config:
    """A listener on a port of the kernel's choice, in front of these nodes."""
    return {
        "log": {"sessions": "off"},
        "listeners": {"in": {"bind": "127.0.0.1:0", "cluster": "c"}},
        "clusters": {"c": cluster(nodes, **settings)},
    }


def written(config: Config, path: Path) -> Path:
    """The configuration as a file, for the command."""
    path.write_text(render(from_mapping(config)))
    return path
