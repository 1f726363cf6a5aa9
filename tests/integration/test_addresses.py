"""Every kind of address that a listener or node can have."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from peers.joined import PATIENCE, exchange, listening, session
from peers.process import address_of, free_ports
from peers.wish import wish
from protobalance import Balancer


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


def test_every_port_of_a_range_is_served() -> None:
    """`host:first-last`."""
    with listening() as server:
        config = wish({"n": server.getsockname()[:2]})
        config["listeners"]["in"]["bind"] = _free_range(20)
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


def _free_range(count: int) -> str:
    """A run of ports that nobody listens on."""
    for (first,) in iter(lambda: free_ports(1), []):
        if first + count < 65536 and _all_free(range(first, first + count)):
            return f"127.0.0.1:{first}-{first + count - 1}"
    raise AssertionError


def _all_free(ports: range) -> bool:
    for port in ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
