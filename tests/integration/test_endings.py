"""Whatever the order in which two sides leave: the session ends, and each end is passed on as what it was."""

from __future__ import annotations

import select
import socket
from contextlib import suppress

import pytest

from peers.joined import Joined, accepted, joined, listening, reset
from peers.process import wait_until
from peers.wish import wish
from protobalance import Balancer

BOTH_WAYS = pytest.mark.parametrize("first", ["client", "node"])


def _first_and_other(both: Joined, first: str) -> tuple[socket.socket, socket.socket]:
    return both.ends if first == "client" else (both.node, both.client)


def _reset_before_delivery(both: Joined, leaving: socket.socket, staying: socket.socket) -> None:
    """Reset once nothing more fits anywhere; then let just enough through that the reset is heard, and has
    to wait for what is still on its way.
    """
    leaving.settimeout(0.3)
    with suppress(TimeoutError):
        while True:
            leaving.send(bytes(1 << 20))
    reset(leaving)

    def waits() -> bool:
        staying.recv(1 << 16)
        return [session.phase for session in both.balancer.sessions().sessions] == ["closing"]

    wait_until(waits, "the reset waits")


def _gone(balancer: Balancer) -> bool:
    return balancer.status().active == 0


@BOTH_WAYS
def test_both_sides_leave_at_once_without_a_word(first: str) -> None:
    """Whichever end is heard first, and whichever of them the other's end is noticed from."""
    with listening() as server, Balancer(wish({"n": server.getsockname()[:2]})) as balancer:
        for _ in range(200):
            ends = {"client": socket.create_connection(balancer.address("in")), "node": accepted(server)}
            ends.pop(first).close()
            ends.popitem()[1].close()
        wait_until(lambda: _gone(balancer), "every session has ended")
        assert balancer.status().clusters[0].nodes[0].active == 0


@BOTH_WAYS
def test_a_reset_after_ones_own_half_close_is_passed_on(first: str) -> None:
    """Law 7: the end was clean, and what came after it was not. No byte follows that would tell."""
    with joined() as both:
        leaving, staying = _first_and_other(both, first)
        leaving.shutdown(socket.SHUT_WR)
        assert staying.recv(1) == b""
        reset(leaving)
        hangup = select.poll()
        hangup.register(staying, 0)
        assert [event & select.POLLHUP for _, event in hangup.poll(15_000)] == [select.POLLHUP]
        wait_until(lambda: _gone(both.balancer), "the session has ended")


@BOTH_WAYS
def test_data_an_end_and_a_reset_at_once(first: str) -> None:
    """Law 7: the data arrives, and the session is over."""
    with joined() as both:
        leaving, staying = _first_and_other(both, first)
        leaving.sendall(b"last words")
        leaving.shutdown(socket.SHUT_WR)
        reset(leaving)
        assert staying.recv(100) == b"last words"
        wait_until(lambda: _gone(both.balancer), "the session has ended")


def test_a_reset_that_waits_for_delivery_is_no_clean_end_when_the_balancer_stops() -> None:
    """Law 7: never a clean end where something was cut off."""
    with joined() as both:
        _reset_before_delivery(both, both.node, both.client)
        both.balancer.stop()
        with pytest.raises(ConnectionResetError):  # noqa: PT012 - after what had arrived
            while both.client.recv(1 << 20):
                pass
            raise AssertionError("a clean end")


@BOTH_WAYS
def test_a_reset_waits_for_nobody_who_is_gone_himself(first: str) -> None:
    """Both sides reset, while bytes for one of them were on their way."""
    with joined() as both:
        leaving, staying = _first_and_other(both, first)
        _reset_before_delivery(both, leaving, staying)
        reset(staying)
        wait_until(lambda: _gone(both.balancer), "the session has ended")
