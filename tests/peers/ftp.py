"""What every FTP server of the tests is: where it listens, whose ports are its data ports, what it serves."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from peers.process import Address, Peer


@dataclass(frozen=True)
class FtpServer:
    """A server with a folder `pub` that anyone may read and write; `name` stands in a file there, too."""

    peer: Peer
    name: str
    address: Address
    pub: Path
    certificate: Path

    @staticmethod
    def lay_out(folder: Path, name: str) -> tuple[Path, Path]:
        """The served folder (not writable itself, as vsftpd wants it) and a certificate with its key."""
        root = folder / "root"
        (root / "pub").mkdir(parents=True)
        (root / "pub").chmod(0o777)
        (root / "pub" / "name").write_text(name)
        certificate = folder / "certificate.pem"
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        make += ["-nodes", "-subj", "/CN=ftp.example.test", "-days", "2"]
        make += ["-keyout", str(certificate), "-out", str(folder / "public.pem")]
        subprocess.run(make, check=True, capture_output=True)
        certificate.write_text(certificate.read_text() + (folder / "public.pem").read_text())
        return root, certificate
