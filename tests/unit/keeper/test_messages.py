"""What a stranger in the balancer's place may send: only messages are heard, and no descriptor is lost."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protobalance.keeper.messages import AT_ONCE, Channel, Hold, Request, Tell, chunks, pair

Ends = tuple[socket.socket, Channel[Request]]


@pytest.fixture
def ends() -> Iterator[Ends]:
    theirs, ours = pair()
    ours.setblocking(False)  # noqa: FBT003 - its signature
    with theirs, ours:
        yield theirs, Channel(ours, Request)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count


@given(packet=st.binary(min_size=1, max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_is_no_message_is_refused_and_its_descriptors_are_closed(ends: Ends, packet: bytes) -> None:
    theirs, channel = ends
    before = open_descriptors()
    socket.send_fds(theirs, [packet], [0, 1])
    with pytest.raises(msgspec.MsgspecError):
        channel.hear()
    assert open_descriptors() == before


@pytest.mark.parametrize("state", ["MAINPID", "X\nMAINPID", "self", "FDSTOREREMOVE", "NOTIFYACCESS"])
def test_a_service_manager_is_told_how_we_are_and_nothing_else(ends: Ends, state: str) -> None:
    theirs, channel = ends
    theirs.send(msgspec.json.encode({"type": "tell", "states": {"READY": "1", state: "1"}}))
    with pytest.raises(msgspec.MsgspecError):
        channel.hear()
    theirs.send(msgspec.json.encode(Tell({"READY": "1", "STATUS": "serving"})))
    heard = channel.hear()
    assert heard
    assert heard[0] == Tell({"READY": "1", "STATUS": "serving"})


def test_descriptors_beside_nothing_are_closed(ends: Ends) -> None:
    """An empty packet looks like the end."""
    theirs, channel = ends
    before = open_descriptors()
    socket.send_fds(theirs, [b""], [0, 1])
    assert channel.hear() is None
    assert open_descriptors() == before


def test_descriptors_come_with_their_message_and_outlive_no_execution(ends: Ends) -> None:
    theirs, channel = ends
    socket.send_fds(theirs, [msgspec.json.encode(Hold(["a", "b"]))], [0, 1])
    heard = channel.hear()
    assert heard
    request, descriptors = heard
    assert request == Hold(["a", "b"])
    assert [os.get_inheritable(each) for each in descriptors] == [False, False]
    for each in descriptors:
        os.close(each)


def test_silence_is_told_from_the_end(ends: Ends) -> None:
    theirs, channel = ends
    with pytest.raises(BlockingIOError):
        channel.hear()
    theirs.close()
    assert channel.hear() is None
    assert not channel.say(Hold([]))


def test_many_descriptors_go_in_several_packets() -> None:
    many = {str(number): number for number in range(2 * AT_ONCE + 1)}
    parts = chunks(many)
    assert [len(part) for part in parts] == [AT_ONCE, AT_ONCE, 1]
    assert {name: number for part in parts for name, number in part.items()} == many
