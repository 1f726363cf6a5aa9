"""The fixture costs a test suite that does not use it nothing, and takes addresses in every usual form."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import protobalance
from protobalance.config import from_mapping
from protobalance.testing import configuration_of


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import protobalance.testing; "
        "print(sorted(m for m in set(sys.modules) - before if not m.startswith('collections')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(protobalance.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "['protobalance', 'protobalance.testing']\n"


def test_addresses_in_every_usual_form() -> None:
    nodes = {
        "a": ("127.0.0.1", 9001),
        "b": "127.0.0.1:9002",
        "c": ("::1", 9003, 0, 0),
        "d": {"address": "unix:/run/d", "weight": 3},
    }
    config = from_mapping(configuration_of(nodes, {"policy": "least-sessions"}))
    cluster = config.clusters["main"]
    assert cluster.policy == "least-sessions"
    assert [node.address for node in cluster.nodes.values()] == [
        "127.0.0.1:9001",
        "127.0.0.1:9002",
        "[::1]:9003",
        "unix:/run/d",
    ]
    assert cluster.nodes["d"].weight == 3
    assert config.listeners["main"].bind == ("127.0.0.1:0",)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(TypeError, match="no address"):
        configuration_of({"a": 9001}, {})
