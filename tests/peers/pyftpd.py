"""pyftpdlib, of the system's Python, for anonymous clients, reading and writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from peers.ftp import FtpServer
from peers.process import free_ports, greets, running, workplace

PROGRAM = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer
host, port, root, first, last, announced, certificate = sys.argv[1:]
users = DummyAuthorizer()
users.add_anonymous(root, perm="elradfmw")
handler = TLS_FTPHandler
handler.certfile = certificate
handler.authorizer = users
handler.passive_ports = range(int(first), int(last) + 1)
handler.masquerade_address = announced or None
FTPServer((host, int(port)), handler).serve_forever()
"""


@contextmanager
def pyftpd(name: str, host: str, ports: tuple[int, int], announced: str = "") -> Iterator[FtpServer]:
    """One pyftpdlib with these data ports; `announced`: the address that its answers to PASV name."""
    with workplace(name) as folder:
        root, certificate = FtpServer.lay_out(folder, name)
        (port,) = free_ports(1, host)
        words = [host, str(port), str(root), str(ports[0]), str(ports[1]), announced, str(certificate)]
        command = ["/usr/bin/python3", "-W", "ignore", "-c", PROGRAM, *words]
        with running(name, command, lambda: greets((host, port)), folder) as peer:
            yield FtpServer(peer, name, (host, port), root / "pub", certificate)
