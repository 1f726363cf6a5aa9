"""A million connections, and three of ten nodes die before the first byte, each in its own way: no client
notices, whoever speaks first (law 3).
"""

from __future__ import annotations

import time

import pytest

from peers.bad_nodes import Speaks, none_notices, whoever_speaks

CONNECTIONS = 1_000_000


@pytest.mark.timeout(1800)
@whoever_speaks
def proof_of_a_million_connections(speaks: Speaks) -> None:
    """The bad nodes are tried again after 1 ms, so that thousands of attempts fail on their way."""
    bad = {"refuse": 1, "close": 1, "reset": 1}
    began = time.monotonic()
    failed = none_notices(speaks, CONNECTIONS, bad, retry_interval="1ms")
    took = time.monotonic() - began
    print(f"{speaks.kind}: {CONNECTIONS} connections in {took:.0f} s, {failed} attempts failed")
