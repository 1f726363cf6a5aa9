"""Five hundred kill -9 at random moments: affinity, overrides and history are sound after each."""

from __future__ import annotations

from pathlib import Path

import pytest

from peers.killing import killed_at_random

KILLS = 500


@pytest.mark.timeout(3600)
def proof_of_surviving_kills(tmp_path: Path) -> None:
    """Under clients and changes all the time; nobody is refused."""
    survival = killed_at_random(tmp_path, KILLS)
    back = sorted(survival.back_after)
    middle, worst = back[len(back) // 2], back[-1]
    print(
        f"{KILLS} kills, {survival.served} sessions meanwhile; served again after {1000 * middle:.0f} ms "
        f"(median), {1000 * worst:.0f} ms (worst)"
    )
