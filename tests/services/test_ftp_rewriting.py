"""Passive FTP with its replies rewritten: the servers know nothing of the balancer. docs/services/ftp.md"""

from __future__ import annotations

import ftplib
import random
import socket
import ssl
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from peers.command import running
from peers.ftp import FtpServer
from peers.ftp_clients import CLIENTS, Client, by_curl, fetched, logged_in, secured
from peers.joined import read_exactly, read_to_end
from peers.port_ranges import free_range
from peers.process import Address, text_of
from peers.pyftpd import pyftpd
from peers.vsftpd import vsftpd
from peers.wish import Config
from protobalance import Balancer
from protobalance.config.addresses import parse_ports

PORTS = 200
SEED = 11
EXAMPLE = Path(__file__).parents[2] / "examples/ftp-rewrite.toml"


@pytest.fixture(scope="module")
def servers() -> Iterator[list[FtpServer]]:
    """A vsftpd and a pyftpdlib at addresses of their own, which their replies name."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(kind(kind.__name__, host, free_range(50, [host])))
            for kind, host in ((vsftpd, "127.0.1.1"), (pyftpd, "127.0.1.2"))
        ]


@pytest.fixture(params=["127.0.0.1", "::1"], ids=["ipv4", "ipv6"])
def entry_host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def example(servers: list[FtpServer], host: str) -> Config:
    """The example, moved to free ports."""
    config = tomllib.loads(EXAMPLE.read_text()) | {"log": {"sessions": "off"}}
    config["listeners"]["ftp"]["bind"] = text_of((host, 0))
    first, last = free_range(PORTS, [host])
    config["listeners"]["ftp"]["ftp"] = {"data_ports": f"{first}-{last}"}
    config["clusters"]["ftp"]["nodes"] = {server.name: text_of(server.address) for server in servers}
    return config


@pytest.fixture
def balancer(servers: list[FtpServer], entry_host: str) -> Iterator[Balancer]:
    with Balancer(example(servers, entry_host)) as running:
        yield running


@pytest.fixture
def entry(balancer: Balancer) -> Address:
    return balancer.address("ftp")


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_what_goes_up_comes_down(
    servers: list[FtpServer], balancer: Balancer, entry: Address, client: Client, tmp_path: Path
) -> None:
    """3 MB, by each client through each server: the other one is offline meanwhile."""
    data = random.Random(SEED).randbytes(3_000_000)
    for server, other in (servers, reversed(servers)):
        balancer.set_node(f"ftp/{server.name}", "available")
        balancer.set_node(f"ftp/{other.name}", "offline")
        assert client(entry, tmp_path, data) == data, server.name


def test_many_files_in_a_row_by_sessions_at_a_time(entry: Address) -> None:
    with ExitStack() as stack:
        sessions = [stack.enter_context(logged_in(entry)) for _ in range(6)]
        names = [fetched(session, "name") for session in sessions]
        assert set(names) == {b"vsftpd", b"pyftpd"}
        for _ in range(50):
            assert [fetched(session, "name") for session in sessions] == names


def test_an_abandoned_transfer_is_given_up_and_the_session_goes_on(
    servers: list[FtpServer], entry: Address
) -> None:
    """ABOR behind a Telnet Synch, as RFC 959 has it: the urgent byte arrives as one."""
    for server in servers:
        with (server.pub / "big").open("wb") as big:
            big.truncate(100_000_000)  # more than all buffers on the way hold
    for _ in range(4):
        with logged_in(entry) as ftp:
            name = fetched(ftp, "name")
            with ftp.transfercmd("RETR big") as transfer:
                transfer.recv(1000)
                assert ftp.sock
                ftp.sock.sendall(b"\xff\xf4")
                ftp.sock.send(b"\xff\xf2", socket.MSG_OOB)
                ftp.sock.sendall(b"ABOR\r\n")
                # Both say first what became of the transfer, though not both before it is closed.
                assert ftp.getline().startswith("426 ")
            assert ftp.getline().startswith("226 ABOR")
            assert fetched(ftp, "name") == name


def test_a_transfer_goes_on_through_an_upgrade(servers: list[FtpServer], tmp_path: Path) -> None:
    """What it has not read yet is held by the process before, or comes through it."""
    data = random.Random(SEED).randbytes(24_000_000)  # more than all buffers on the way hold
    for server in servers:
        (server.pub / "large").write_bytes(data)
    with running(example(servers, "127.0.0.1"), tmp_path) as command, ExitStack() as stack:
        sessions = [stack.enter_context(logged_in(command.address("ftp"))) for _ in servers]
        for ftp in sessions:
            ftp.voidcmd("TYPE I")
        transfers = [stack.enter_context(ftp.transfercmd("RETR large")) for ftp in sessions]
        heard = [read_exactly(transfer, 1_000_000) for transfer in transfers]
        command.ask("upgrade")
        for ftp, transfer, begun in zip(sessions, transfers, heard, strict=True):
            whole = begun + read_to_end(transfer)
            assert (len(whole), whole == data) == (len(data), True)
            assert ftp.getline().startswith("226 ")
            assert ftp.pwd() == "/pub"
            assert fetched(ftp, "name") in (b"vsftpd", b"pyftpd")


def test_auth_tls_passes_and_is_told_of(servers: list[FtpServer], balancer: Balancer, entry: Address) -> None:
    """The control connection is the client's and the node's from there on."""
    for _ in servers:
        with secured(entry) as ftp:
            assert isinstance(ftp.sock, ssl.SSLSocket)
            assert ftp.pwd() == "/pub"
    said = [each.summary for each in balancer.history() if "AUTH TLS" in each.summary]
    assert len(said) == 1


def test_active_mode_is_refused(entry: Address, entry_host: str) -> None:
    """The client names its own address, and the server sees the balancer's: a bounce, for all it knows."""
    if entry_host == "::1":
        pytest.skip("PORT says IPv4 only")
    for _ in range(2):
        with (
            logged_in(entry) as ftp,
            socket.create_server(("127.0.3.1", 0)) as waiting,
            pytest.raises(ftplib.error_perm),
        ):
            ftp.sendport(*waiting.getsockname())


def test_a_client_without_a_port_gives_up_cleanly(
    servers: list[FtpServer], balancer: Balancer, entry: Address, tmp_path: Path
) -> None:
    """curl is told 425 to EPSV, and to PASV, which it tries then; later it finds a port."""
    balancer.set_node(f"ftp/{servers[0].name}", "offline")
    ftp = balancer.supervisor.running.in_force.config.listeners["ftp"].ftp
    assert ftp
    first, last = parse_ports(ftp.data_ports)
    family = socket.AF_INET6 if ":" in entry[0] else socket.AF_INET
    with ExitStack() as stack:
        for port in range(first, last + 1):
            stack.enter_context(socket.create_server((entry[0], port), family=family))
        with pytest.raises(AssertionError, match=r"curl: \(\d+\)"):
            by_curl(entry, tmp_path, b"data")
    assert by_curl(entry, tmp_path, b"data") == b"data"
