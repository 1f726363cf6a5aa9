"""How long to wait before a balancer that died is followed by the next one.

At once the first time, since clients wait; then twice as long each time, for one that dies again and again
dies for a reason that a restart does not mend, and shall not take the machine with it.
"""

from __future__ import annotations

FIRST, MOST = 0.25, 4.0  # seconds; a client that waits in the queue gives up after some ten
SOUND = 10.0  # seconds; one that lived as long died for another reason than the one before


class Backoff:
    """Counts the deaths that came quickly after one another."""

    def __init__(self) -> None:
        self._next = 0.0

    def after(self, lived: float) -> float:
        """Seconds to wait after a balancer that lived so long."""
        if lived >= SOUND:
            self._next = 0.0
        wait = self._next
        self._next = min(MOST, max(FIRST, 2 * wait))
        return wait
