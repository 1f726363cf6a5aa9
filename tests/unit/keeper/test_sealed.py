"""What is sealed stays as it is, whatever the balancer that sealed it asks for afterwards."""

from __future__ import annotations

import os

from protobalance.keeper.child import Child
from protobalance.keeper.estate import Estate
from protobalance.keeper.keeper import Keeper
from protobalance.keeper.messages import (
    SEALED,
    Answer,
    Channel,
    Declined,
    Done,
    Drop,
    Hold,
    Request,
    Seal,
    pair,
)

NAME = f"{SEALED}start"


def test_it_is_neither_replaced_nor_dropped() -> None:
    (theirs, ours), (orders, orders_end) = pair(), pair()
    ours.setblocking(False)  # noqa: FBT003 - its signature
    asking: Channel[Answer] = Channel(theirs, Answer)
    child = Child(1, Channel[Request](ours, Request), Channel(orders, Request), Estate())
    keeper = Keeper(lambda *_: None, lambda _: None)

    def asked(request: Request, descriptors: tuple[int, ...] = ()) -> Answer:
        asking.say(request, descriptors)
        keeper._hear(child)
        heard = asking.hear()
        assert heard
        return heard[0]

    assert asked(Hold([NAME]), (0,)) == Done()
    kept = child.estate.numbers()[NAME]
    assert asked(Seal()) == Done()
    assert isinstance(asked(Hold(["other", NAME]), (0, 1)), Declined)
    assert isinstance(asked(Drop([NAME])), Declined)
    assert child.estate.numbers() == {NAME: kept}
    assert os.fstat(kept).st_ino == os.fstat(0).st_ino
    assert asked(Hold(["other"]), (1,)) == Done()
    for end in (theirs, ours, orders, orders_end):
        end.close()
