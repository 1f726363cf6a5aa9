"""`protocol = "ftp"`: where replies to PASV and EPSV lead, and where they do not. The servers are played."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from peers.joined import PATIENCE, accepted, listening, read_to_end, session
from peers.port_ranges import free_range
from peers.process import Address, wait_until
from peers.records import logged, records
from peers.wish import Config, wish
from protobalance import Balancer

PORTS = 2


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """The node's control port."""
    with listening() as listener:
        yield listener


def config(server: socket.socket, host: str = "127.0.0.1", **ftp: Any) -> Config:
    """One node, and two data ports."""
    wished = wish({"n": server.getsockname()[:2]})
    first, last = free_range(PORTS, [host])
    bind = f"[{host}]:0" if ":" in host else f"{host}:0"
    settings = {"data_ports": f"{first}-{last}", **ftp}
    wished["listeners"]["in"] |= {"bind": bind, "protocol": "ftp", "ftp": settings}
    return wished


@contextmanager
def controlled(
    config: Config, server: socket.socket
) -> Iterator[tuple[Balancer, socket.socket, socket.socket]]:
    """A balancer and both ends of a control connection."""
    with Balancer(config) as balancer, greeted(balancer.address("in"), server) as (client, node):
        yield balancer, client, node


@contextmanager
def greeted(entry: Address, server: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a control connection behind the greeting."""
    with socket.create_connection(entry, timeout=PATIENCE) as client, accepted(server) as node:
        node.sendall(b"220 Hello\r\n")
        assert line(client) == "220 Hello\r\n"
        yield client, node


def exchange(client: socket.socket, node: socket.socket) -> None:
    """A command and its reply."""
    client.sendall(b"NOOP\r\n")
    assert line(node) == "NOOP\r\n"
    node.sendall(b"200 Ok\r\n")
    assert line(client) == "200 Ok\r\n"


def line(end: socket.socket) -> str:
    """The next line."""
    read = b""
    while not read.endswith(b"\n"):
        more = end.recv(1)
        assert more, f"the end came behind {read!r}"
        read += more
    return read.decode("latin-1")


def passive(at: Address, host: str | None = None) -> bytes:
    """A reply to PASV that names this port, and perhaps another host's."""
    numbers = [*(host or at[0]).split("."), at[1] >> 8, at[1] & 255]
    return f"227 Entering Passive Mode ({','.join(map(str, numbers))}).\r\n".encode()


def extended(at: Address) -> bytes:
    return f"229 Entering Extended Passive Mode (|||{at[1]}|)\r\n".encode()


def place(reply: str) -> Address:
    """Where a client connects that got this reply to PASV."""
    found = re.fullmatch(r"227 Entering Passive Mode \((.*)\)\.\r\n", reply)
    assert found, reply
    *host, high, low = found[1].split(",")
    return ".".join(host), int(high) * 256 + int(low)


def port(reply: str) -> int:
    """The same for EPSV."""
    found = re.fullmatch(r"229 Entering Extended Passive Mode \(\|\|\|(\d+)\|\)\r\n", reply)
    assert found, reply
    return int(found[1])


def refused(at: Address) -> bool:
    try:
        with suppress(ConnectionResetError):
            socket.create_connection(at, timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("named", ["127.0.0.1", "127.0.9.9"], ids=["own", "another"])
def test_a_data_connection_leads_to_the_node_that_answered(
    server: socket.socket, named: str, tmp_path: Path
) -> None:
    """Whatever address it names: nobody is connected to a machine because a reply says so."""
    path = tmp_path / "sessions.log"
    with ExitStack() as stack:
        data = stack.enter_context(listening())
        elsewhere = stack.enter_context(socket.create_server(("127.0.9.9", data.getsockname()[1])))
        elsewhere.settimeout(0)
        wished = logged(config(server), path)
        balancer, client, node = stack.enter_context(controlled(wished, server))
        node.sendall(passive(data.getsockname(), named))
        at = place(line(client))
        first, last = map(int, wished["listeners"]["in"]["ftp"]["data_ports"].split("-"))
        assert at[0] == "127.0.0.1"
        assert first <= at[1] <= last
        with session(at, data) as (to_client, to_node):
            to_node.sendall(b"file")
            to_node.close()
            assert read_to_end(to_client) == b"file"
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
        (record,) = records(path, 1)
        assert [(each["node"], each["why"]) for each in record["attempts"]] == [("n", "port")]
        exchange(client, node)
        assert balancer.status().active == 1


def test_it_is_taken_once_and_from_the_clients_address_alone(server: socket.socket) -> None:
    with listening() as data, controlled(config(server), server) as (_, client, node):
        node.sendall(extended(data.getsockname()))
        at = ("127.0.0.1", port(line(client)))
        for _ in range(20):
            with (
                pytest.raises(ConnectionResetError),
                socket.create_connection(at, PATIENCE, source_address=("127.0.7.7", 0)) as stranger,
            ):
                stranger.recv(1)
        with session(at, data):
            assert refused(at)


def test_the_control_connections_end_ends_the_wait(server: socket.socket) -> None:
    with Balancer(config(server)) as balancer:
        with greeted(balancer.address("in"), server) as (client, node):
            node.sendall(extended(("", 2000)))
            at = ("127.0.0.1", port(line(client)))
        wait_until(lambda: balancer.status().active == 0, "the session has ended")
        assert refused(at)


def test_the_wait_has_its_limit(server: socket.socket) -> None:
    with controlled(config(server, data_timeout="1s"), server) as (_, client, node):
        node.sendall(extended(("", 2000)))
        at = ("127.0.0.1", port(line(client)))
        # Not by a connection: that would be the one it waits for.
        wait_until(lambda: _can_listen(at), "the port is free again")
        exchange(client, node)


def _can_listen(at: Address) -> bool:
    try:
        socket.create_server(at).close()
    except OSError:
        return False
    return True


def test_a_new_announcement_takes_the_place_of_the_last(server: socket.socket) -> None:
    """A hundred, with two ports: each session waits for one data connection at most."""
    with listening() as data, controlled(config(server), server) as (_, client, node):
        last: Address | None = None
        for _ in range(100):
            node.sendall(extended(data.getsockname()))
            at = ("127.0.0.1", port(line(client)))
            if last not in {None, at}:
                # The socket before is closed when the reply is on its way; nobody is let in by it meanwhile.
                wait_until(partial(refused, last), "the port before is closed")
            last = at
        with session(last or ("", 0), data):
            pass


def test_a_client_without_a_port_is_told_to_come_later(server: socket.socket) -> None:
    """And it is said that ports are short, until they are not."""
    with ExitStack() as stack:
        balancer = stack.enter_context(Balancer(config(server)))
        ends = [stack.enter_context(greeted(balancer.address("in"), server)) for _ in range(PORTS + 1)]
        for client, node in ends[:PORTS]:
            node.sendall(extended(("", 2000)))
            port(line(client))
        client, node = ends[PORTS]
        for reply in (extended(("", 2000)), passive(("127.0.0.1", 2000))):
            node.sendall(reply)
            assert line(client).startswith("425 ")
        (limit,) = balancer.status().limits
        assert limit.limit == "data-ports"
        for end in ends[0]:
            end.close()
        wait_until(lambda: balancer.status().active == PORTS, "a control connection has ended")
        node.sendall(extended(("", 2000)))
        port(line(client))
        wait_until(lambda: not balancer.status().limits, "there are ports again")


def test_who_asks_on_and_on_has_ports_looked_through_once_for_all_that_is_answered_together(
    server: socket.socket,
) -> None:
    """One port serves, of which the last announcement says where it leads: a search for each would cost a
    worker far more than the asking costs a client.
    """
    with ExitStack() as stack:
        data = stack.enter_context(listening())
        _, client, node = stack.enter_context(controlled(config(server), server))
        node.sendall(extended(("", 2000)) * 20 + extended(data.getsockname()))
        first, *others = [port(line(client)) for _ in range(21)]
        assert set(others) == {first}
        with session(("127.0.0.1", first), data) as (to_client, to_node):
            to_node.sendall(b"file")
            to_node.close()
            assert read_to_end(to_client) == b"file"


def test_replies_come_whole_however_slowly_they_are_written(server: socket.socket) -> None:
    """Byte by byte, among others; and what the node had begun to say is said before its end."""
    with listening() as data, controlled(config(server), server) as (_, client, node):
        for byte in b"220-Hello\r\n220 there\r\n" + passive(data.getsockname()):
            node.sendall(bytes([byte]))
        assert (line(client), line(client)) == ("220-Hello\r\n", "220 there\r\n")
        with session(place(line(client)), data):
            pass
        node.sendall(b"227 Entering Pas")
        node.close()
        assert read_to_end(client) == b"227 Entering Pas"


def test_after_auth_tls_the_rest_passes_and_it_is_said_once(server: socket.socket) -> None:
    rest = extended(("", 2000)) * 3
    with Balancer(config(server)) as balancer:
        for _ in range(3):
            with greeted(balancer.address("in"), server) as (client, node):
                node.sendall(b"234 Proceed\r\n" + rest)
                node.close()
                assert read_to_end(client) == b"234 Proceed\r\n" + rest
        said = [entry.summary for entry in balancer.history() if "AUTH TLS" in entry.summary]
        assert len(said) == 1


def test_a_public_address_is_what_pasv_names(server: socket.socket) -> None:
    with controlled(config(server, public_address="192.0.2.7"), server) as (_, client, node):
        node.sendall(passive(("127.0.0.1", 2000)))
        assert place(line(client))[0] == "192.0.2.7"


def test_clients_on_ipv6_use_epsv(server: socket.socket) -> None:
    """The node need not; a reply to PASV cannot say IPv6 and passes."""
    with listening() as data, controlled(config(server, "::1"), server) as (_, client, node):
        node.sendall(passive(("127.0.0.1", 2000)))
        assert place(line(client)) == ("127.0.0.1", 2000)
        node.sendall(extended(data.getsockname()))
        with session(("::1", port(line(client))), data):
            pass


def test_a_data_connection_finds_room_where_its_session_has_the_last_place(server: socket.socket) -> None:
    """Or clients whose sessions are all there may be would wait for each other for ever."""
    wished = config(server)
    wished["listeners"]["in"]["max_sessions"] = 1
    with listening() as data, controlled(wished, server) as (balancer, client, node):
        node.sendall(extended(data.getsockname()))
        with session(("127.0.0.1", port(line(client))), data):
            assert balancer.status().active == 2


def test_more_of_them_at_once_are_sessions_like_others(server: socket.socket) -> None:
    """No node and client have more of them than there may be; when one is over, the next has a place."""
    wished = config(server)
    wished["listeners"]["in"]["max_sessions"] = 1
    with listening() as data, controlled(wished, server) as (balancer, client, node):
        node.sendall(extended(data.getsockname()))
        with session(("127.0.0.1", port(line(client))), data):
            node.sendall(extended(data.getsockname()))
            at = ("127.0.0.1", port(line(client)))
            with (
                pytest.raises(ConnectionResetError),
                socket.create_connection(at, timeout=PATIENCE) as second,
            ):
                second.recv(1)
        wait_until(lambda: balancer.status().active == 1, "the first is over")
        node.sendall(extended(data.getsockname()))
        with session(("127.0.0.1", port(line(client))), data):
            assert balancer.status().active == 2


def test_a_node_that_left_the_file_keeps_its_sessions_transfers(server: socket.socket) -> None:
    with listening() as data, listening() as other:
        wished = config(server)
        with controlled(wished, server) as (balancer, client, node):
            wished["clusters"]["c"]["nodes"] = {"new": {"address": f"127.0.0.1:{other.getsockname()[1]}"}}
            balancer.apply(wished)
            node.sendall(extended(data.getsockname()))
            with session(("127.0.0.1", port(line(client))), data):
                pass


def test_a_closed_data_port_of_the_node_blames_nobody(server: socket.socket) -> None:
    with controlled(config(server), server) as (balancer, client, node):
        node.sendall(extended(("", free_range(1)[0])))
        with (
            pytest.raises(ConnectionResetError),
            socket.create_connection(("127.0.0.1", port(line(client))), timeout=PATIENCE) as data,
        ):
            data.recv(1)
        assert balancer.status().clusters[0].nodes[0].health == "up"
        exchange(client, node)


def test_urgent_bytes_pass_among_replies(server: socket.socket) -> None:
    """ABOR comes behind a Telnet Synch, and what goes the other way keeps its place."""
    with controlled(config(server), server) as (_, client, node):
        node.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        client.sendall(b"\xff\xf4")
        client.send(b"\xff\xf2", socket.MSG_OOB)
        client.sendall(b"ABOR\r\n")
        assert line(node) == "\xff\xf4\xff\xf2ABOR\r\n"
        node.sendall(b"22")
        node.send(b"6", socket.MSG_OOB)
        node.sendall(b" Done\r\n")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        assert line(client).endswith(" Done\r\n")
