"""Exim from a configuration and in a spool of its own, delivering to maildirs that a test can read.

Debian's Exim and Postfix exclude each other as packages, so tests/install-peers unpacks the one beside the
other. Needs root, as Exim does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peers.certificate import self_signed
from peers.mail_server import MailServer
from peers.process import accepts, free_ports, greets, running, workplace

EXIM = Path(__file__).parents[2] / ".make/exim/usr/sbin/exim4"
USER, PASSWORD = "user", "correct horse"

CONFIGURATION = """
exim_path = {exim}
exim_user = nobody
exim_group = nogroup
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/pid
primary_hostname = {name}.example.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
keep_environment =
host_lookup =
rfc1413_hosts =
tls_advertise_hosts = *
tls_certificate = {certificate.file}
tls_privatekey = {certificate.key}
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
acl_smtp_connect = connect
acl_smtp_rcpt = recipient
begin acl
  connect:
    accept condition = {hesitant}
      delay = 1h
    accept
  recipient:
    accept condition = {open}
    accept authenticated = *
    deny
begin authenticators
  plain:
    driver = plaintext
    public_name = PLAIN
    server_prompts = :
    server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
    server_set_id = $auth2
begin routers
  all:
    driver = accept
    transport = inbox
begin transports
  inbox:
    driver = appendfile
    directory = {folder}/mail/inbox
    maildir_format
    user = nobody
    group = nogroup
"""


@contextmanager
def exim(name: str, *, submission: bool = False, hesitant: bool = False) -> Iterator[MailServer]:
    """One Exim that takes mail from anyone; for submission only from `USER` with `PASSWORD`, after STARTTLS.
    A hesitant one lets clients wait an hour for its greeting.
    """
    if not EXIM.exists():
        raise FileNotFoundError(f"{EXIM} is missing: run tests/install-peers")
    with workplace(name) as folder:
        for part in ("spool", "log", "mail"):
            (folder / part).mkdir()
            (folder / part).chmod(0o777)
        (port,) = free_ports(1)
        certificate = self_signed(folder, f"{name}.example.test")
        conf = folder / "exim.conf"
        conf.write_text(
            CONFIGURATION.format(
                exim=EXIM,
                folder=folder,
                name=name,
                port=port,
                certificate=certificate,
                open="no" if submission else "yes",
                hesitant="yes" if hesitant else "no",
                user=USER,
                password=PASSWORD,
            )
        )
        conf.chmod(0o644)  # one that others may write to is refused
        command = [str(EXIM), "-C", str(conf), "-bdf", "-q30m"]
        address = ("127.0.0.1", port)
        with running(name, command, lambda: (accepts if hesitant else greets)(address), folder) as peer:
            yield MailServer(peer, address, folder / "mail" / "inbox", certificate)
