"""Where descriptors run out, whoever is taken in is served; the others wait in the kernel's queue (law 9)."""

from __future__ import annotations

import select
import socket
from contextlib import ExitStack
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from peers import pbload
from peers.command import Command, running
from peers.joined import PATIENCE, reset
from peers.process import Address, wait_until
from peers.shortage import descriptors_left, no_descriptors_left
from peers.wish import Config, wish

CROWD = 200
SERVED = 10


def at_once(command: Command, count: int, stack: ExitStack) -> list[socket.socket]:
    """So many clients, who find the balancer after they have all connected."""
    address = command.address()
    command.signal(SIGSTOP)
    clients = [stack.enter_context(socket.create_connection(address, PATIENCE)) for _ in range(count)]
    command.signal(SIGCONT)
    return clients


def greeted(clients: list[socket.socket]) -> list[socket.socket]:
    return select.select(clients, [], [], 0)[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_crowd_does_not_take_the_descriptors_of_its_nodes(tmp_path: Path, workers: int) -> None:
    """A session takes two, so there are so many; each that ends lets one in."""
    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        command = stack.enter_context(running(wish(nodes) | {"engine": {"workers": workers}}, tmp_path))
        with descriptors_left(command.balancer(), 2 * SERVED + workers):
            crowd = at_once(command, CROWD, stack)
            wait_until(
                lambda: len(greeted(crowd)) >= SERVED, "as many as there are descriptors for are served"
            )
            for _ in range(CROWD):
                client = select.select(crowd, [], [], PATIENCE)[0][0]
                assert client.recv(2) == b"n\n"
                crowd.remove(client)
                client.close()


HEADER = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"


def headed(nodes: dict[str, Address]) -> Config:
    """Each client is taken in, and has no node until its header is there."""
    config = wish(nodes)
    config["listeners"]["in"] |= {"proxy_protocol": "required", "proxy_protocol_from": ["127.0.0.1"]}
    return config


def test_who_was_taken_in_waits_where_there_is_none_for_its_node_after_all(tmp_path: Path) -> None:
    """Another thread may have been quicker, or, as here, what was kept aside is no longer allowed."""
    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        command = stack.enter_context(running(headed(nodes), tmp_path))
        client = stack.enter_context(socket.create_connection(command.address(), PATIENCE))
        wait_until(lambda: command.status().active == 1, "the client is taken in")
        with no_descriptors_left(command.balancer()):
            client.sendall(HEADER)
            wait_until(lambda: command.said("no descriptors"), "the shortage is told")
        assert client.recv(2) == b"n\n"
        (node,) = command.status().clusters[0].nodes
        assert (node.health, node.failed) == ("up", 0)


def test_who_leaves_while_it_waits_is_let_go_and_no_node_blamed(tmp_path: Path) -> None:
    """Its own descriptor may be what the others wait for."""
    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        config = headed(nodes) | {"log": {"sessions": "stderr"}}
        command = stack.enter_context(running(config, tmp_path))
        client = socket.create_connection(command.address(), PATIENCE)
        wait_until(lambda: command.status().active == 1, "the client is taken in")
        with no_descriptors_left(command.balancer()):
            client.sendall(HEADER)
            wait_until(lambda: command.said("no descriptors"), "the shortage is told")
            reset(client)
            wait_until(lambda: command.said("192.0.2.1:1 -> "), "its session is over")
        assert command.said(" client-reset ")
        (node,) = command.status().clusters[0].nodes
        assert (node.health, node.failed) == ("up", 0)
