"""TLS that ends here: real clients, names, versions, certificates of both sides, ends and cuts."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from peers.authority import Authority, table
from peers.certificate import Certificate, shown_to
from peers.joined import PATIENCE, accepted, exchange, listening, read_exactly, read_to_end, reset
from peers.nginx import Nginx
from peers.openssl import s_client
from peers.process import Address
from peers.records import logged, records
from peers.wish import Config, cluster, wish
from protobalance import Balancer

NAME = "shop.test"


@pytest.fixture(scope="module")
def shop(authority: Authority) -> Certificate:
    return authority.signs(NAME)


def ending_here(nodes: dict[str, Address], *certificates: Certificate, **tls: Any) -> Config:
    """A listener that ends TLS with these certificates."""
    config = wish(nodes)
    config["listeners"]["in"]["tls"] = {"certificates": [table(each) for each in certificates]} | tls
    return config


def connected(entry: Address, context: ssl.SSLContext, name: str | None = NAME) -> ssl.SSLSocket:
    plain = socket.create_connection(entry, timeout=PATIENCE)
    return context.wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False)


@contextmanager
def session(
    authority: Authority, shop: Certificate, log: Path | None = None
) -> Iterator[tuple[ssl.SSLSocket, socket.socket]]:
    """Both ends of a session: a client that speaks TLS, a node that does not; one byte went each way."""
    with ExitStack() as stack:
        server = stack.enter_context(listening())
        config = ending_here({"n": server.getsockname()[:2]}, shop)
        if log:
            config = logged(config, log)
        balancer = stack.enter_context(Balancer(config))
        client = stack.enter_context(connected(balancer.address("in"), authority.trusting()))
        node = stack.enter_context(accepted(server))
        exchange(client, node)
        yield client, node


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl_speaks_both_versions_of_http(
    authority: Authority, shop: Certificate, nginx: Nginx, version: str
) -> None:
    """The nodes here speak HTTP/1.1 alone, so that is all that is offered, whatever the client would like."""
    with Balancer(ending_here(nginx.nodes, shop, alpn=["http/1.1"])) as balancer:
        port = balancer.address("in")[1]
        command = ["curl", "--silent", "--show-error", "--fail", version, "--cacert", str(authority.file)]
        command += ["--resolve", f"{NAME}:{port}:127.0.0.1", "-w", "%{http_version}", "-o", "/dev/stdout"]
        answer = subprocess.run([*command, f"https://{NAME}:{port}/small"], check=True, capture_output=True)
    assert answer.stdout == nginx.small + b"1.1"


@pytest.mark.parametrize(("version", "protocol"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_s_client_agrees_on_either_version(
    shop: Certificate, authority: Authority, version: str, protocol: str
) -> None:
    with reversing() as node, Balancer(ending_here({"n": node}, shop)) as balancer:
        options = [version, "-servername", NAME, "-CAfile", str(authority.file), "-verify_return_error"]
        said = s_client(balancer.address("in"), "hello", options)
    assert "olleh" in said
    assert f"New, {protocol}" in said


@contextmanager
def reversing() -> Iterator[Address]:
    """A node in the clear that sends each line back reversed."""
    with listening() as server:

        def serve() -> None:
            while True:
                try:
                    node, _ = server.accept()
                except OSError:
                    return
                with suppress(ConnectionResetError), node, node.makefile("rb") as lines:
                    for line in lines:
                        node.sendall(line.rstrip(b"\n")[::-1] + b"\n")

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[:2]
        server.shutdown(socket.SHUT_RDWR)


def test_what_is_too_old_is_refused_with_a_record(shop: Certificate, tmp_path: Path) -> None:
    log = tmp_path / "sessions"
    config = ending_here({"n": ("127.0.0.1", 1)}, shop, minimum_version="1.3")
    with Balancer(logged(config, log)) as balancer:
        assert "alert protocol version" in s_client(balancer.address("in"), "hello", ["-tls1_2"])
        with socket.create_connection(balancer.address("in"), timeout=PATIENCE) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            assert read_all(plain)[:1] == b"\x15", "an alert"
        refused = records(log, 2)
        (listener,) = balancer.status().listeners
    assert [(each["reason"], each["detail"], each["attempts"]) for each in refused] == [
        ("bad-preface", "no TLS version or cipher in common", []),
        ("bad-preface", "not TLS", []),
    ]
    assert (listener.opened, listener.closed, listener.active) == (2, 2, 0)
    assert (listener.bad_prefaces, listener.unserved) == (2, 0)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the end, clean or not."""
    read = b""
    try:
        while more := connection.recv(65536):
            read += more
    except ConnectionResetError:
        pass
    return read


def test_who_says_nothing_is_turned_away_in_time(shop: Certificate, tmp_path: Path) -> None:
    log = tmp_path / "sessions"
    config = ending_here({"n": ("127.0.0.1", 1)}, shop)
    config["listeners"]["in"]["preface_timeout"] = "50ms"
    with (
        Balancer(logged(config, log)) as balancer,
        socket.create_connection(balancer.address("in"), timeout=PATIENCE) as silent,
    ):
        assert read_all(silent) == b""
        (record,) = records(log, 1)
        (listener,) = balancer.status().listeners
    assert (record["reason"], listener.bad_prefaces) == ("preface-timeout", 1)


def test_each_name_is_shown_its_own_certificate(authority: Authority, shop: Certificate) -> None:
    wild = authority.signs("*.wild.test", file="wild")
    everything = ssl.create_default_context(cafile=str(authority.file))
    everything.check_hostname = False
    asked = {NAME: shop, "a.wild.test": wild, "a.b.wild.test": shop, "unknown.test": shop, "": shop}
    with listening() as server:
        config = ending_here({"n": server.getsockname()[:2]}, shop, wild)
        with Balancer(config) as balancer:
            for name, certificate in asked.items():
                with connected(balancer.address("in"), everything, name or None) as client:
                    assert shown_to(client) == certificate.fingerprint, name


def test_names_lead_to_clusters_though_tls_ends_here(
    authority: Authority, shop: Certificate, nginx: Nginx
) -> None:
    wild = authority.signs("*.wild.test", file="wild")
    config = ending_here({"a": nginx.nodes["a"]}, shop, wild)
    config["clusters"]["other"] = cluster({"b": nginx.nodes["b"]})
    config["listeners"]["in"]["server_names"] = {"*.wild.test": "other"}
    seen = {}
    with Balancer(config) as balancer:
        for name in (NAME, "x.wild.test"):
            client = http.client.HTTPConnection(name)
            client.sock = connected(balancer.address("in"), authority.trusting(), name)
            client.request("GET", "/small")
            seen[name] = client.getresponse().headers["X-Node"]
            client.close()
    assert seen == {NAME: "a", "x.wild.test": "b"}


def test_clients_show_certificates_of_their_own(
    authority: Authority, shop: Certificate, tmp_path: Path
) -> None:
    mine, strange = authority.signs("me.test"), Authority(tmp_path, "stranger").signs("me.test")
    log = tmp_path / "sessions"
    with reversing() as node:
        for wanted, served in (("optional", [mine, None]), ("required", [mine])):
            config = ending_here({"n": node}, shop, client_ca=str(authority.file), client_certificates=wanted)
            with Balancer(logged(config, log)) as balancer:
                for certificate in (mine, None, strange):
                    shown = ["-cert", certificate.file, "-key", certificate.key] if certificate else []
                    said = s_client(balancer.address("in"), "hello", ["-tls1_2", *map(str, shown)])
                    assert ("olleh" in said) == (certificate in served), (wanted, said)
    refused = [each["detail"] for each in records(log, 6) if each["reason"] == "bad-preface"]
    strange_one = "client certificate not signed by client_ca"
    assert refused == [strange_one, "no client certificate", strange_one]


def test_twenty_megabytes_arrive_each_way(authority: Authority, shop: Certificate) -> None:
    """The client sends all before it reads, so both directions stall behind each other."""
    data = bytes(range(256)) * 80_000
    with session(authority, shop) as (client, node):
        got: dict[str, bytes] = {}

        def serve() -> None:
            got["node"] = read_exactly(node, len(data))
            node.sendall(data)
            node.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=serve)
        thread.start()
        client.sendall(data)
        got["client"] = read_exactly(client, len(data))
        thread.join()
        assert client.recv(1) == b"", "a clean end"
    assert got == {"node": data, "client": data}


def test_a_client_ends_first_and_the_answer_comes_late(authority: Authority, shop: Certificate) -> None:
    """A close_notify is the end of one direction alone (RFC 8446, 6.1)."""
    with session(authority, shop) as (client, node):
        client.sendall(b"question")
        # unwrap() would wait for the other direction as well; this sends what it sends first, and no more.
        client.settimeout(0)
        with pytest.raises(ssl.SSLWantReadError):
            client.unwrap()
        client.settimeout(PATIENCE)
        assert read_to_end(node) == b"question"
        node.sendall(b"late answer")
        node.close()
        assert client.recv(100) == b"late answer"


def test_a_session_is_over_once_its_last_words_were_read(
    authority: Authority, shop: Certificate, tmp_path: Path
) -> None:
    """Both sides have ended long before the client reads: the goodbye waits behind the answer."""
    log = tmp_path / "sessions"
    data = bytes(8 << 20)
    with session(authority, shop, log) as (client, node):
        client.settimeout(0)
        with pytest.raises(ssl.SSLWantReadError):
            client.unwrap()
        client.settimeout(PATIENCE)
        assert read_to_end(node) == b""
        node.sendall(data)
        node.close()
        assert read_exactly(client, len(data)) == data
        with pytest.raises(ssl.SSLZeroReturnError):  # the clean end, to who has said goodbye already
            client.recv(1)
        (record,) = records(log, 1)
    assert (record["reason"], record["bytes_to_client"]) == ("client-closed", len(data) + 1)


def test_a_node_ends_first_and_the_client_goes_on(authority: Authority, shop: Certificate) -> None:
    with session(authority, shop) as (client, node):
        node.sendall(b"greeting")
        node.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b"greeting"
        client.sendall(b"late words")
        assert read_exactly(node, 10) == b"late words"
        client.close()
        assert node.recv(1) == b"", "Python says no goodbye; after ours that is an end like any other"


def test_a_clients_cut_is_no_clean_end(authority: Authority, shop: Certificate, tmp_path: Path) -> None:
    log = tmp_path / "sessions"
    with session(authority, shop, log) as (client, node):
        client.sendall(b"half of it")
        client.close()  # a FIN without close_notify: anybody in between could have sent it
        assert read_exactly(node, 10) == b"half of it"
        with pytest.raises(ConnectionResetError):
            node.recv(1)
        (record,) = records(log, 1)
    assert record["reason"] == "client-reset"


def test_a_nodes_reset_is_no_clean_end(authority: Authority, shop: Certificate) -> None:
    with session(authority, shop) as (client, node):
        reset(node)
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            client.recv(1)


def test_a_reader_that_reads_nothing_stops_the_node(authority: Authority, shop: Certificate) -> None:
    """Law 8."""
    with session(authority, shop) as (client, node):
        node.settimeout(0)
        sent = 0
        blocked = 0
        while blocked < 50:
            try:
                sent += node.send(bytes(1 << 16))
                blocked = 0
            except BlockingIOError:
                blocked += 1
                threading.Event().wait(0.002)
        assert sent < 64 << 20
        node.settimeout(PATIENCE)
        read = 0
        while read < sent:
            read += len(client.recv(1 << 16))
        assert read == sent


def test_resumption_needs_no_memory_of_clients(authority: Authority, shop: Certificate) -> None:
    """A ticket from one connection is good for the next."""
    context = authority.trusting()
    with reversing() as node, Balancer(ending_here({"n": node}, shop)) as balancer:
        with connected(balancer.address("in"), context) as first:
            first.sendall(b"abc\n")
            assert read_exactly(first, 4) == b"cba\n"
            ticket = first.session
        plain = socket.create_connection(balancer.address("in"), timeout=PATIENCE)
        with context.wrap_socket(plain, server_hostname=NAME, session=ticket) as second:
            assert second.session_reused
            second.sendall(b"abc\n")
            assert read_exactly(second, 4) == b"cba\n"


def test_a_page_comes_over_http(authority: Authority, shop: Certificate, nginx: Nginx) -> None:
    with Balancer(ending_here(nginx.nodes, shop)) as balancer:
        host, port = balancer.address("in")
        client = http.client.HTTPSConnection(NAME, port, context=authority.trusting(), timeout=PATIENCE)
        client.sock = connected((host, port), authority.trusting())
        client.request("GET", "/large")
        assert len(client.getresponse().read()) == 50_000_000
        client.close()
