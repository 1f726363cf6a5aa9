"""Fifty upgrades in a row under load: nobody is refused, reset or answered by nobody."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from peers.succession import upgraded_under_load

UPGRADES = 50


@pytest.mark.timeout(1800)
def proof_of_upgrades_without_a_gap(tmp_path: Path) -> None:
    """New sessions all the time, and a hundred that last through all of them."""
    began = time.monotonic()
    served = upgraded_under_load(tmp_path, UPGRADES)
    took = time.monotonic() - began
    print(f"{UPGRADES} upgrades in {took:.0f} s, {served} sessions meanwhile, no error")
