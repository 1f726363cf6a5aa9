"""A certificate authority of a test's own, and what it signs."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from peers.certificate import Certificate

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """Its certificate is `file`, in `folder`."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self.file = folder / f"{name}.crt"
        self._key = folder / f"{name}.key"
        _openssl(
            "req", "-x509", *CURVE, "-days", "2", "-subj", f"/CN={name}", *self._files(self._key, self.file)
        )

    def signs(self, name: str, *, days: int = 90, file: str = "") -> Certificate:
        """A certificate for a name or address, valid for so many days; -1: no more."""
        made = Certificate(self.folder / f"{file or name}.crt", self.folder / f"{file or name}.key")
        request = self.folder / f"{file or name}.csr"
        kind = "IP" if name.replace(".", "").isdigit() else "DNS"
        alternative = ("-addext", f"subjectAltName={kind}:{name}")
        _openssl("req", *CURVE, "-subj", f"/CN={name}", *alternative, *self._files(made.key, request))
        signing = ("-CA", str(self.file), "-CAkey", str(self._key), "-copy_extensions", "copy")
        # Not written in place: what is half written must not be read.
        fresh = made.file.with_suffix(".new")
        _openssl("x509", "-req", "-in", str(request), *signing, "-days", str(days), "-out", str(fresh))
        fresh.rename(made.file)
        made.key.chmod(0o644)  # servers drop to users of their own
        return made

    def trusting(self) -> ssl.SSLContext:
        """A client that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.file))

    @staticmethod
    def _files(key: Path, out: Path) -> tuple[str, ...]:
        return ("-keyout", str(key), "-out", str(out))


def table(certificate: Certificate) -> dict[str, str]:
    """As a configuration names it."""
    return {"certificate": str(certificate.file), "key": str(certificate.key)}


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
