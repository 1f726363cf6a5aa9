"""Dovecot 2.3 with IMAP and POP3, plain text only, its users in a file. Needs root, as Dovecot does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from peers.process import Address, Peer, free_ports, greets, running, workplace

PASSWORD = "correct horse"  # noqa: S105 - of users that live as long as a test

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{folder}/mail/%u
mail_max_userip_connections = 0
default_vsz_limit = 0
default_process_limit = 1000
default_client_limit = 2000
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={folder}/mail/%u
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """Where it listens. Users are user0 to user9, all with `PASSWORD`."""

    peer: Peer
    imap: Address
    pop3: Address


@contextmanager
def dovecot() -> Iterator[Dovecot]:
    """One Dovecot with ten empty mailboxes."""
    with workplace("dovecot") as folder:
        (folder / "mail").mkdir()
        (folder / "mail").chmod(0o777)
        (folder / "users").write_text("".join(f"user{index}:{PASSWORD}\n" for index in range(10)))
        imap, pop3 = free_ports(2)
        conf = folder / "dovecot.conf"
        conf.write_text(CONFIGURATION.format(folder=folder, imap=imap, pop3=pop3))
        addresses = ("127.0.0.1", imap), ("127.0.0.1", pop3)
        command = ["dovecot", "-F", "-c", str(conf)]
        with running("dovecot", command, lambda: all(map(greets, addresses)), folder) as peer:
            yield Dovecot(peer, *addresses)
