"""nginx: several nodes in one process, each saying in `X-Node` which it is, over HTTP and over HTTPS.

`/small` has a length, `/chunked` has none and comes in chunks, `/large` is 50 MB that no compression or
repetition could fake; what is PUT under `/kept/` lands in the process's folder.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.certificate import Certificate, self_signed
from peers.process import Address, Peer, accepts, free_ports, running, workplace

LARGE = 50_000_000

CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; default_type application/octet-stream; root {folder}/www; keepalive_requests 1000000;
  client_max_body_size 0; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  {servers}
}}
"""
SERVER = """
server {{
  listen 127.0.0.1:{port}; listen 127.0.0.1:{secure} ssl http2; add_header X-Node {name};
  ssl_certificate {certificate.file}; ssl_certificate_key {certificate.key};
  location = /chunked {{ ssi on; ssi_types application/octet-stream; }}
  location /kept/ {{ dav_methods PUT; }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Nodes by name, and what `/large` hashes to."""

    peer: Peer
    nodes: dict[str, Address]
    secure: dict[str, Address]
    certificates: dict[str, Certificate]
    small: bytes
    large_sha256: str

    @property
    def kept(self) -> Path:
        """Where uploads are."""
        return self.peer.folder / "www" / "kept"


@contextmanager
def nginx(names: Sequence[str], certify: Callable[[Path, str], Certificate] = self_signed) -> Iterator[Nginx]:
    """Web nodes of these names, each with the certificate that `certify` makes for it."""
    with workplace("nginx") as folder:
        www = folder / "www"
        (www / "kept").mkdir(parents=True)
        (www / "kept").chmod(0o777)
        large = random.Random(1).randbytes(LARGE)
        small = bytes(range(256)) * 64
        (www / "large").write_bytes(large)
        (www / "small").write_bytes(small)
        (www / "chunked").write_bytes(small)
        ports = [("127.0.0.1", port) for port in free_ports(2 * len(names))]
        nodes = dict(zip(names, ports[::2], strict=True))
        secure = dict(zip(names, ports[1::2], strict=True))
        certificates = {name: certify(folder, name) for name in names}
        servers = "".join(
            SERVER.format(
                name=name, port=nodes[name][1], secure=secure[name][1], certificate=certificates[name]
            )
            for name in names
        )
        conf = folder / "nginx.conf"
        conf.write_text(CONFIGURATION.format(folder=folder, servers=servers))
        command = ["nginx", "-c", str(conf), "-p", str(folder), "-e", str(folder / "error.log")]
        with running("nginx", command, lambda: all(map(accepts, ports)), folder) as peer:
            yield Nginx(peer, nodes, secure, certificates, small, hashlib.sha256(large).hexdigest())
