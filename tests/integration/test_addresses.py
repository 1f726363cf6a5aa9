"""Every kind of address that a listener or node can have."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from peers import pbload
from peers.joined import PATIENCE, exchange, listening, session
from peers.port_ranges import free_range
from peers.process import address_of, free_ports, text_of
from peers.wish import Config, cluster, wish
from protobalance import Balancer, Refused
from protobalance.config import from_mapping
from protobalance.config.rendering import render


@pytest.mark.parametrize("outside", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("inside", ["127.0.0.1", "::1"])
def test_ipv4_and_ipv6_in_every_mixture(outside: str, inside: str) -> None:
    """Client and node need not speak the same version."""
    with listening(inside) as server:
        config = wish({"n": server.getsockname()[:2]})
        config["listeners"]["in"]["bind"] = "[::1]:0" if outside == "::1" else "127.0.0.1:0"
        with Balancer(config) as balancer, session(balancer.address("in"), server):
            pass


def test_a_node_on_a_unix_domain_socket(tmp_path: Path) -> None:
    """`unix:/path`, with half-close as everywhere (law 7)."""
    path = tmp_path / "node.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        server.settimeout(PATIENCE)
        config = wish({"n": ("unused", 1)})
        config["clusters"]["c"]["nodes"]["n"]["address"] = f"unix:{path}"
        with Balancer(config) as balancer, session(balancer.address("in"), server) as (client, node):
            client.shutdown(socket.SHUT_WR)
            assert node.recv(1) == b""
            node.sendall(b"late")
            assert client.recv(10) == b"late"


def test_a_node_that_moves_takes_clients_at_once() -> None:
    """What was observed at the old address says nothing about the new one."""
    with listening() as server, pbload.nodes("refuse") as bad:
        config = wish(bad, retry_interval="1h")
        with Balancer(config) as balancer:
            assert pbload.connect(balancer.address("in"), 1, kind="server-first")["ok"] == 0
            assert balancer.status().clusters[0].nodes[0].health == "down"
            config["clusters"]["c"]["nodes"]["refuse"]["address"] = text_of(server.getsockname()[:2])
            balancer.apply(config)
            assert balancer.status().clusters[0].nodes[0].health == "up"
            with session(balancer.address("in"), server):
                pass


def test_every_port_of_a_range_is_served() -> None:
    """`host:first-last`."""
    with listening() as server:
        config = wish({"n": server.getsockname()[:2]})
        config["listeners"]["in"]["bind"] = _range(20)
        with Balancer(config) as balancer:
            addresses = balancer.status().listeners[0].addresses
            assert len(set(addresses)) == 20
            for text in addresses:
                with session(address_of(text), server):
                    pass


def test_many_listeners_on_ports_of_the_kernels_choice() -> None:
    """`:0`; the chosen ports are told, and stay the same when the configuration is applied again."""
    with listening() as server:
        config = wish({"n": server.getsockname()[:2]})
        config["listeners"] = {
            f"l{n}": {"bind": ["127.0.0.1:0", "[::1]:0"], "cluster": "c"} for n in range(5)
        }
        with Balancer(config) as balancer:
            before = [listener.addresses for listener in balancer.status().listeners]
            assert len({address for pair in before for address in pair}) == 10
            config["clusters"]["c"]["policy"] = "random"
            balancer.apply(config)
            assert [listener.addresses for listener in balancer.status().listeners] == before
            for text in before[4]:
                with session(address_of(text), server):
                    pass


def test_a_port_that_was_named_stays_bound_through_a_change() -> None:
    """It is the same socket as before: a new one could not be bound beside it."""
    with listening() as server:
        config = wish({"n": server.getsockname()[:2]})
        config["listeners"]["in"]["bind"] = _range(2)
        with Balancer(config) as balancer, session(balancer.address("in"), server) as (client, node):
            config["clusters"]["c"]["policy"] = "random"
            config["listeners"]["in"]["backlog"] = 100
            balancer.apply(config)
            with session(balancer.address("in"), server):
                exchange(client, node)


def test_a_port_that_somebody_listens_on_is_refused() -> None:
    """Another balancer of the same user is somebody too: the kernel would let us share its clients."""
    with listening() as server:
        config = wish({"n": server.getsockname()[:2]})
        config["listeners"]["in"]["bind"] = text_of(("127.0.0.1", free_ports(1)[0]))
        with Balancer(config) as first:
            with pytest.raises(Refused, match="in use"), Balancer(config):
                pass
            with session(first.address("in"), server):
                pass


def _warned(balancer: Balancer, config: Config) -> list[str]:
    return balancer.supervisor.plan(render(from_mapping(config))).warnings


def test_a_plan_says_which_ports_cannot_be_had() -> None:
    """Before `apply` is refused for them; what is ours already can be had."""
    with listening() as server, listening() as stranger:
        _, taken = stranger.getsockname()
        config = wish({"n": server.getsockname()[:2]})
        config["listeners"]["in"]["bind"] = _range(3)
        with Balancer(config) as balancer:
            config["listeners"]["in"]["bind"] = [config["listeners"]["in"]["bind"], f"127.0.0.2:{taken}"]
            assert _warned(balancer, config) == []
            config["listeners"]["in"]["bind"] += [f"0.0.0.0:{taken}", "192.0.2.1:80"]
            assert _warned(balancer, config) == [
                f"listeners.in.bind: 0.0.0.0:{taken}: Address already in use; it would not be applied",
                "listeners.in.bind: 192.0.2.1:80: Cannot assign requested address; it would not be applied",
            ]
            with pytest.raises(Refused):
                balancer.apply(config)


def test_a_listener_moves_between_one_address_and_all() -> None:
    """Its own socket stands in nobody's way; somebody else's still does."""
    (port,) = free_ports(1, "0.0.0.0")
    with listening() as server:
        config = wish({"n": server.getsockname()[:2]})
        bindings = (f"127.0.0.1:{port}", f"0.0.0.0:{port}", f"127.0.0.1:{port}")
        config["listeners"]["in"]["bind"] = bindings[0]
        with Balancer(config) as balancer, session(balancer.address("in"), server) as (client, node):
            for bind in bindings:
                config["listeners"]["in"]["bind"] = bind
                assert _warned(balancer, config) == []
                balancer.apply(config)
                assert balancer.address("in") == address_of(bind)
                with session(("127.0.0.1", port), server):
                    exchange(client, node)
                with pytest.raises(Refused, match="in use"), Balancer(config):
                    pass


@pytest.mark.parametrize("first", ["0.0.0.0", "127.0.0.1"])
def test_the_more_exact_of_two_listeners_has_the_client(first: str) -> None:
    """An address and all addresses on one port, in either order."""
    (port,) = free_ports(1, "0.0.0.0")
    with pbload.nodes("greet", name="e") as exact, pbload.nodes("greet", name="w") as wide:
        config = wish(exact)
        config["clusters"]["w"] = cluster(wide)
        listeners = {"127.0.0.1": {"cluster": "c"}, "0.0.0.0": {"cluster": "w"}}
        config["listeners"] = {
            f"l{host}": listeners[host] | {"bind": f"{host}:{port}"}
            for host in sorted(listeners, key=lambda host: host != first)
        }
        with Balancer(config):
            for host, greeting in (("127.0.0.1", b"e\n"), ("127.0.0.2", b"w\n")):
                with socket.create_connection((host, port), timeout=PATIENCE) as client:
                    assert client.recv(2) == greeting


def test_one_port_on_ipv4_and_on_ipv6_is_two_addresses() -> None:
    """`[::]` takes IPv6 only, on every host alike."""
    with pbload.nodes("greet", name="4") as four, pbload.nodes("greet", name="6") as six:
        (port,) = free_ports(1, "::")
        config = wish(four)
        config["clusters"]["six"] = cluster(six)
        config["listeners"] = {
            "six": {"bind": f"[::]:{port}", "cluster": "six"},
            "four": {"bind": f"0.0.0.0:{port}", "cluster": "c"},
        }
        with Balancer(config):
            for host, greeting in (("127.0.0.1", b"4\n"), ("::1", b"6\n")):
                with socket.create_connection((host, port), timeout=PATIENCE) as client:
                    assert client.recv(2) == greeting


def test_a_listener_that_is_removed_refuses_and_its_sessions_go_on() -> None:
    """A change ends nothing that it does not have to end."""
    with listening() as server:
        config = wish({"n": server.getsockname()[:2]})
        config["listeners"]["other"] = {"bind": "127.0.0.1:0", "cluster": "c"}
        with Balancer(config) as balancer:
            address = balancer.address("other")
            with session(address, server) as (client, node):
                del config["listeners"]["other"]
                balancer.apply(config)
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(address, timeout=PATIENCE).close()
                exchange(client, node)


def _range(count: int) -> str:
    first, last = free_range(count)
    return f"127.0.0.1:{first}-{last}"
