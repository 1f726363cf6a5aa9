"""What a balancer leaves to the next one, and when it can leave it no more."""

from __future__ import annotations

import os
from collections.abc import Mapping

from msgspec.structs import replace

from protobalance.config import loads
from protobalance.control.bequest import START, Bequest
from protobalance.keeper import Backing

CONFIG = loads("""
[listeners.l]
bind = ":1"
cluster = "c"
[clusters.c]
nodes.a = "10.0.0.1:80"
""")


class Keeping(Backing):
    """Holds what it is given, and notes the order in which things were asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.texts: dict[str, bytes] = {}

    def orders_fd(self) -> int:
        return 0

    def hold(self, descriptors: Mapping[str, int]) -> None:
        self.asked += descriptors
        for name, descriptor in descriptors.items():
            self.texts[name] = os.pread(descriptor, 1 << 20, 0)

    def seal(self) -> None:
        self.asked.append("seal")

    def take(self, name: str) -> int | None:
        if name not in self.texts:
            return None
        memory = os.memfd_create(name)
        os.write(memory, self.texts[name])
        return memory


def test_what_the_next_one_may_do_is_left_and_then_sealed() -> None:
    backing = Keeping()
    config = replace(CONFIG, engine=replace(CONFIG.engine, confine=False))
    Bequest(backing).seal(config)
    assert backing.asked == [START, "seal"]
    assert Bequest(backing).start() == config
