"""Postfix and Dovecot behind the balancer, seen by mail clients: protocols whose server speaks first."""

from __future__ import annotations

import email.message
import imaplib
import poplib
import smtplib
import subprocess
from email.parser import BytesParser

from peers.dovecot import PASSWORD, Dovecot
from peers.postfix import Postfix
from peers.process import text_of, wait_until
from peers.wish import wish
from protobalance import Balancer


def _delivered(postfixes: list[Postfix], prefix: str) -> dict[str, str]:
    """Bodies by subject, of all messages whose subject begins so, on all servers."""
    parsed = [BytesParser().parsebytes(text) for server in postfixes for text in server.messages()]
    found = [message for message in parsed if message["Subject"].startswith(prefix)]
    assert len({message["Subject"] for message in found}) == len(found), "a message was delivered twice"
    return {message["Subject"]: str(message.get_payload()) for message in found}


def test_smtp_messages_arrive_once_and_whole(postfixes: list[Postfix]) -> None:
    """Law 1; both servers take their turns."""
    nodes = {server.peer.name: server.address for server in postfixes}
    sent = {}
    greetings = set()
    with Balancer(wish(nodes)) as balancer:
        for number in range(20):
            message = email.message.EmailMessage()
            message["Subject"] = subject = f"smtplib {number}"
            sent[subject] = "".join(f"line {line} of {number}\n" for line in range(number * 100))
            message.set_content(sent[subject] or "\n")
            with smtplib.SMTP(*balancer.address("in"), timeout=20) as client:
                greetings.add(client.ehlo()[1].split()[0])
                client.send_message(message, "sender@example.test", [f"r{number}@example.test"])
        wait_until(lambda: len(_delivered(postfixes, "smtplib")) == len(sent), "all messages are delivered")
    assert {key: body.strip() for key, body in _delivered(postfixes, "smtplib").items()} == {
        key: body.strip() for key, body in sent.items()
    }
    assert len(greetings) == 2


def test_swaks_delivers_pipelined(postfixes: list[Postfix]) -> None:
    """A client that sends its commands in one piece, as mail servers do."""
    nodes = {server.peer.name: server.address for server in postfixes}
    with Balancer(wish(nodes)) as balancer:
        for number in range(4):
            command = ["swaks", "--server", text_of(balancer.address("in")), "--pipeline", "--hide-all"]
            command += ["--to", "r@example.test", "--from", "s@example.test"]
            command += ["--header", f"Subject: swaks {number}", "--body", f"body {number}"]
            subprocess.run(command, check=True, timeout=30)
        wait_until(lambda: len(_delivered(postfixes, "swaks")) == 4, "all messages are delivered")
    for subject, body in _delivered(postfixes, "swaks").items():
        assert body.strip() == f"body {subject.split()[1]}"


def test_imap_and_pop3_read_what_was_written(dovecot: Dovecot) -> None:
    """Law 1, in sessions that go on while others come and go; two listeners feed two clusters."""
    config = wish({"d": dovecot.imap})
    config["listeners"]["pop3"] = {"bind": "127.0.0.1:0", "cluster": "pop3"}
    config["clusters"]["pop3"] = wish({"d": dovecot.pop3})["clusters"]["c"]
    message = b"Subject: kept\r\n\r\n" + b"".join(b"%d bottles\r\n" % line for line in range(20_000))
    with Balancer(config) as balancer:
        readers = [imaplib.IMAP4(*balancer.address("in"), timeout=20) for _ in range(5)]
        for number, reader in enumerate(readers):
            reader.login(f"user{number}", PASSWORD)
            reader.append("INBOX", "", "", message)
        for number, reader in enumerate(readers):
            assert reader.select()[1] == [b"1"]
            _, parts = reader.fetch("1", "(BODY.PEEK[])")
            assert isinstance(parts[0], tuple)
            assert parts[0][1] == message
            reader.logout()
            post = poplib.POP3(*balancer.address("pop3"), timeout=20)
            post.user(f"user{number}")
            post.pass_(PASSWORD)
            assert b"\r\n".join(post.retr(1)[1]) + b"\r\n" == message
            post.dele(1)
            post.quit()
