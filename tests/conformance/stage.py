"""Where one scenario plays: nodes, the system between, clients; all cleared away afterwards."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from itertools import count
from typing import Any

from conformance.ends import PATIENCE, End
from conformance.node_process import NodeProcess
from conformance.nodes import BlackHole, Speaker
from conformance.system import Running, System
from conformance.systems.direct import Direct
from conformance.verdict import Failed, NotApplicable
from conformance.wish import Wish
from peers.process import Address, free_ports, workplace

_places = count()


class Stage(ExitStack):
    """Everything entered here ends with it."""

    def __init__(self, system: System) -> None:
        super().__init__()
        self.system = system
        self.notes: list[str] = []
        self._balancer: Running | None = None

    @property
    def balancer(self) -> Running:
        """What stands between, since `balance`."""
        assert self._balancer is not None
        return self._balancer

    def log_tail(self) -> str:
        """The end of what it wrote."""
        return self._balancer.log_tail() if self._balancer else ""

    def note(self, words: str) -> None:
        """Something measured that is worth telling beside the verdict."""
        self.notes.append(words)

    def node(self, backlog: int = 128) -> socket.socket:
        """A node that the scenario plays itself."""
        listening = self.enter_context(socket.create_server(("127.0.0.1", 0), backlog=backlog))
        listening.settimeout(PATIENCE)
        return listening

    def speaker(self, name: str, manners: str = "greets") -> Speaker:
        """A node that plays by itself; see `nodes.py` for its manners."""
        return self.enter_context(Speaker(name, manners))

    def black_hole(self) -> BlackHole:
        """A node whose kernel answers no connect."""
        return self.enter_context(BlackHole())

    def node_process(self, name: str, manners: str = "greets", backlog: int = 128) -> NodeProcess:
        """A speaker that can be stopped."""
        return self.enter_context(NodeProcess(name, manners, backlog))

    def takes_a_balancer(self) -> None:
        """What follows has no counterpart where two ends speak directly."""
        if isinstance(self.system, Direct):
            raise NotApplicable("takes a balancer")

    def refusing(self) -> Address:
        """Where nobody listens: the port is held, so that nobody else will."""
        held = self.enter_context(socket.socket())
        held.bind(("127.0.0.1", 0))
        host, port = held.getsockname()
        return host, port

    def balance(
        self, *nodes: Address | socket.socket | Speaker | BlackHole | NodeProcess, **wish: Any
    ) -> Running:
        """Start the system in front of these nodes."""
        wish.setdefault("listen", _place())
        folder = self.enter_context(workplace("conformance"))
        asked = Wish(nodes=tuple(map(_address, nodes)), **wish)
        self._balancer = self.system.serve(asked, folder)
        self.callback(self._balancer.stop)
        return self._balancer

    def client(self) -> End:
        """A client that is let in."""
        connection = self.enter_context(socket.socket())
        connection.settimeout(PATIENCE)
        try:
            connection.connect(self.balancer.wish.listen)
        except OSError as error:
            raise Failed(f"a client could not connect: {error}") from None
        return End("the client", connection)

    def accepted(self, node: socket.socket) -> End:
        """The node's next connection."""
        try:
            connection, _ = node.accept()
        except TimeoutError:
            raise Failed("no connection reached the node") from None
        return End("the node", self.enter_context(connection))

    def opened(self, **wish: Any) -> tuple[End, End]:
        """Both ends of a session on which nobody has spoken."""
        node = self.node()
        self.balance(node, **wish)
        client = self.client()
        return client, self.accepted(node)

    def joined(self, listening: socket.socket) -> tuple[End, End]:
        """Both ends of one more session, a byte having gone each way."""
        client = self.client()
        client.say(b"?")
        node = self.accepted(listening)
        node.hears(b"?")
        node.say(b"!")
        client.hears(b"!")
        return client, node

    def session(self, **wish: Any) -> tuple[End, End]:
        """The system in front of one node, and both ends of a session as above."""
        node = self.node()
        self.balance(node, **wish)
        return self.joined(node)


def _place() -> Address:
    """Where to listen: an address of its own, so that nobody else takes the port meanwhile."""
    number = next(_places)
    host = f"127.{os.getpid() % 250 + 2}.{number // 250}.{number % 250 + 1}"
    (port,) = free_ports(1, host)
    return host, port


def _address(node: Address | socket.socket | Speaker | BlackHole | NodeProcess) -> Address:
    if isinstance(node, socket.socket):
        host, port = node.getsockname()[:2]
        return host, port
    return node if isinstance(node, tuple) else node.address
