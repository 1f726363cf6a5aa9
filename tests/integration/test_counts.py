"""What the counts say at any moment is what happened (law 13)."""

from __future__ import annotations

import socket
from functools import partial

from peers import pbload
from peers.joined import joined
from peers.process import wait_until
from peers.wish import wish
from protobalance import Balancer


def test_bytes_are_counted_for_their_node_while_they_flow() -> None:
    """Each byte once, in its direction; long sessions are not waited for."""
    with joined() as both:

        def counted(to_node: int, to_client: int) -> bool:
            (node,) = both.balancer.status().clusters[0].nodes
            return (node.bytes_to_node, node.bytes_to_client) == (to_node, to_client)

        wait_until(partial(counted, 1, 1), "the first bytes are counted")
        both.client.sendall(b"1234")
        wait_until(partial(counted, 5, 1), "those to the node are counted")
        both.node.sendall(b"12")
        wait_until(partial(counted, 5, 3), "those to the client are counted")
        for end in both.ends:
            end.shutdown(socket.SHUT_WR)
        wait_until(lambda: both.balancer.status().active == 0, "the session has ended")
        assert counted(5, 3)


def test_the_last_bytes_of_short_sessions_are_counted_at_their_end() -> None:
    """Not only those that were there when a worker last looked."""
    with pbload.nodes("echo") as nodes, Balancer(wish(nodes)) as balancer:
        assert pbload.connect(balancer.address("in"), 500, bytes=10)["errors"] == {}
        wait_until(lambda: balancer.status().active == 0, "all sessions have ended")
        status = balancer.status()
        (node,) = status.clusters[0].nodes
        assert (node.opened, node.active, node.bytes_to_node) == (500, 0, 5000)
        (listener,) = status.listeners
        assert (listener.opened, listener.closed, listener.active, listener.unserved) == (500, 500, 0, 0)
        assert (status.opened, status.closed, status.active) == (500, 500, 0)
