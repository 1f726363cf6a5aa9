"""Dovecot behind the balancer: mail comes in by LMTP and is read by IMAP and POP3; its owner sorts it by
ManageSieve. docs/services/imap.md
"""

from __future__ import annotations

import base64
import imaplib
import os
import poplib
import re
import signal
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from peers.dovecot import PASSWORD, PROTOCOLS, Dovecot
from peers.dovecot import dovecot as run_dovecot
from peers.example import example
from peers.joined import PATIENCE
from peers.process import Address, accepts, text_of, wait_until, workplace
from protobalance import Balancer

READERS = ("imap", "pop3", "sieve")
BOTTLES = b"Subject: kept\r\n\r\n" + b"".join(b"%d bottles\r\n" % line for line in range(20_000))


def _behind_the_example(servers: list[Dovecot], state: Path) -> Balancer:
    nodes = {
        f"{protocol}/{server.peer.name}": server.addresses[protocol]
        for server in servers
        for protocol in PROTOCOLS
    }
    return Balancer(example("mail-store", nodes, state))


@pytest.fixture(scope="module")
def balancer(dovecots: list[Dovecot], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    with _behind_the_example(dovecots, tmp_path_factory.mktemp("state")) as running:
        yield running


class _Imap(imaplib.IMAP4):
    """A client at an address of its own."""

    def __init__(self, address: Address, user: str, at: str = "127.0.0.1") -> None:
        self.at = at
        super().__init__(*address, timeout=PATIENCE)
        self.login(user, PASSWORD)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout, source_address=(self.at, 0))

    def node(self) -> str:
        """Who greeted."""
        found = re.search(rb"(\w+) is ready", self.welcome)
        assert found
        return found[1].decode()

    def line_with(self, word: bytes) -> None:
        """Reads until the server says it."""
        while word not in (line := self.readline()):
            assert line, f"the session ended before {word!r}"


@contextmanager
def _greeting(address: Address, at: str) -> Iterator[str]:
    """Who greets a client that comes from this address."""
    with socket.create_connection(address, PATIENCE, source_address=(at, 0)) as client:
        said = b""
        while not (found := re.search(rb"(\w+) is ready", said)):
            said += client.recv(4096)
        yield found[1].decode()


def _deliver(balancer: Balancer, users: list[str], text: bytes) -> None:
    """By LMTP, to one at a time: smtplib reads a single answer to a message."""
    host, port = balancer.address("lmtp")
    with smtplib.LMTP(host, port, local_hostname="mx.example.test", timeout=PATIENCE) as client:
        for user in users:
            client.sendmail("sender@example.test", [user], text)


def test_what_is_delivered_is_read_and_deleted_once(balancer: Balancer) -> None:
    """Law 1, by each protocol; whichever node it comes from, the mailbox is the same."""
    users = [f"user{number}" for number in range(3)]
    _deliver(balancer, users, BOTTLES)
    for user in users:
        reader = _Imap(balancer.address("imap"), user)
        assert reader.select()[1] == [b"1"]
        _, parts = reader.fetch("1", "(BODY.PEEK[])")
        assert isinstance(parts[0], tuple)
        assert parts[0][1].endswith(BOTTLES)
        reader.logout()
        post = poplib.POP3(*balancer.address("pop3"), timeout=PATIENCE)
        post.user(user)
        post.pass_(PASSWORD)
        assert b"\r\n".join(post.retr(1)[1]).endswith(BOTTLES.rstrip())
        post.dele(1)
        post.quit()
        reader = _Imap(balancer.address("imap"), user)
        assert reader.select()[1] == [b"0"]
        reader.logout()


@pytest.mark.parametrize(("protocol", "path"), [("imap", "INBOX;MAILINDEX=1"), ("pop3", "1")])
def test_curl_reads_mail(balancer: Balancer, protocol: str, path: str) -> None:
    user = f"user{3 + READERS.index(protocol)}"
    _deliver(balancer, [user], BOTTLES)
    url = f"{protocol}://{text_of(balancer.address(protocol))}/{path}"
    read = subprocess.run(
        ["curl", "-sS", "--user", f"{user}:{PASSWORD}", url], capture_output=True, check=True, timeout=30
    ).stdout
    assert read.rstrip().endswith(BOTTLES.rstrip())


def test_a_script_is_kept_by_managesieve(balancer: Balancer) -> None:
    """The server speaks first, in one line per capability; what was put comes back."""
    script = b'require "fileinto";\r\nfileinto "INBOX.sorted";\r\n'
    plain = base64.b64encode(f"\0user9\0{PASSWORD}".encode())
    with socket.create_connection(balancer.address("sieve"), PATIENCE) as client:
        said = client.makefile("rb")

        def answer() -> bytes:
            lines = b""
            while not re.search(rb'^(OK|NO|BYE)(?!.*").*\r\n|^(OK|NO|BYE) .*"\r\n', lines, re.MULTILINE):
                lines += said.readline()
            assert b"\r\nNO" not in b"\r\n" + lines, lines
            return lines

        assert b'"IMPLEMENTATION" "' in answer()
        for command in (
            b'AUTHENTICATE "PLAIN" "%b"' % plain,
            b'PUTSCRIPT "mine" {%d+}\r\n%b' % (len(script), script),
            b'GETSCRIPT "mine"',
        ):
            client.sendall(command + b"\r\n")
            last = answer()
    assert script in last


def test_those_who_idle_hear_of_new_mail_while_their_node_drains(
    balancer: Balancer, dovecots: list[Dovecot]
) -> None:
    """Law 5: half of the nodes drained, nobody cut off, and whoever comes now comes to the other half."""
    clients = [_Imap(balancer.address("imap"), "user8", f"127.0.1.{number}") for number in range(1, 21)]
    assert {client.node() for client in clients} == {"store1", "store2"}
    for client in clients:
        client.select()
        client.send(b"i IDLE\r\n")
        client.line_with(b"+ ")
    balancer.set_node("imap/store1", "draining")
    try:
        _deliver(balancer, ["user8"], b"Subject: now\r\n\r\nhear\r\n")
        for client in clients:
            client.line_with(b"* 1 EXISTS")
        for number in range(1, 21):
            with _greeting(balancer.address("imap"), f"127.0.1.{number}") as node:
                assert node == "store2"
    finally:
        balancer.set_node("imap/store1", clear=True)
    for client in clients:
        client.send(b"DONE\r\n")
        client.line_with(b"i OK")
        client.logout()


def test_a_client_has_one_node_for_all_that_it_reads(balancer: Balancer) -> None:
    """The hash is the same in clusters with the same key; affinity keeps what it said."""
    homes = {}
    for number in range(1, 41):
        at = f"127.0.2.{number}"
        with ExitStack() as stack:
            greeted = {stack.enter_context(_greeting(balancer.address(name), at)) for name in READERS}
        (homes[at],) = greeted
    assert set(homes.values()) == {"store1", "store2"}


def test_a_store_killed_between_sessions_is_not_noticed(tmp_path: Path) -> None:
    """Law 3, for those who log in again."""
    with workplace("mailboxes") as mail, ExitStack() as stack:
        mail.chmod(0o777)
        servers = [stack.enter_context(run_dovecot(name, mail)) for name in ("store1", "store2")]
        with _behind_the_example(servers, tmp_path) as balancer:
            before = _Imap(balancer.address("imap"), "user0")
            (home,) = [server for server in servers if server.peer.name == before.node()]
            os.killpg(home.peer.pid, signal.SIGKILL)
            wait_until(lambda: not any(map(accepts, home.addresses.values())), "nobody listens any more")
            for _ in range(3):
                after = _Imap(balancer.address("imap"), "user0")
                assert after.node() != before.node()
                after.logout()
            before.shutdown()
