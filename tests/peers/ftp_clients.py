"""The FTP clients people use, each as one function: what it read or wrote must be what was meant."""

from __future__ import annotations

import ftplib
import io
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

from peers.process import Address, text_of

LIMIT = 60  # seconds; only a failing test waits so long


def _run(*command: str) -> bytes:
    done = subprocess.run(command, check=False, capture_output=True, timeout=LIMIT)
    assert done.returncode == 0, (command, done.stderr.decode(), done.stdout[:500])
    return done.stdout


def by_curl(at: Address, folder: Path, data: bytes, *options: str) -> bytes:
    """Up with one command, down with another."""
    (folder / "up").write_bytes(data)
    _run("curl", "-sS", *options, "-T", str(folder / "up"), f"ftp://{text_of(at)}/pub/curl")
    return _run("curl", "-sS", *options, f"ftp://{text_of(at)}/pub/curl")


def by_curl_without_epsv(at: Address, folder: Path, data: bytes) -> bytes:
    """PASV, and the address in its answer believed."""
    return by_curl(at, folder, data, "--disable-epsv", "--no-ftp-skip-pasv-ip")


def by_lftp(at: Address, folder: Path, data: bytes, *settings: str) -> bytes:
    """Up, listed and down in one session."""
    (folder / "up").write_bytes(data)
    script = [
        "set net:max-retries 1",
        "set net:timeout 20",
        "set ftp:ssl-allow no",
        "set xfer:clobber yes",
        *settings,
    ]
    script += [f"open {text_of(at)}", "cd pub", f"put {folder / 'up'} -o lftp", "cls -1"]
    script += [f"get lftp -o {folder / 'down'}"]
    listed = _run("lftp", "-c", "; ".join(script))
    assert b"lftp" in listed.split()
    return (folder / "down").read_bytes()


def by_lftp_with_epsv(at: Address, folder: Path, data: bytes) -> bytes:
    return by_lftp(at, folder, data, "set ftp:prefer-epsv yes")


def by_ftplib(at: Address, folder: Path, data: bytes) -> bytes:
    """Python's own."""
    with logged_in(at) as ftp:
        ftp.trust_server_pasv_ipv4_address = True  # type: ignore[attr-defined]  # since 3.6.14
        ftp.storbinary("STOR ftplib", io.BytesIO(data))
        return fetched(ftp, "ftplib")


def logged_in(at: Address) -> ftplib.FTP:
    """A session in the folder `pub`."""
    ftp = ftplib.FTP(timeout=LIMIT)  # noqa: S321 - it is what is tested
    ftp.connect(*at)
    ftp.login()
    ftp.cwd("pub")
    return ftp


def secured(at: Address) -> ftplib.FTP_TLS:
    """The same, with both connections encrypted."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    ftp = ftplib.FTP_TLS(timeout=LIMIT, context=context)  # noqa: S321 - it is what is tested
    ftp.connect(*at)
    ftp.login()
    ftp.cwd("pub")
    ftp.prot_p()
    return ftp


def fetched(ftp: ftplib.FTP, name: str) -> bytes:
    """A file, whole."""
    pieces: list[bytes] = []
    ftp.retrbinary(f"RETR {name}", pieces.append)
    return b"".join(pieces)


Client = Callable[[Address, Path, bytes], bytes]
CLIENTS: list[Client] = [by_curl, by_curl_without_epsv, by_lftp, by_lftp_with_epsv, by_ftplib]
