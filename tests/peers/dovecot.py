"""Dovecot 2.3: IMAP, POP3, ManageSieve and LMTP, plain text only, its users in a file. Several share their
mailboxes, as the nodes of a cluster do, and greet by their own names. Needs root, as Dovecot does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.process import Address, Peer, free_ports, greets, running, workplace

PASSWORD = "correct horse"  # noqa: S105 - of users that live as long as a test
PROTOCOLS = ("imap", "pop3", "sieve", "lmtp")

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap pop3 sieve lmtp
listen = 127.0.0.1
login_greeting = {name} is ready
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{mail}/%u
mail_max_userip_connections = 0
mailbox_idle_check_interval = 1s
haproxy_trusted_networks = 127.0.0.1
default_vsz_limit = 0
default_process_limit = 1000
default_client_limit = 2000
service imap-login {{
  inet_listener imap {{
    port = {imap}
    haproxy = {haproxy}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
}}
service managesieve-login {{
  inet_listener sieve {{
    port = {sieve}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={mail}/%u
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """Where it listens, by protocol. Users are user0 to user9, all with `PASSWORD`."""

    peer: Peer
    addresses: dict[str, Address]


@contextmanager
def dovecot(name: str, mail: Path, *, header: bytes = b"") -> Iterator[Dovecot]:
    """One Dovecot over the mailboxes in `mail`, empty ten at first. With a PROXY `header` to greet it by, it
    wants one of everybody who speaks IMAP.
    """
    with workplace(name) as folder:
        (folder / "users").write_text("".join(f"user{index}:{PASSWORD}\n" for index in range(10)))
        ports = dict(zip(PROTOCOLS, free_ports(len(PROTOCOLS)), strict=True))
        conf = folder / "dovecot.conf"
        wants = "yes" if header else "no"
        conf.write_text(CONFIGURATION.format(folder=folder, name=name, mail=mail, haproxy=wants, **ports))
        addresses = {protocol: ("127.0.0.1", port) for protocol, port in ports.items()}
        command = ["dovecot", "-F", "-c", str(conf)]
        firsts = {"imap": header}

        def ready() -> bool:
            return all(greets(address, firsts.get(name, b"")) for name, address in addresses.items())

        with running(name, command, ready, folder) as peer:
            yield Dovecot(peer, addresses)
