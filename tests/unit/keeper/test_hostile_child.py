"""A balancer in a stranger's hands takes from its keeper neither its time nor its last descriptors."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator

import pytest

from protobalance.keeper.child import RESERVE, Child
from protobalance.keeper.estate import Estate
from protobalance.keeper.keeper import HEARD_AT_A_TURN, Keeper
from protobalance.keeper.messages import Answer, Channel, Declined, Done, Failed, Hold, Request, pair

Ask = Callable[[Hold], Answer]


@pytest.fixture
def child() -> Iterator[tuple[Child, Channel[Answer]]]:
    (theirs, ours), (orders, orders_end) = pair(), pair()
    ours.setblocking(False)  # noqa: FBT003 - its signature
    asking: Channel[Answer] = Channel(theirs, Answer)
    child = Child(1, Channel[Request](ours, Request), Channel(orders, Request), Estate())
    yield child, asking
    child.estate.drop(list(child.estate))
    for end in (theirs, ours, orders, orders_end):
        end.close()


def test_a_name_twice_is_declined_and_no_descriptor_is_lost(child: tuple[Child, Channel[Answer]]) -> None:
    asked, asking = child
    keeper = Keeper(lambda *_: None, lambda _: None)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    for request, descriptors in ((Hold(["a", "a"]), [0, 1]), (Hold(["a", "a"]), [0])):
        asking.say(request, descriptors)
        keeper._hear(asked)
        heard = asking.hear()
        assert heard
        assert isinstance(heard[0], Declined)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - a count
    assert not list(asked.estate)


def test_what_the_keeper_needs_itself_is_not_held(child: tuple[Child, Channel[Answer]]) -> None:
    asked, asking = child
    keeper = Keeper(lambda *_: None, lambda _: None)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208 - names
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + RESERVE + 10, hard))
    try:
        answers = []
        for number in range(highest + 20):
            asking.say(Hold([str(number)]), [0])
            keeper._hear(asked)
            heard = asking.hear()
            assert heard
            answers.append(heard[0])
        assert answers[0] == Done()
        assert isinstance(answers[-1], Declined)
        spare = [os.dup(0) for _ in range(RESERVE)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for descriptor in spare:
        os.close(descriptor)


def test_one_who_never_ends_its_talk_is_interrupted(child: tuple[Child, Channel[Answer]]) -> None:
    asked, asking = child
    keeper = Keeper(lambda *_: None, lambda _: None)
    heard = 0

    def talk_on(*_: object) -> None:
        nonlocal heard
        heard += 1
        assert heard <= HEARD_AT_A_TURN
        asking.say(Hold([str(heard)]), [])

    asked.requests.say = talk_on  # type: ignore[method-assign, assignment]  # each answer brings a request
    asking.say(Hold(["0"]), [])
    keeper._hear(asked)
    assert heard == HEARD_AT_A_TURN
    assert asking.say(Failed("still there"))
