"""HAProxy and nginx as they stand before and behind a balancer: with what a test writes into their
configurations.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from peers.process import Address, Peer, accepts, running, workplace

HAPROXY = """
defaults
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  mode tcp
{sections}
"""
NGINX = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
{blocks}
"""


@contextmanager
def haproxy(sections: str, address: Address) -> Iterator[Peer]:
    """An HAProxy with these sections, once it accepts at the address."""
    with workplace("haproxy") as folder:
        (folder / "haproxy.cfg").write_text(HAPROXY.format(sections=sections))
        command = ["haproxy", "-db", "-q", "-f", str(folder / "haproxy.cfg")]
        with running("haproxy", command, lambda: accepts(address), folder) as peer:
            yield peer


@contextmanager
def nginx(blocks: str, address: Address) -> Iterator[Peer]:
    """An nginx with these blocks, once it accepts at the address."""
    with workplace("nginx") as folder:
        conf = folder / "nginx.conf"
        conf.write_text(NGINX.format(folder=folder, blocks=blocks))
        command = ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(conf)]
        with running("nginx", command, lambda: accepts(address), folder) as peer:
            yield peer
