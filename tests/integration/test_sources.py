"""Law 11: where connections to nodes come from. In networks of the test's own."""

from __future__ import annotations

import socket
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from peers.command import Command, ended
from peers.joined import PATIENCE, accepted, exchange, listening, reset, session
from peers.namespace import Namespace, join, namespace
from peers.process import Address, wait_until
from peers.wish import wish
from protobalance import Balancer, Refused
from protobalance.control import source_ports

IP_BIND_ADDRESS_NO_PORT = 24  # of <linux/in.h>; Python names it from 3.12 on
EXAMPLE = Path(__file__).parents[2] / "examples/source-addresses.toml"
PORTS = 200  # that the kernel gives in the small network
POOL = [f"10.9.0.{n}" for n in range(1, 5)]


@pytest.fixture
def small() -> Iterator[Namespace]:
    """A network whose kernel gives few ports, and with several addresses."""
    with namespace() as made:
        made.set("net.ipv4.ip_local_port_range", f"20000 {20000 + PORTS - 1}")
        for address in POOL:
            made.ip("address", "add", f"{address}/32", "dev", "lo")
        yield made


class Crowd:
    """Sessions that stay, and where their nodes see them come from."""

    def __init__(self, stack: ExitStack, server: socket.socket, entry: Address) -> None:
        self._stack = stack
        self._server = server
        self._entry = entry
        self.ends: list[tuple[socket.socket, socket.socket]] = []

    def grow(self, count: int) -> None:
        for _ in range(count):
            client = self._stack.enter_context(socket.socket())
            client.settimeout(PATIENCE)
            # Clients are not to run out of ports, nor to take any from the balancer: each hundred has an
            # address of its own, bound without a port.
            client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            client.bind((f"127.1.0.{1 + len(self.ends) // 100}", 0))
            client.connect(self._entry)
            node = self._stack.enter_context(accepted(self._server))
            exchange(client, node)
            self.ends.append((client, node))

    def seen(self) -> Counter[str]:
        return Counter(node.getpeername()[0] for _, node in self.ends)

    def shrink(self, count: int) -> None:
        for _ in range(count):
            client, node = self.ends.pop()
            # A clean end would leave the balancer's port waiting for a minute.
            reset(client)
            node.close()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def started(stack: ExitStack, small: Namespace, **settings: Any) -> tuple[Balancer, Crowd]:
    """A balancer and its node in the small network."""
    stack.enter_context(small.entered())
    server = stack.enter_context(listening())
    balancer = stack.enter_context(Balancer(wish({"n": server.getsockname()[:2]}, **settings)))
    return balancer, Crowd(stack, server, balancer.address("in"))


def test_several_addresses_have_several_times_the_ports(stack: ExitStack, small: Namespace) -> None:
    """Nearly four times as many sessions to one node as one address has ports: 780 of 800. In turn, and
    beyond one address's share by the next one that has a port left.
    """
    settings = tomllib.loads(EXAMPLE.read_text())["clusters"]["gateway"]
    assert set(settings) == {"source_addresses", "nodes"}, "no other key of the example is left out here"
    _, crowd = started(stack, small, source_addresses=POOL)
    crowd.grow(len(POOL) * PORTS - 20)
    seen = crowd.seen()
    assert set(seen) == set(POOL)
    assert max(seen.values()) <= PORTS
    assert min(seen.values()) >= PORTS - 20
    for client, node in crowd.ends[:: PORTS // 4]:
        exchange(client, node)


def test_one_address_runs_out_blames_nobody_and_recovers(stack: ExitStack, small: Namespace) -> None:
    """What happens without a pool, and what is said of it before and then."""
    balancer, crowd = started(stack, small)
    crowd.grow(PORTS * 8 // 10 - 1)
    assert _short(balancer) == []
    crowd.grow(1)
    assert f"of the {PORTS} ports" in _short(balancer)[0]
    # Two ports are the balancer's and the node's own.
    crowd.grow(PORTS - 2 - len(crowd.ends))
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(balancer.address("in"), PATIENCE, ("127.2.0.1", 0)) as client,
    ):
        client.recv(1)
    last = balancer.explain(limit=100).recorded
    failed = [each.decision.attempts[0].failure for each in last if each.decision.attempts[0].failure]
    assert failed == ["our-shortage"]
    assert balancer.status().clusters[0].nodes[0].health == "up"
    crowd.shrink(PORTS // 2)
    wait_until(lambda: balancer.status().active == len(crowd.ends), "the others have ended")
    assert _short(balancer) == []
    crowd.grow(10)


def _short(balancer: Balancer) -> list[str]:
    """What is said of ports after one of the looks that `run` takes now and then."""
    balancer.supervisor.running.look_at_source_ports()
    return [limit.message for limit in balancer.status().limits if limit.limit == source_ports.WORD]


def test_an_address_that_is_not_ours_is_refused_and_nothing_changes(
    stack: ExitStack, small: Namespace
) -> None:
    balancer, crowd = started(stack, small, source_addresses=POOL)
    crowd.grow(1)
    config = wish({"n": ("127.0.0.1", 1)}, source_addresses=[POOL[0], "10.9.9.9"])
    with pytest.raises(Refused, match=r"10\.9\.9\.9 is no address of this machine"):
        balancer.apply(config)
    crowd.grow(1)


def test_an_address_that_goes_is_passed_over(stack: ExitStack, small: Namespace) -> None:
    _, crowd = started(stack, small, source_addresses=POOL[:2])
    small.ip("address", "del", f"{POOL[0]}/32", "dev", "lo")
    crowd.grow(4)
    assert set(crowd.seen()) == {POOL[1]}


def test_sources_of_the_other_family_are_left_alone(stack: ExitStack, small: Namespace) -> None:
    """For the node on IPv4 the kernel chooses; for the one on IPv6 there is one."""
    small.ip("address", "add", "fd00:9::1/128", "dev", "lo", "nodad")
    stack.enter_context(small.entered())
    four, six = stack.enter_context(listening()), stack.enter_context(listening("::1"))
    nodes = {"four": four.getsockname()[:2], "six": six.getsockname()[:2]}
    balancer = stack.enter_context(Balancer(wish(nodes, source_addresses=["fd00:9::1"])))
    for server, source in ((four, "127.0.0.1"), (six, "fd00:9::1")):
        with session(balancer.address("in"), server) as (_, node):
            assert node.getpeername()[0] == source


class Site:
    """A client, the balancer and a node, each in a network of its own; the node's way back to anybody leads
    through the balancer, which takes what comes from the node's side for itself.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.client, self.balancer, self.node = (stack.enter_context(namespace()) for _ in range(3))
        join(self.client, self.balancer, ("out", "front"), ("10.1.0.2/24", "10.1.0.1/24"))
        join(self.balancer, self.node, ("back", "in"), ("10.2.0.1/24", "10.2.0.2/24"))
        for here, name, address in (
            (self.client, "out", "fd00:1::2/64"),
            (self.balancer, "front", "fd00:1::1/64"),
            (self.balancer, "back", "fd00:2::1/64"),
            (self.node, "in", "fd00:2::2/64"),
        ):
            here.ip("address", "add", address, "dev", name, "nodad")
        for family, gateway, everywhere in (("-4", "10.2.0.1", "0.0.0.0/0"), ("-6", "fd00:2::1", "::/0")):
            self.node.ip(family, "route", "add", "default", "via", gateway)
            self.balancer.ip(family, "rule", "add", "iif", "back", "lookup", "100")
            self.balancer.ip(family, "route", "add", "local", everywhere, "dev", "lo", "table", "100")


@pytest.mark.parametrize(
    ("entry", "client", "node", "seen"),
    [
        ("10.1.0.1", "10.1.0.2", "10.2.0.2", "10.1.0.2"),
        ("fd00:1::1", "fd00:1::2", "fd00:2::2", "fd00:1::2"),
        # A node on IPv4 cannot see an address of IPv6: the balancer's own.
        ("fd00:1::1", "fd00:1::2", "10.2.0.2", "10.2.0.1"),
    ],
    ids=["ipv4", "ipv6", "mixed"],
)
def test_a_node_sees_the_clients_own_address(
    stack: ExitStack, entry: str, client: str, node: str, seen: str
) -> None:
    """`transparent`, end to end, the way back included."""
    site = Site(stack)
    with site.node.entered():
        server = stack.enter_context(listening(node))
    config = wish({"n": server.getsockname()[:2]}, transparent=True)
    config["listeners"]["in"]["bind"] = f"[{entry}]:0" if ":" in entry else f"{entry}:0"
    with site.balancer.entered():
        balancer = stack.enter_context(Balancer(config))
    for _ in range(3):
        with site.client.entered():
            near = stack.enter_context(socket.create_connection(balancer.address("in"), PATIENCE))
        far = stack.enter_context(accepted(server))
        exchange(near, far)
        assert near.getsockname()[0] == client
        assert far.getpeername()[0] == seen
    near.sendall(bytes(1_000_000))
    near.shutdown(socket.SHUT_WR)
    assert sum(map(len, iter(lambda: far.recv(65536), b""))) == 1_000_000


def test_without_the_capability_a_transparent_cluster_is_refused(tmp_path: Path) -> None:
    """At the start, in words that say what to do."""
    config = wish({"n": ("127.0.0.1", 1)}, transparent=True)
    command = Command(config, tmp_path, under=["setpriv", "--bounding-set", "-net_raw,-net_admin"])
    with command.child:
        assert ended(command) == 1
    assert command.said("transparent: needs CAP_NET_ADMIN or CAP_NET_RAW")
