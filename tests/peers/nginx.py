"""nginx: several nodes in one process, each saying in `X-Node` which it is.

`/small` has a length, `/chunked` has none and comes in chunks, `/large` is 50 MB that no compression or
repetition could fake.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from peers.process import Address, Peer, accepts, free_ports, running, workplace

LARGE = 50_000_000

CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; default_type application/octet-stream; root {folder}/www; keepalive_requests 1000000;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  {servers}
}}
"""
SERVER = """
server {{
  listen 127.0.0.1:{port}; add_header X-Node {name};
  location = /chunked {{ ssi on; ssi_types application/octet-stream; }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Nodes by name, and what `/large` hashes to."""

    peer: Peer
    nodes: dict[str, Address]
    small: bytes
    large_sha256: str


@contextmanager
def nginx(count: int) -> Iterator[Nginx]:
    """`count` web nodes named n0, n1, …"""
    with workplace("nginx") as folder:
        www = folder / "www"
        www.mkdir()
        large = random.Random(1).randbytes(LARGE)
        small = bytes(range(256)) * 64
        (www / "large").write_bytes(large)
        (www / "small").write_bytes(small)
        (www / "chunked").write_bytes(small)
        nodes = {f"n{index}": ("127.0.0.1", port) for index, port in enumerate(free_ports(count))}
        servers = "".join(SERVER.format(port=port, name=name) for name, (_, port) in nodes.items())
        conf = folder / "nginx.conf"
        conf.write_text(CONFIGURATION.format(folder=folder, servers=servers))
        command = ["nginx", "-c", str(conf), "-p", str(folder), "-e", str(folder / "error.log")]
        with running("nginx", command, lambda: all(map(accepts, nodes.values())), folder) as peer:
            yield Nginx(peer, nodes, small, hashlib.sha256(large).hexdigest())
