"""Where descriptors run out, whoever was taken in waits for some, and is served then (law 9)."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from signal import SIGCONT, SIGSTOP

from peers import pbload
from peers.command import running
from peers.joined import PATIENCE
from peers.shortage import descriptors_left
from peers.wish import wish

CROWD = 4
LEFT = CROWD + 1  # for all of them, and for one node


def test_who_waits_for_a_session_is_served_once_there_are_descriptors(tmp_path: Path) -> None:
    """A crowd is taken in at once, and then there are nodes for two of them: the others wait."""
    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        command = stack.enter_context(running(wish(nodes) | {"engine": {"workers": 1}}, tmp_path))
        address, balancer = command.address(), command.balancer()
        with descriptors_left(balancer, LEFT):
            command.signal(SIGSTOP)
            crowd = [stack.enter_context(socket.create_connection(address, PATIENCE)) for _ in range(CROWD)]
            command.signal(SIGCONT)
            assert [client.recv(2) for client in crowd[:2]] == [b"n\n"] * 2
        assert [client.recv(2) for client in crowd[2:]] == [b"n\n"] * 2
