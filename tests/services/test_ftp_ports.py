"""Passive FTP with its contents untouched: every node has ports of its own, and the port is the route."""

from __future__ import annotations

import io
import random
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from peers.ftp import FtpServer
from peers.ftp_clients import CLIENTS, Client, fetched, logged_in, secured
from peers.port_ranges import free_range
from peers.process import Address, text_of
from peers.pyftpd import pyftpd
from peers.vsftpd import vsftpd
from peers.wish import Config
from protobalance import Balancer

ENTRY = "127.0.0.1"
EACH = 20  # ports of each node
SEED = 7
EXAMPLE = Path(__file__).parents[2] / "examples/ftp-ports.toml"


class Site(NamedTuple):
    servers: list[FtpServer]
    config: Config


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A vsftpd and a pyftpdlib that announce the balancer's address, behind the example at free ports."""
    hosts = ["127.0.1.1", "127.0.1.2"]
    first, last = free_range(2 * EACH, [ENTRY, *hosts])
    ranges = [(first, first + EACH - 1), (first + EACH, last)]
    with ExitStack() as stack:
        kinds = zip((vsftpd, pyftpd), hosts, ranges, strict=True)
        servers = [stack.enter_context(kind(kind.__name__, host, own, ENTRY)) for kind, host, own in kinds]
        config = tomllib.loads(EXAMPLE.read_text()) | {"log": {"sessions": "off"}}
        config["listeners"]["ftp"]["bind"] = [f"{ENTRY}:0", f"{ENTRY}:{first}-{last}"]
        nodes = config["clusters"]["ftp"]["nodes"]
        assert [len(nodes[name]) for name in ("a", "b")] == [2, 2], "no key of theirs is left out here"
        config["clusters"]["ftp"]["nodes"] = {
            server.name: {"address": text_of(server.address), "ports": f"{own[0]}-{own[1]}"}
            for server, own in zip(servers, ranges, strict=True)
        }
        yield Site(servers, config)


@pytest.fixture
def balancer(site: Site) -> Iterator[Balancer]:
    with Balancer(site.config) as running:
        yield running


@pytest.fixture
def entry(balancer: Balancer) -> Address:
    return balancer.address("ftp")


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_what_goes_up_comes_down(site: Site, balancer: Balancer, client: Client, tmp_path: Path) -> None:
    """3 MB, by each client through each server; a client with a connection each way of its own is served by
    one node, since the other drains.
    """
    data = random.Random(SEED).randbytes(3_000_000)
    for server, other in (site.servers, reversed(site.servers)):
        balancer.set_node(f"ftp/{server.name}", "available")
        balancer.set_node(f"ftp/{other.name}", "draining")
        assert client(balancer.address("ftp"), tmp_path, data) == data, server.name


def test_sessions_of_one_client_get_their_data_from_their_own_node(site: Site, entry: Address) -> None:
    """One address, two sessions, two nodes: no affinity could tell them apart."""
    with logged_in(entry) as one, logged_in(entry) as two:
        for _ in range(10):
            assert {fetched(one, "name"), fetched(two, "name")} == {b"vsftpd", b"pyftpd"}


def test_a_draining_node_still_serves_its_sessions_transfers(
    site: Site, balancer: Balancer, entry: Address
) -> None:
    with logged_in(entry) as ftp:
        name = fetched(ftp, "name")
        balancer.set_node(f"ftp/{name.decode()}", "draining")
        for _ in range(5):
            assert fetched(ftp, "name") == name


def test_many_files_in_a_row(site: Site, entry: Address) -> None:
    """Each has a data connection of its own."""
    with logged_in(entry) as ftp:
        name = fetched(ftp, "name")
        for _ in range(200):
            assert fetched(ftp, "name") == name


def test_clients_that_encrypt_both_connections_are_served(site: Site, balancer: Balancer) -> None:
    """AUTH TLS and PROT P: the balancer has nothing to read and needs nothing."""
    data = random.Random(SEED).randbytes(2_000_000)
    for server, other in (site.servers, reversed(site.servers)):
        balancer.set_node(f"ftp/{server.name}", "available")
        balancer.set_node(f"ftp/{other.name}", "draining")
        with secured(balancer.address("ftp")) as ftp:
            ftp.storbinary("STOR secret", io.BytesIO(data))
            assert fetched(ftp, "secret") == data
            assert (server.pub / "secret").read_bytes() == data
