"""nginx's stream module: master and two workers, changed by `SIGHUP`.

A connect that fails is tried at the next node (`proxy_next_upstream`); half-closes are kept
(`proxy_half_close`), which nginx does not do unasked.
"""

from __future__ import annotations

import signal
from pathlib import Path

from conformance.ends import until
from conformance.system import Running, System
from conformance.systems.version import line_of
from conformance.wish import Wish
from peers.process import text_of

CONFIGURATION = """\
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
user root;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;

events {{
  worker_connections 8192;
}}

stream {{
{upstream}
  server {{
    listen {listen} reuseport backlog={backlog} so_keepalive={keepalive}s:{probe}s:4;
    {target}
    proxy_connect_timeout {connect}ms;
    proxy_timeout {idle}ms;
    proxy_next_upstream on;
    proxy_half_close on;
    proxy_socket_keepalive on;
  }}
}}
"""
UPSTREAM = """\
  upstream c {{
    zone c 64k;
{nodes}  }}
"""


class _Running(Running):
    def command(self) -> list[str]:
        (self.folder / "nginx.conf").write_text(configuration(self.wish, self.folder))
        return ["nginx", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder), "-e", "error.log"]

    def ready(self) -> bool:
        return super().ready() and len(self.processes()) > 2

    def serving(self) -> int:
        return self.processes()[-1]

    def reload(self, wish: Wish) -> None:
        self.wish = wish
        before = set(self.processes())
        self._reload(configuration(wish, self.folder))
        until(lambda: len(set(self.processes()) - before) >= 2, "nginx did not reload")
        until(lambda: all(map(_leaving, before - {self.processes()[0]})), "the old workers still served")

    def reload_nonsense(self) -> None:
        self._reload("stream { nonsense; }\n")
        errors = self.folder / "error.log"
        until(lambda: "[emerg]" in errors.read_text(), "nginx did not look at its file")

    def _reload(self, text: str) -> None:
        assert self.child is not None
        (self.folder / "nginx.conf").write_text(text)
        self.child.send_signal(signal.SIGHUP)

    def log_tail(self) -> str:
        errors = self.folder / "error.log"
        return super().log_tail() + (errors.read_text()[-2000:] if errors.exists() else "")


def _leaving(worker: int) -> bool:
    """Whether it takes no clients any more."""
    try:
        return b"shutting down" in Path(f"/proc/{worker}/cmdline").read_bytes()
    except OSError:
        return True


def configuration(wish: Wish, folder: Path) -> str:
    """The file."""
    addresses = [f"unix:{wish.socket_path}"] if wish.socket_path else list(map(text_of, wish.nodes))
    retry = f"max_fails=1 fail_timeout={max(1, round(wish.retry_interval))}s"
    upstream = UPSTREAM.format(nodes="".join(f"    server {address} {retry};\n" for address in addresses))
    target = "proxy_pass c;"
    if wish.name_server:
        # A name is looked up again only where it comes out of a variable.
        upstream = f"  resolver {text_of(wish.name_server)} valid=5s ipv6=off;\n"
        upstream += f"  map $remote_port $node {{ default {addresses[0]}; }}\n"
        target = "proxy_pass $node;"
    return CONFIGURATION.format(
        folder=folder,
        listen=text_of(wish.listen),
        backlog=wish.backlog,
        keepalive=round(wish.keepalive),
        probe=max(1, round(wish.keepalive / 8)),
        connect=round(wish.connect_timeout * 1000),
        idle=round(wish.idle_timeout * 1000),
        upstream=upstream,
        target=target,
    )


class Nginx(System):
    name = "nginx"

    def version(self) -> str | None:
        if not Path("/usr/lib/nginx/modules/ngx_stream_module.so").exists():
            return None
        line = line_of(["nginx", "-v"])
        return line and line.removeprefix("nginx version: ") + " (stream)"

    def serve(self, wish: Wish, folder: Path) -> Running:
        return _Running(wish, folder)

    def configuration(self, wish: Wish) -> str:
        return configuration(wish, Path("/run/nginx"))
