"""`openssl s_server`, which sends each line back reversed, and `openssl s_client`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from peers.certificate import Certificate, self_signed
from peers.process import Address, Peer, accepts, free_ports, running, text_of, workplace


@dataclass(frozen=True)
class OpenSsl:
    """Where it listens, and what it shows its clients."""

    peer: Peer
    address: Address
    certificate: Certificate


@contextmanager
def s_server(name: str, options: Sequence[str] = ()) -> Iterator[OpenSsl]:
    """One TLS node with a certificate for its name."""
    with workplace(name) as folder:
        certificate = self_signed(folder, name)
        (port,) = free_ports(1)
        address = ("127.0.0.1", port)
        command = ["openssl", "s_server", "-accept", text_of(address), "-rev", *options]
        command += ["-cert", str(certificate.file), "-key", str(certificate.key)]
        with running(name, command, lambda: accepts(address), folder) as peer:
            yield OpenSsl(peer, address, certificate)


def s_client(address: Address, line: str, options: Sequence[str] = ()) -> str:
    """What it says of a session in which it sends one line and closes when the answer is there."""
    command = ["openssl", "s_client", "-connect", text_of(address), "-nocommands", *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as client:
        assert client.stdin
        assert client.stdout
        try:
            client.stdin.write(f"{line}\n")
            client.stdin.flush()
            said = ""
            while line[::-1] not in said and (more := client.stdout.readline()):
                said += more
        finally:
            client.kill()
    return said
