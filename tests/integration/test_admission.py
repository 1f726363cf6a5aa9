"""What one client may have of a listener, and how fast a listener takes clients in."""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
import tomllib
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from peers import pbload
from peers.joined import PATIENCE
from peers.process import Address, wait_until
from peers.wish import Config, wish
from protobalance import Balancer
from protobalance.control.answers import ListenerStatus

EXAMPLE = Path(__file__).parents[2] / "examples/limits.toml"


def limited(nodes: dict[str, Address], **limits: int) -> Config:
    """A listener with these limits, and workers enough to be wrong together."""
    config = wish(nodes)
    config["engine"] = {"workers": 4}
    config["listeners"]["in"] |= limits
    return config


def arrived(address: Address, client: str = "127.0.0.1", says: bytes = b"") -> socket.socket | None:
    """The client's connection once its node has greeted it; None if it was reset.
    `says`: its first words."""
    try:
        connection = socket.create_connection(address, timeout=PATIENCE, source_address=(client, 0))
    except ConnectionResetError:
        return None
    try:
        connection.sendall(says)
        assert connection.recv(2) == b"n\n"
    except ConnectionResetError:
        connection.close()
        return None
    return connection


def counted(balancer: Balancer) -> ListenerStatus:
    return balancer.status().listeners[0]


def leave(balancer: Balancer, *connections: socket.socket | None) -> None:
    """They end, and the balancer has noticed."""
    for connection in connections:
        assert connection
        connection.close()
    wait_until(lambda: balancer.status().active == 0, "all sessions have ended")


def test_a_client_has_as_many_sessions_as_it_may() -> None:
    """Exactly, over all workers; others are not touched, and what ended counts no more."""
    with (
        pbload.nodes("greet", name="n") as nodes,
        Balancer(limited(nodes, max_sessions_per_client=3)) as balancer,
    ):
        address = balancer.address("in")
        for _ in range(3):
            mine = [arrived(address) for _ in range(20)]
            assert sum(each is not None for each in mine) == 3
            other = arrived(address, "127.0.0.2")
            leave(balancer, other, *filter(None, mine))
        assert counted(balancer).refused == 3 * 17
        listener = counted(balancer)
        assert (listener.opened, listener.closed, listener.untracked) == (12, 12, 0)


def test_a_client_opens_sessions_as_fast_as_it_may() -> None:
    """A burst, then its rate."""
    limits = {"new_sessions_per_second_per_client": 1, "new_session_burst_per_client": 5}
    with pbload.nodes("greet", name="n") as nodes, Balancer(limited(nodes, **limits)) as balancer:
        address = balancer.address("in")
        began = time.monotonic()
        mine = [arrived(address) for _ in range(50)]
        came = [each for each in mine if each]
        # As many more as it took seconds, on whatever machine.
        assert 5 <= len(came) <= 5 + int(time.monotonic() - began) + 1
        other = arrived(address, "127.0.0.2")
        assert counted(balancer).refused == 50 - len(came)
        leave(balancer, other, *came)


def test_a_refused_client_is_told_of_once() -> None:
    """A flood must not fill the log."""
    with (
        pbload.nodes("greet", name="n") as nodes,
        Balancer(limited(nodes, max_sessions_per_client=1)) as balancer,
    ):
        address = balancer.address("in")
        mine = arrived(address)
        assert [arrived(address) for _ in range(30)] == [None] * 30
        told = [entry for entry in balancer.history() if entry.kind == "client-refused"]
        assert [(entry.subject, entry.summary) for entry in told] == [
            ("listener in", "127.0.0.1 is at its max_sessions_per_client: its new connections are reset")
        ]
        leave(balancer, mine)


def test_limits_that_change_hold_for_whoever_comes_next() -> None:
    """Nobody who is in is put out."""
    with (
        pbload.nodes("greet", name="n") as nodes,
        Balancer(limited(nodes, max_sessions_per_client=4)) as balancer,
    ):
        address = balancer.address("in")
        mine = [arrived(address) for _ in range(4)]
        balancer.apply(limited(nodes, max_sessions_per_client=2))
        assert arrived(address) is None
        balancer.apply(limited(nodes, max_sessions_per_client=5))
        mine.append(arrived(address))
        assert arrived(address) is None
        balancer.apply(limited(nodes))
        mine.append(arrived(address))
        balancer.apply(limited(nodes, max_sessions_per_client=5))
        assert arrived(address) is None, "five were counted, and are"
        leave(balancer, *mine)
        mine = [arrived(address) for _ in range(5)]
        leave(balancer, *mine)


def test_a_client_that_leaves_at_once_gives_its_place_back() -> None:
    """Connections reset by the client in the moment they come."""
    with (
        pbload.nodes("greet", name="n") as nodes,
        Balancer(limited(nodes, max_sessions_per_client=50)) as balancer,
    ):
        address = balancer.address("in")
        for _ in range(300):
            with socket.create_connection(address, timeout=PATIENCE) as hasty:
                hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # A reset connection is still taken in, and may wait for that.
        wait_until(lambda: counted(balancer).opened + counted(balancer).refused == 300, "all have come")
        wait_until(lambda: balancer.status().active == 0, "all have left")
        leave(balancer, *[arrived(address) for _ in range(50)])


def test_a_listener_takes_clients_in_as_fast_as_it_may() -> None:
    """They wait, and nobody is refused."""
    with (
        pbload.nodes("greet", name="n") as nodes,
        Balancer(limited(nodes, new_sessions_per_second=20)) as balancer,
        ExitStack() as open_until,
    ):
        address = balancer.address("in")
        began = time.monotonic()
        waiting = [
            open_until.enter_context(socket.create_connection(address, timeout=PATIENCE)) for _ in range(12)
        ]
        wait_until(
            lambda: "listener-rate" in [limit.limit for limit in balancer.status().limits], "it is told"
        )
        assert {each.recv(2) for each in waiting} == {b"n\n"}
        # Two at once and one for each of the four workers that look together; the others at the rate.
        assert time.monotonic() - began >= (12 - 2 - 4) / 20
        assert counted(balancer).refused == 0


def test_behind_a_proxy_the_client_that_it_names_counts() -> None:
    """The proxy itself is nobody's client, however many come through it."""
    with pbload.nodes("greet", name="n") as nodes:
        config = limited(nodes, max_sessions_per_client=2)
        config["listeners"]["in"] |= {"proxy_protocol": "required", "proxy_protocol_from": ["127.0.0.1"]}
        with Balancer(config) as balancer:
            address = balancer.address("in")
            sessions = []
            for client in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
                header = f"PROXY TCP4 {client} 192.0.2.9 1000 80\r\n".encode()
                came = [arrived(address, says=header) for _ in range(4)]
                assert [each is not None for each in came] == [True, True, False, False]
                sessions += came[:2]
            assert counted(balancer).refused == 6
            told = [entry.summary for entry in balancer.history() if entry.kind == "client-refused"]
            assert told[-1].startswith("192.0.2.1 is at its ")
            leave(balancer, *sessions)
            assert counted(balancer).opened == counted(balancer).closed


def test_behind_a_proxy_a_client_counts_once_it_is_named() -> None:
    """Whatever else is to be read of it: a client that never says the rest has no more places than others."""
    header = b"PROXY TCP4 192.0.2.1 192.0.2.9 1000 80\r\n"
    with pbload.nodes("greet", name="n") as nodes:
        config = limited(nodes, max_sessions_per_client=2)
        behind = {"proxy_protocol": "required", "proxy_protocol_from": ["127.0.0.1"]}
        config["listeners"]["in"] |= behind | {"protocol": "tls", "preface_timeout": "5m"}
        with Balancer(config) as balancer, ExitStack() as stack, ExitStack() as clients:
            for waiting in (1, 2):
                client = clients.enter_context(socket.create_connection(balancer.address("in"), PATIENCE))
                client.sendall(header)
                wait_until(partial(has, balancer, "192.0.2.1", waiting), "it is named, and waits")
            for _ in range(2):
                client = clients.enter_context(socket.create_connection(balancer.address("in"), PATIENCE))
                client.sendall(header)
                with pytest.raises(ConnectionResetError):
                    client.recv(1)
            assert counted(balancer).refused == 2
            clients.close()
            leave(balancer)
            again = stack.enter_context(socket.create_connection(balancer.address("in"), PATIENCE))
            again.sendall(header)
            wait_until(partial(has, balancer, "192.0.2.1", 1), "its places were given back")


def has(balancer: Balancer, client: str, count: int) -> bool:
    """So many sessions, those of which more is to be read among them."""
    return len(balancer.sessions(client=client).sessions) == count


def test_ipv6_clients_are_networks() -> None:
    """Whoever has a /64 has all its addresses."""
    with pbload.nodes("greet", name="n") as nodes:
        config = limited(nodes, max_sessions_per_client=1)
        config["listeners"]["in"]["bind"] = "[::1]:0"
        with Balancer(config) as balancer:
            mine = arrived(balancer.address("in"), "::1")
            assert arrived(balancer.address("in"), "::1") is None
            (told,) = [entry for entry in balancer.history() if entry.kind == "client-refused"]
            assert told.summary.startswith("::/64 is at its ")
            leave(balancer, mine)


def test_many_clients_are_not_taken_for_each_other() -> None:
    """What comes and goes leaves nothing behind that another client would meet."""
    with (
        pbload.nodes("greet", name="n") as nodes,
        Balancer(limited(nodes, max_sessions_per_client=1, new_sessions_per_second_per_client=1)) as balancer,
    ):
        address = balancer.address("in")
        first = ipaddress.ip_address("127.1.0.1")
        for number in range(3000):
            with suppress(ConnectionResetError):
                came = arrived(address, str(first + number))
                assert came, "a client of its own is nobody else"
                came.close()
        wait_until(lambda: balancer.status().active == 0, "all have left")
        assert (counted(balancer).refused, counted(balancer).untracked) == (0, 0)


def test_the_example_keeps_its_word() -> None:
    """examples/limits.toml, at ports and nodes that are really there."""
    config: dict[str, Any] = tomllib.loads(EXAMPLE.read_text())
    with pbload.nodes("greet", name="n") as nodes:
        (node,) = nodes.values()
        for name in ("web", "mail"):
            config["listeners"][name]["bind"] = "127.0.0.1:0"
            config["clusters"][name]["nodes"] = {"a": f"{node[0]}:{node[1]}"}
        with Balancer(config | {"log": {"sessions": "off"}}) as balancer:
            mail = [arrived(balancer.address("mail")) for _ in range(11)]
            assert (mail[-1], None in mail[:10]) == (None, False)
            leave(balancer, *mail[:10])


@pytest.mark.parametrize("number", [-1, 1_000_001, "3"])
def test_a_limit_is_a_number(number: object) -> None:
    with pytest.raises(Exception, match="max_sessions_per_client"):
        Balancer(limited({"n": ("127.0.0.1", 9)}, max_sessions_per_client=number))  # type: ignore[arg-type]  # wrong on purpose
