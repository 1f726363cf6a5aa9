"""How fast the machine's cores speak with each other at the moment.

On a virtual machine that is the host's choice and changes while it runs: every system's CPU time per request
was seen to double for seconds or minutes, while one core alone was as fast as ever. So a measurement is taken
between two looks at the weather, and taken again when either was bad. What was only measured in bad weather
counts only where a case has nothing better, and is marked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.options import Placement
from peers.namespace import namespace
from peers.pbload import started_under

BAD = 0.75
"""Of the best seen so far."""
TRIES = 2
"""Of a measurement in bad weather."""
LOOKS = 6
"""For better weather before each of them."""
PARALLEL = 64
SIZE = 1024


@dataclass
class Weather:
    """What was seen since the start."""

    placement: Placement
    """The cores in question."""
    seen: list[float] = field(default_factory=list)
    """Requests a second, at each look."""

    def look(self) -> float:
        """Between the two cores, with nothing in between."""
        sizes = {"request": SIZE, "answer": SIZE}
        with namespace() as network, network.entered():
            at = "127.0.0.1:20000"
            with started_under(self.placement.on_balancer(), "serve", bind=at, **sizes) as nodes:
                nodes.line()
                spans = {"warm_up_ms": 20, "duration_ms": 60}
                words = self.placement.on_load()
                options = {"target": at, "parallel": PARALLEL, **sizes, **spans}
                with started_under(words, "rate", **options) as clients:
                    self.seen.append(clients.line()["exchanges_per_second"])
        return self.seen[-1]

    def wait(self) -> float:
        """Looks until it is good, though not for ever; what was seen last."""
        for _ in range(LOOKS):
            if not self.is_bad(seen := self.look()):
                break
        return seen

    def is_bad(self, *looks: float) -> bool:
        """Whether one of these is far below the best."""
        return min(looks) < BAD * max(self.seen)
