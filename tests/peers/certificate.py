"""Certificates that nobody signed but their own keys, one for each node, so that a client can tell whose it
sees.
"""

from __future__ import annotations

import hashlib
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """Its files, and what a client sees of it."""

    file: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what the client is shown."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.file.read_text())).hexdigest()


def self_signed(folder: Path, name: str) -> Certificate:
    """A certificate for this name, in this folder."""
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    command += ["-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run(command, check=True, capture_output=True)
    made.key.chmod(0o644)  # servers drop to users of their own
    return made


def shown_to(client: ssl.SSLSocket) -> str:
    """The fingerprint of the certificate that this client was shown."""
    certificate = client.getpeercert(binary_form=True)
    assert certificate
    return hashlib.sha256(certificate).hexdigest()


def trusting_all() -> ssl.SSLContext:
    """A client that looks at the certificate itself."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
