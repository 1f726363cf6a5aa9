"""HAProxy and nginx before and behind the balancer, Postfix and Dovecot behind it: whoever stands between,
the client's own address arrives. docs/services/proxy-protocol.md
"""

from __future__ import annotations

import http.client
import imaplib
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from peers.dovecot import PASSWORD, Dovecot, dovecot
from peers.example import example
from peers.mail_server import MailServer
from peers.postfix import postfix
from peers.process import Address, free_ports, text_of, wait_until, workplace
from peers.proxies import haproxy, nginx
from peers.root import need_root
from peers.wish import wish
from protobalance import Balancer

CLIENT = "127.0.0.9"  # no other end has this address
OURS = b"PROXY UNKNOWN\r\n"
# With a checksum, and with extensions that we have no use for.
HEADERS = ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority")

NGINX_BEHIND = """
http {{ access_log off; server {{
  listen {address} proxy_protocol;
  location / {{ return 200 "a $proxy_protocol_addr:$proxy_protocol_port\\n"; }}
}} }}
"""
NGINX_BEFORE = "stream {{ server {{ listen {address}; proxy_pass {target}; proxy_protocol on; }} }}"
HAPROXY_BEHIND = """
frontend behind
  bind {address} accept-proxy
  mode http
  http-request return status 200 content-type text/plain lf-string "b %[src]:%[src_port]\\n"
"""
HAPROXY_BEFORE = """
listen before-{place}
  bind {address}
  unique-id-format %[uuid()]
  server us {target} {options} check
"""


@pytest.fixture(scope="module")
def mail() -> Iterator[tuple[MailServer, Dovecot]]:
    """Servers that want a header of everybody."""
    need_root("a mail server, whose parts run under several users,")
    with ExitStack() as stack:
        boxes = stack.enter_context(workplace("boxes"))
        boxes.chmod(0o777)
        server = stack.enter_context(postfix("mx", header=OURS))
        yield server, stack.enter_context(dovecot("store", boxes, header=OURS))


@pytest.fixture(scope="module")
def web() -> Iterator[dict[str, Address]]:
    """nginx as `a` and HAProxy as `b`, which want a header of everybody and answer with what it says."""
    a, b = (("127.0.0.1", port) for port in free_ports(2))
    with (
        nginx(NGINX_BEHIND.format(address=text_of(a)), a),
        haproxy(HAPROXY_BEHIND.format(address=text_of(b)), b),
    ):
        yield {"a": a, "b": b}


@pytest.fixture(scope="module")
def balancer(web: dict[str, Address], mail: tuple[MailServer, Dovecot]) -> Iterator[Balancer]:
    """The example; who stands in front of it is on this machine."""
    server, store = mail
    nodes = {f"web/{name}": address for name, address in web.items()}
    nodes |= {"smtp/mx": server.address, "imap/store": store.addresses["imap"]}
    config = example("proxy-protocol", nodes)
    config["listeners"]["web"]["proxy_protocol_from"] = ["127.0.0.1"]
    with Balancer(config) as running:
        yield running


@pytest.fixture(scope="module")
def before(balancer: Balancer) -> Iterator[dict[str, Address]]:
    """Who stands in front, each with another kind of header."""
    entries = [("127.0.0.1", port) for port in free_ports(4)]
    target = text_of(balancer.address("web"))
    sections = "".join(
        HAPROXY_BEFORE.format(place=place, address=text_of(entry), target=target, options=options)
        for place, (entry, options) in enumerate(zip(entries[:3], HEADERS, strict=True))
    )
    with (
        haproxy(sections, entries[0]),
        nginx(NGINX_BEFORE.format(address=text_of(entries[3]), target=target), entries[3]),
    ):
        yield dict(zip(("haproxy-v1", "haproxy-v2", "haproxy-v2-extended", "nginx"), entries, strict=True))


def _seen_by_node(entry: Address) -> tuple[str, str, str]:
    """Which node answers, whom it takes the client for, and who that is."""
    connection = http.client.HTTPConnection(*entry, timeout=10, source_address=(CLIENT, 0))
    connection.request("GET", "/")
    node, seen = connection.getresponse().read().decode().split()
    real = text_of(connection.sock.getsockname())
    connection.close()
    return node, seen, real


@pytest.mark.parametrize("front", ["haproxy-v1", "haproxy-v2", "haproxy-v2-extended", "nginx"])
def test_the_client_arrives_behind_two_balancers(front: str, before: dict[str, Address]) -> None:
    """Whoever sent the header that we took."""
    seen = [_seen_by_node(before[front]) for _ in range(4)]
    assert {node for node, _, _ in seen} == {"a", "b"}
    for _, client, real in seen:
        assert client == real


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_client_arrives_at_web_servers(version: str, web: dict[str, Address]) -> None:
    """Whichever header we send, and to a server of either make."""
    with Balancer(wish(web, send_proxy_protocol=version)) as balancer:
        seen = [_seen_by_node(balancer.address("in")) for _ in range(4)]
    assert {node for node, _, _ in seen} == {"a", "b"}
    for _, client, real in seen:
        assert client == real


def test_curls_own_header_is_believed(balancer: Balancer, before: dict[str, Address]) -> None:
    """Its header says what its socket would, here by way of an address that is another's."""
    assert before
    url = f"http://{text_of(balancer.address('web'))}/"
    said = subprocess.check_output(["curl", "-s", "--haproxy-protocol", url], text=True, timeout=10)
    assert said.split()[1].startswith("127.0.0.1:")
    refused = subprocess.run(["curl", "-s", "--interface", CLIENT, "--haproxy-protocol", url], check=False)
    assert refused.returncode != 0


def test_the_client_arrives_at_postfix(balancer: Balancer, mail: tuple[MailServer, Dovecot]) -> None:
    """In the message's own trace, and the check's connections are nobody's."""
    server, _ = mail
    with smtplib.SMTP(*balancer.address("smtp"), timeout=10, source_address=(CLIENT, 0)) as client:
        client.sendmail("a@example.org", ["b@example.test"], "Subject: hello\r\n\r\nhello\r\n")
    wait_until(lambda: len(server.delivered()) == 1, "the mail is delivered")
    (message,) = server.delivered()
    assert f"[{CLIENT}]" in message["Received"]
    assert _up(balancer, "smtp")


def test_the_client_arrives_at_dovecot(balancer: Balancer, mail: tuple[MailServer, Dovecot]) -> None:
    """In its log, which is what other software reads."""
    _, store = mail
    host, port = balancer.address("imap")
    with _Imap(host, port, timeout=10) as client:
        client.login("user0", PASSWORD)
    log = store.peer.folder / "dovecot.log"
    wait_until(lambda: f"rip={CLIENT}" in log.read_text(), "the login is logged")
    assert _up(balancer, "imap")


class _Imap(imaplib.IMAP4):
    def _create_socket(self, timeout: float | None) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout, source_address=(CLIENT, 0))


def _up(balancer: Balancer, name: str) -> bool:
    """Whether the cluster's node is up after a check has been there."""
    (cluster,) = (cluster for cluster in balancer.status().clusters if cluster.name == name)
    return [node.health for node in cluster.nodes] == ["up"]
