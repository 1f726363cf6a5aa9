"""Nodes that fail their clients: who can be served elsewhere is, and nobody is told a lie."""

from __future__ import annotations

import select
import socket
import time
from enum import Enum

from conformance.clients import Speaks, crowd, unserved
from conformance.ends import PATIENCE, until
from conformance.node_process import NodeProcess
from conformance.nodes import BlackHole, Speaker
from conformance.scenario import scenario
from conformance.stage import Stage
from conformance.verdict import expect
from peers.process import Address

MANY = 20
ANSWER = b"x" * 100_000


@scenario(each=Speaks)
def refusing_node_is_passed_over(stage: Stage, speaks: Speaks) -> None:
    """One of two nodes refuses connections: 20 clients at once are all served by the other."""
    _all_are_served(stage, stage.refusing(), speaks)


@scenario(each=Speaks)
def black_holed_node_is_passed_over(stage: Stage, speaks: Speaks) -> None:
    """One of two nodes answers no connect: after the connect timeout all are served by the other."""
    _all_are_served(stage, stage.black_hole(), speaks)


@scenario(each=Speaks)
def node_that_resets_at_once_is_passed_over(stage: Stage, speaks: Speaks) -> None:
    """One of two nodes accepts and resets before any byte: all are served by the other. (Where the client
    speaks at once, the balancer may be told that its bytes may be written again.)
    """
    _all_are_served(stage, stage.speaker("bad", "resets"), speaks)


@scenario(each=Speaks)
def node_that_closes_at_once_is_passed_over(stage: Stage, speaks: Speaks) -> None:
    """One of two nodes accepts and closes before any byte: all are served by the other. (Likewise.)"""
    _all_are_served(stage, stage.speaker("bad", "closes"), speaks)


@scenario()
def node_that_hears_and_closes_is_passed_over(stage: Stage) -> None:
    """One of two nodes reads the request and closes without an answer: where it was allowed to write requests
    again, the balancer has all served by the other.
    """
    _all_are_served(stage, stage.speaker("bad", "hears-and-closes"), Speaks.CLIENT_FIRST)


class Hearing(Enum):
    """Manners of a node that reads a request and leaves."""

    RESETS = "hears-and-resets"
    CLOSES = "hears-and-closes"


@scenario(each=Hearing)
def request_reaches_one_node_at_most(stage: Stage, hearing: Hearing) -> None:
    """One of two nodes reads the request and leaves without an answer. Unless it was allowed, nobody writes
    that request to the other, and the client learns of the end.
    """
    bad, good = stage.speaker("bad", hearing.value), stage.speaker("good", "answers")
    stage.balance(bad, good)
    clients = crowd(stage.balancer.wish.listen, MANY, Speaks.CLIENT_FIRST)
    twice = set(b"".join(bad.heard).split()) & set(b"".join(good.heard).split())
    expect(not twice, f"{len(twice)} requests were written to both nodes")
    expect(bad.heard, "the bad node was asked nothing")
    expect(all(client.served or client.ended for client in clients), unserved(clients))


@scenario()
def client_that_speaks_at_once_to_a_node_that_leaves(stage: Stage) -> None:
    """One of two nodes accepts and resets, the clients speak at once, and writing again is not allowed:
    nobody gets a wrong answer, a clean end for none, or no end. How many were served is told, not judged.
    """
    stage.balance(stage.speaker("bad", "resets"), stage.speaker("good", "answers"), retry_interval=1.0)
    clients = []
    for _ in range(5):
        clients += crowd(stage.balancer.wish.listen, MANY, Speaks.CLIENT_FIRST)
        time.sleep(1.1)  # the bad node is tried again
    stage.note(f"{sum(client.served for client in clients)} of {len(clients)} were served")
    lied = sum(client.ended == "end" for client in clients)
    expect(not lied, f"{lied} of {len(clients)} clients saw a clean end instead of a reset")
    expect(all(client.served or client.ended for client in clients), unserved(clients))


@scenario()
def reset_of_the_last_node_is_no_clean_end(stage: Stage) -> None:
    """Every node accepts and resets: each client sees a reset."""
    stage.balance(stage.speaker("one", "resets"), stage.speaker("two", "resets"))
    clients = crowd(stage.balancer.wish.listen, MANY, Speaks.NODE_FIRST)
    lied = sum(client.ended == "end" for client in clients)
    expect(not lied, f"{lied} of {MANY} clients saw a clean end")
    expect(all(client.ended for client in clients), unserved(clients))


@scenario()
def no_node_is_no_clean_end(stage: Stage) -> None:
    """Every node refuses: each client is told so by a reset, not by a clean end of an empty answer."""
    stage.takes_a_balancer()
    stage.balance(stage.refusing(), stage.refusing())
    clients = crowd(stage.balancer.wish.listen, MANY, Speaks.NODE_FIRST)
    lied = sum(client.ended == "end" for client in clients)
    expect(not lied, f"{lied} of {MANY} clients saw a clean end")
    expect(all(client.ended for client in clients), unserved(clients))


@scenario()
def refusing_node_serves_again_when_it_is_back(stage: Stage) -> None:
    """A node that refused comes back: it has clients again soon after the retry interval (1 s)."""
    dark, good = stage.black_hole(), stage.speaker("good")
    stage.balance(dark, good, retry_interval=1.0)
    expect(not (lost := unserved(crowd(stage.balancer.wish.listen, MANY, Speaks.NODE_FIRST))), lost)
    back = dark.open_up()
    until(lambda: _greeted_by(stage, back), "the node had no client", limit=3 * PATIENCE)


@scenario()
def silent_node_harms_nobody(stage: Stage) -> None:
    """One of two nodes accepts and says nothing. Its clients are ended at the idle timeout (2 s); the others
    are served at once.
    """
    silent, good = stage.speaker("silent", "silent"), stage.speaker("good")
    stage.balance(silent, good, idle_timeout=2.0)
    clients = crowd(stage.balancer.wish.listen, MANY, Speaks.NODE_FIRST, limit=2 * PATIENCE)
    served = sum(client.served for client in clients)
    expect(served >= MANY // 4, f"only {served} of {MANY} clients were served by the good node")
    hanging = sum(not client.served and not client.ended for client in clients)
    expect(not hanging, f"{hanging} of {MANY} clients were left hanging")


@scenario()
def stopped_node_is_passed_over_and_resumes(stage: Stage) -> None:
    """One of two nodes is stopped (SIGSTOP). Those whose connections its kernel still takes in (5 at most)
    wait; all others are served by the other node. When it goes on, those who waited and its old session are
    served.
    """
    stopped, good = stage.node_process("stopped", backlog=2), stage.speaker("good")
    stage.balance(stopped, good)
    old = stage.client()
    while old.socket.recv(100) != b"stopped\n":
        old = stage.client()
    stopped.stop()
    clients = [stage.client() for _ in range(MANY)]
    time.sleep(2.0)
    waiting = []
    for client in clients:
        client.socket.settimeout(0.01)
        try:
            heard = client.socket.recv(100)
            expect(heard == good.line, f"a client heard {heard!r}")
        except TimeoutError:
            waiting.append(client)
    expect(len(waiting) <= 5, f"{len(waiting)} of {MANY} clients waited for a stopped node")
    stopped.go_on()
    old.say(b"?\n")
    old.hears(b"stopped\n")
    for client in waiting:
        client.socket.settimeout(PATIENCE)
        client.hears(b"stopped\n")


@scenario()
def client_that_ends_before_the_node_is_reached(stage: Stage) -> None:
    """The client has asked and ended its direction before the node's connection stands (a lost SYN, 1 s): the
    question arrives, the end behind it, and the whole answer comes back.
    """
    stage.takes_a_balancer()
    dark = stage.black_hole()
    stage.balance(dark, connect_timeout=4.0)
    client = stage.client()
    client.say(b"question")
    client.finish()
    time.sleep(0.3)
    node = stage.accepted(dark.open_up())
    node.hears(b"question")
    node.hears_end()
    node.say(ANSWER)
    node.close()
    client.hears(ANSWER)
    client.hears_end()


@scenario()
def client_that_resets_before_the_node_is_reached(stage: Stage) -> None:
    """Ten clients reset before the node's connection stands: no blame for the node, the next client is
    served.
    """
    stage.takes_a_balancer()
    dark = stage.black_hole()
    stage.balance(dark, connect_timeout=4.0)
    for _ in range(10):
        client = stage.client()
        client.say(b"question")
        client.reset()
    time.sleep(0.3)
    node = dark.open_up()
    until(lambda: _greeted_by(stage, node), "the next client was not served")


def _greeted_by(stage: Stage, node: socket.socket) -> bool:
    """Whether one more client reaches this node, played here for a moment."""
    with socket.create_connection(stage.balancer.wish.listen, timeout=1.0) as client:
        client.sendall(b"me\n")
        give_up = time.monotonic() + 1.5
        while (left := give_up - time.monotonic()) > 0:
            readable, _, _ = select.select([node, client], [], [], left)
            if client in readable:
                return False
            if node in readable:
                connection, _ = node.accept()
                with connection:
                    connection.settimeout(0.2)
                    try:
                        if connection.recv(100) == b"me\n":
                            return True
                    except OSError:
                        continue
    return False


def _all_are_served(stage: Stage, bad: Address | BlackHole | Speaker | NodeProcess, speaks: Speaks) -> None:
    good = stage.speaker("good", "greets" if speaks is Speaks.NODE_FIRST else "answers")
    stage.balance(bad, good, replay=speaks is Speaks.CLIENT_FIRST)
    for _ in range(2):  # both with the bad node unknown and with it known
        lost = unserved(crowd(stage.balancer.wish.listen, MANY, speaks))
        expect(not lost, lost)
