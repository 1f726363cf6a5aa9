"""However many sockets a balancer has, what is said of them is heard whole, and every request answered."""

from __future__ import annotations

import os
import socket
import threading

from peers.shortage import no_descriptors_left
from protobalance.keeper.kept import Kept, Occasion
from protobalance.keeper.messages import (
    Answer,
    Channel,
    Done,
    Drop,
    Order,
    Request,
    Superseded,
    in_memory,
    pair,
)

MANY = [f"listening some-listener-{number} 127.0.0.1:{number} 0" for number in range(3000)]


def kept(requests: socket.socket, orders: socket.socket) -> Kept:
    orders.setblocking(False)  # noqa: FBT003 - its signature
    asking: Channel[Answer] = Channel(requests, Answer)
    told: Channel[Order] = Channel(orders, Order)
    return Kept(asking, told, dict.fromkeys(MANY, -1), Occasion(), [])


def test_all_are_dropped_and_each_request_is_heard_whole() -> None:
    (ours, requests), (told, orders) = pair(), pair()
    keeper: Channel[Request] = Channel(ours, Request)
    dropped: list[str] = []

    def answer() -> None:
        while heard := keeper.hear():
            assert isinstance(heard[0], Drop)
            dropped.extend(heard[0].names)
            keeper.say(Done())

    answering = threading.Thread(target=answer)
    answering.start()
    backing = kept(requests, orders)
    backing.drop(MANY)
    assert backing.held == frozenset()
    requests.close()
    answering.join()
    assert dropped == sorted(MANY)
    for end in (ours, orders, told):
        end.close()


def test_a_successor_of_many_names_is_heard_of() -> None:
    (asked, requests), (ours, orders) = pair(), pair()
    many = frozenset(f"{name} {number}" for name in MANY for number in range(10))
    names = in_memory(many)
    assert Channel[Order](ours, Order).say(Superseded(None), [names])
    os.close(names)
    backing = kept(requests, orders)
    assert backing.take_orders() == [Superseded(None)]
    assert backing.successors_names == many
    for end in (asked, requests, ours, orders):
        end.close()


def test_a_successor_of_names_that_no_descriptor_was_free_for_may_have_all() -> None:
    """Or the path of an admin socket that is its own now would be removed."""
    (asked, requests), (ours, orders) = pair(), pair()
    names = in_memory(MANY[:1])
    assert Channel[Order](ours, Order).say(Superseded(None), [names])
    backing = kept(requests, orders)
    with no_descriptors_left(os.getpid()):
        assert backing.take_orders() == [Superseded(None)]
    assert backing.successors_names == frozenset(MANY)
    os.close(names)
    for end in (asked, requests, ours, orders):
        end.close()
