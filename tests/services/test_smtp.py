"""Postfix and Exim behind the balancer, seen by smtplib and swaks: the server speaks first, and a message
arrives once. docs/services/smtp.md
"""

from __future__ import annotations

import os
import signal
import smtplib
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from email.message import EmailMessage

import pytest

from peers import pbload
from peers.certificate import shown_to, trusting_all
from peers.example import example
from peers.exim import PASSWORD, USER, exim
from peers.joined import PATIENCE
from peers.mail_server import MailServer
from peers.process import text_of, wait_until
from peers.wish import wish
from protobalance import Balancer


@pytest.fixture(scope="module")
def submission() -> Iterator[list[MailServer]]:
    with exim("out1", submission=True) as one, exim("out2", submission=True) as two:
        yield [one, two]


@pytest.fixture(scope="module")
def balancer(mail_servers: list[MailServer], submission: list[MailServer]) -> Iterator[Balancer]:
    nodes = {f"mx/{server.peer.name}": server.address for server in mail_servers}
    nodes |= {f"submission/{server.peer.name}": server.address for server in submission}
    with Balancer(example("smtp", nodes)) as running:
        yield running


def _arrived(servers: Sequence[MailServer], prefix: str) -> dict[str, str]:
    """Bodies by subject, of all messages whose subject begins so, on all servers."""
    found = [message for server in servers for message in server.delivered()]
    mine = [message for message in found if message["Subject"].startswith(prefix)]
    assert len({message["Subject"] for message in mine}) == len(mine), "a message was delivered twice"
    return {message["Subject"]: str(message.get_payload()).strip() for message in mine}


def _message(subject: str, lines: int = 1) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "sender@example.test", "r@example.test"
    message.set_content("".join(f"line {line} of {subject}\n" for line in range(lines)))
    return message


def _sent(client: smtplib.SMTP, message: EmailMessage) -> str:
    """Which server took it."""
    client.send_message(message)
    assert client.ehlo_resp
    return client.ehlo_resp.split()[0].decode().partition(".")[0]


def test_messages_arrive_once_and_whole(balancer: Balancer, mail_servers: list[MailServer]) -> None:
    """Law 1, from one line to a megabyte."""
    messages = [_message(f"smtplib {number}", 1 + 40 * number**2) for number in range(30)]
    takers = set()
    for message in messages:
        with smtplib.SMTP(*balancer.address("smtp"), timeout=20) as client:
            takers.add(_sent(client, message))
    wait_until(lambda: len(_arrived(mail_servers, "smtplib")) == 30, "all messages are delivered")
    assert _arrived(mail_servers, "smtplib") == {
        message["Subject"]: message.get_content().strip() for message in messages
    }
    assert takers == {"mx1", "mx2", "mx3"}


@pytest.mark.parametrize("options", [["--pipeline"], ["--tls"]], ids=["pipelined", "starttls"])
def test_swaks_delivers(balancer: Balancer, mail_servers: list[MailServer], options: list[str]) -> None:
    """Commands in one piece, as mail servers send them; and TLS begun in the middle of the session."""
    for number in range(6):
        command = ["swaks", "--server", text_of(balancer.address("smtp")), *options, "--hide-all"]
        command += ["--to", "r@example.test", "--from", "s@example.test", "--body", f"body {number}"]
        command += ["--header", f"Subject: swaks {options} {number}"]
        subprocess.run(command, check=True, timeout=30)
    wait_until(lambda: len(_arrived(mail_servers, f"swaks {options}")) == 6, "all messages are delivered")
    for subject, body in _arrived(mail_servers, f"swaks {options}").items():
        assert body == f"body {subject.split()[-1]}"


def test_starttls_shows_the_certificate_of_the_server_that_greeted(
    balancer: Balancer, mail_servers: list[MailServer]
) -> None:
    fingerprints = {server.peer.name: server.certificate.fingerprint for server in mail_servers}
    seen = {}
    with ExitStack() as stack:
        for number in range(6):
            client = stack.enter_context(smtplib.SMTP(*balancer.address("smtp"), timeout=20))
            client.starttls(context=trusting_all())
            client.ehlo()
            assert isinstance(client.sock, ssl.SSLSocket)
            seen[_sent(client, _message(f"starttls {number}"))] = shown_to(client.sock)
    assert seen == fingerprints


def test_submission_is_for_those_who_log_in(balancer: Balancer, submission: list[MailServer]) -> None:
    """AUTH inside TLS inside the session."""
    for number in range(4):
        with smtplib.SMTP(*balancer.address("submission"), timeout=20) as client:
            client.starttls(context=trusting_all())
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.send_message(_message("nobody's"))
            client.login(USER, PASSWORD)
            client.send_message(_message(f"submitted {number}"))
    wait_until(lambda: len(_arrived(submission, "submitted")) == 4, "all messages are delivered")
    assert not _arrived(submission, "nobody")


@pytest.mark.parametrize("manner", ["refuse", "close", "reset"])
def test_servers_that_end_before_their_greeting_are_not_noticed(
    mail_servers: list[MailServer], manner: str
) -> None:
    """Law 3, and no message is sent twice for it."""
    with pbload.nodes(manner, 2) as bad:
        nodes = {**bad, **{server.peer.name: server.address for server in mail_servers}}
        with Balancer(wish(nodes, retry_interval="1ms")) as balancer:
            for number in range(10):
                with smtplib.SMTP(*balancer.address("in"), timeout=20) as client:
                    assert _sent(client, _message(f"{manner} {number}")).startswith("mx")
    wait_until(lambda: len(_arrived(mail_servers, manner)) == 10, "all messages are delivered")


def test_a_server_killed_before_its_greeting_is_not_noticed(mail_servers: list[MailServer]) -> None:
    """A real one, with clients that wait for its greeting (law 3)."""
    with exim("slow", hesitant=True) as slow:
        config = wish({"slow": slow.address, "mx1": mail_servers[0].address}, early_close_window="1h")
        config["clusters"]["c"]["nodes"]["mx1"]["admin_state"] = "draining"
        with Balancer(config) as balancer, ThreadPoolExecutor(5) as threads:

            def deliver(number: int) -> str:
                with smtplib.SMTP(*balancer.address("in"), timeout=PATIENCE) as client:
                    return _sent(client, _message(f"patient {number}"))

            clients = [threads.submit(deliver, number) for number in range(5)]
            wait_until(lambda: len(balancer.sessions(node="c/slow").sessions) == 5, "all wait for a greeting")
            balancer.set_node("c/mx1", "available")
            os.killpg(slow.peer.pid, signal.SIGKILL)
            assert [client.result() for client in clients] == ["mx1"] * 5
        wait_until(lambda: len(_arrived(mail_servers, "patient")) == 5, "all messages are delivered")
