"""More clients than there is room for: those who wait are served when there is room, and nothing spins."""

from __future__ import annotations

import select
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import Enum
from resource import RLIMIT_NOFILE, prlimit

from conformance.clients import Speaks, crowd, unserved
from conformance.ends import End, until
from conformance.scenario import scenario
from conformance.stage import Stage
from conformance.verdict import expect

ROOM = 300  # descriptors beyond those an idle system has
TOO_MANY = 400
STORM = 1000


class Told(Enum):
    """When a system learns of its limit."""

    AT_START = "known-at-start"
    NEVER = "lowered-live"


@scenario(each=Told, alone=True)
def running_out_of_descriptors_is_survived(stage: Stage, told: Told) -> None:
    """400 clients come where there are descriptors for 150: while they wait, the balancer uses less than a
    quarter of a core; as those served leave, all others are served; and then a new one.
    """
    stage.takes_a_balancer()
    node = stage.speaker("node")
    balancer = stage.balance(node)
    limit = max(balancer.highest_descriptor(pid) for pid in balancer.processes()) + 1 + ROOM
    if told is Told.AT_START:
        balancer = stage.restart(within=("prlimit", f"--nofile={limit}:{limit}"))
    else:
        for pid in balancer.processes():
            prlimit(pid, RLIMIT_NOFILE, (limit, limit))
    clients = [stage.client() for _ in range(TOO_MANY)]
    time.sleep(0.5)
    before = balancer.cpu_seconds()
    time.sleep(2.0)
    spent = balancer.cpu_seconds() - before
    expect(spent < 0.5, f"spun: {spent:.1f} s of processor time in 2 s")
    _each_is_greeted_and_leaves(clients, node.line)
    until(lambda: stage.greeting() == node.line, "a new client was not served")


@scenario()
def full_backlog_is_survived(stage: Stage) -> None:
    """The balancer is stopped (SIGSTOP) while 100 clients come, for whom the backlog (16) has no room. When
    it goes on, all are served, those whose SYN was dropped when they send it again.
    """
    stage.takes_a_balancer()
    balancer = stage.balance(stage.speaker("node", "answers"), backlog=16)
    balancer.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(crowd, balancer.wish.listen, 100, Speaks.CLIENT_FIRST, limit=20.0)
        time.sleep(1.5)
        balancer.signal(signal.SIGCONT)
        lost = unserved(waiting.result())
    expect(not lost, lost)


@scenario(each=Speaks, alone=True)
def storm_of_clients_is_served(stage: Stage, speaks: Speaks) -> None:
    """1,000 clients at once: all are served."""
    node = stage.speaker("node", "greets" if speaks is Speaks.NODE_FIRST else "answers")
    stage.balance(node)
    lost = unserved(crowd(stage.balancer.wish.listen, STORM, speaks, limit=15.0))
    expect(not lost, lost)


@scenario(alone=True)
def storm_of_clients_that_leave_at_once_leaves_nothing(stage: Stage) -> None:
    """1,000 clients connect and close, or reset, at once: the next 20 are served, and within 10 s the
    balancer has as many descriptors open as before.
    """
    stage.takes_a_balancer()
    balancer = stage.balance(stage.speaker("node"))
    expect(stage.greeting(), "not even the first client was served")
    before = balancer.descriptors()
    for number in range(STORM):
        client = End("a client", socket.create_connection(balancer.wish.listen, timeout=5.0))
        if number % 2:
            client.reset()
        else:
            client.close()
    lost = unserved(crowd(balancer.wish.listen, 20, Speaks.NODE_FIRST))
    expect(not lost, lost)
    until(lambda: balancer.descriptors() <= before, "sessions were left over", limit=10.0)


def _each_is_greeted_and_leaves(clients: list[End], greeting: bytes) -> None:
    left = {client.socket: client for client in clients}
    served = 0
    give_up = time.monotonic() + 15.0
    while left and time.monotonic() < give_up:
        readable, _, _ = select.select(left, [], [], 0.5)
        for sock in readable:
            with suppress(OSError):
                served += sock.recv(100) == greeting
            left.pop(sock).close()
    expect(served == len(clients), f"{len(clients) - served} of {len(clients)} clients were not served")
