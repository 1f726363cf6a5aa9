"""Where one scenario plays: nodes, the system between, clients; all cleared away afterwards."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from conformance.ends import PATIENCE, End
from conformance.hosts import Host, Network
from conformance.node_process import NodeProcess
from conformance.nodes import BlackHole, Speaker
from conformance.system import Running, System
from conformance.systems.direct import Direct
from conformance.verdict import Failed, NotApplicable
from conformance.wish import Wish
from peers.process import Address, free_ports, workplace

Node = Address | socket.socket | Speaker | BlackHole | NodeProcess

_places = count()


class Stage(ExitStack):
    """Everything entered here ends with it."""

    def __init__(self, system: System) -> None:
        super().__init__()
        self.system = system
        self.notes: list[str] = []
        self._balancer: Running | None = None
        self._network: Network | None = None

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

    def node(self, host: Host | None = None) -> socket.socket:
        """A node that the scenario plays itself, on a host of the network's or on this one."""
        here = ("127.0.0.1", 0)
        made = host.listening() if host else socket.create_server(here, backlog=4096)
        listening = self.enter_context(made)
        listening.settimeout(PATIENCE)
        return listening

    def speaker(self, name: str, manners: str = "greets", host: Host | None = None) -> Speaker:
        """A node that plays by itself; see `nodes.py` for its manners."""
        return self.enter_context(Speaker(name, manners, self.node(host)))

    def network(self) -> Network:
        """Hosts of their own for the client, the balancer and two nodes; `balance` is on the balancer's."""
        self.takes_a_balancer()
        self._network = self.enter_context(Network())
        return self._network

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

    def balance(self, *nodes: Node, **wish: Any) -> Running:
        """Start the system in front of these nodes."""
        if self._network:
            wish.setdefault("listen", self._network.entry)
            wish.setdefault("within", self._network.balancer.command)
        wish.setdefault("listen", _place())
        folder = self.folder()
        asked = Wish(nodes=tuple(map(_address, nodes)), **wish)
        self._balancer = self.system.serve(asked, folder)
        self.callback(self._balancer.stop)
        return self._balancer

    def client(self) -> End:
        """A client that is let in, on the network's client host if there is one."""
        new = self._network.client.new_socket if self._network else socket.socket
        connection = self.enter_context(new())
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

    def session_by_path(self) -> tuple[End, End]:
        """The same with a node on a Unix-domain socket."""
        path = self.folder() / "node.socket"
        listening = self.enter_context(socket.socket(socket.AF_UNIX))
        listening.settimeout(PATIENCE)
        listening.bind(str(path))
        listening.listen()
        path.chmod(0o777)
        self.balance(socket_path=path)
        return self.joined(listening)

    def session_on(self, host: Host, **wish: Any) -> tuple[End, End]:
        """The same with the node on a host of the network's."""
        node = self.node(host)
        self.balance(node, **wish)
        return self.joined(node)

    def wish(self, *nodes: Node) -> Wish:
        """As now, but for these nodes."""
        return replace(self.balancer.wish, nodes=tuple(map(_address, nodes)))

    def restart(self, **wish: Any) -> Running:
        """The system anew, with something else wished."""
        asked = replace(self.balancer.wish, **wish)
        self.balancer.stop()
        self._balancer = self.system.serve(asked, self.folder())
        self.callback(self._balancer.stop)
        return self._balancer

    def greeting(self) -> bytes:
        """What one more client is greeted with; nothing if it is not."""
        client = self.client()
        try:
            return client.socket.recv(100)
        except OSError:
            return b""
        finally:
            client.close()

    def folder(self) -> Path:
        """A place for files."""
        return self.enter_context(workplace("conformance"))

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


def _address(node: Node) -> Address:
    if isinstance(node, socket.socket):
        host, port = node.getsockname()[:2]
        return host, port
    return node if isinstance(node, tuple) else node.address
