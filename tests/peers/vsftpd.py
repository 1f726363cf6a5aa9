"""vsftpd for anonymous clients, reading and writing. Needs root, as vsftpd does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from peers.ftp import FtpServer
from peers.process import free_ports, greets, running, workplace

SETTINGS = """
listen=YES
listen_address={host}
listen_port={port}
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root={root}
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
write_enable=YES
ftp_username=ftp
secure_chroot_dir={empty}
pasv_min_port={first}
pasv_max_port={last}
{announced}
xferlog_enable=NO
async_abor_enable=YES
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=NO
force_anon_data_ssl=NO
require_ssl_reuse=NO
ssl_ciphers=HIGH
rsa_cert_file={certificate}
"""


@contextmanager
def vsftpd(name: str, host: str, ports: tuple[int, int], announced: str = "") -> Iterator[FtpServer]:
    """One vsftpd with these data ports; `announced`: the address that its answers to PASV name."""
    with workplace(name) as folder:
        root, certificate = FtpServer.lay_out(folder, name)
        empty = folder / "empty"
        empty.mkdir()
        (port,) = free_ports(1, host)
        settings = folder / "vsftpd.conf"
        settings.write_text(
            SETTINGS.format(
                host=host,
                port=port,
                root=root,
                empty=empty,
                first=ports[0],
                last=ports[1],
                announced=f"pasv_address={announced}" if announced else "",
                certificate=certificate,
            )
        )
        command = ["vsftpd", str(settings)]
        with running(name, command, lambda: greets((host, port)), folder) as peer:
            yield FtpServer(peer, name, (host, port), root / "pub", certificate)
