"""Postfix in a queue directory of its own, delivering to maildirs that a test can read. Needs root, as
Postfix does.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from peers.certificate import self_signed
from peers.mail_server import MailServer
from peers.process import free_ports, greets, running, workplace

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = {name}.example.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
biff = no
smtpd_banner = $myhostname ESMTP
smtpd_client_connection_count_limit = 0
virtual_mailbox_domains = example.test
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate.file}
smtpd_tls_key_file = {certificate.key}
"""
# Not chrooted: the libraries and files a chroot needs are not what is tested here.
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd {options}
pickup    unix  n  -  n  60   1  pickup
cleanup   unix  n  -  n  -    0  cleanup
qmgr      unix  n  -  n  300  1  qmgr
rewrite   unix  -  -  n  -    -  trivial-rewrite
bounce    unix  -  -  n  -    0  bounce
defer     unix  -  -  n  -    0  bounce
trace     unix  -  -  n  -    0  bounce
proxymap  unix  -  -  n  -    -  proxymap
error     unix  -  -  n  -    -  error
retry     unix  -  -  n  -    -  error
virtual   unix  -  n  n  -    -  virtual
anvil     unix  -  -  n  -    1  anvil
tlsmgr    unix  -  -  n  1000? 1 tlsmgr
postlog   unix-dgram n - n -  1  postlogd
"""


@contextmanager
def postfix(name: str, *, header: bytes = b"") -> Iterator[MailServer]:
    """One Postfix that accepts mail for anyone at example.test. With a PROXY `header` to greet it by, it
    wants one of everybody.
    """
    options = "-o smtpd_upstream_proxy_protocol=haproxy" if header else ""
    with workplace(name) as folder:
        conf = folder / "conf"
        for part in (conf, folder / "queue", folder / "data", folder / "mail"):
            part.mkdir()
        (folder / "mail").chmod(0o777)
        (folder / "data").chmod(0o777)
        (port,) = free_ports(1)
        certificate = self_signed(folder, f"{name}.example.test")
        (conf / "main.cf").write_text(MAIN.format(folder=folder, name=name, certificate=certificate))
        (conf / "master.cf").write_text(MASTER.format(port=port, options=options))
        address = ("127.0.0.1", port)
        # Makes the queue's folders. The master itself is started without the script around it, which
        # would not pass on the signal that ends it.
        subprocess.run(["postfix", "-c", str(conf), "check"], check=True, capture_output=True)
        daemons = subprocess.check_output(["postconf", "-c", str(conf), "-h", "daemon_directory"], text=True)
        command = [f"{daemons.strip()}/master", "-c", str(conf), "-s"]
        with running(name, command, lambda: greets(address, header), folder) as peer:
            yield MailServer(peer, address, folder / "mail" / "inbox", certificate)
