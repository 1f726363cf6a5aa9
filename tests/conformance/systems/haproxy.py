"""HAProxy: master and worker, changed by `SIGUSR2` to the master, sockets handed over.

A connect that fails is tried again at once, at another node (`retries`, `redispatch`). Active checks are left
out, as for every system: each connection a node sees is a client's.
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
global
  nbthread 2
  stats socket {folder}/haproxy.sock mode 600 level admin expose-fd listeners

defaults
  mode tcp
  balance roundrobin
  timeout connect {connect}ms
  timeout client {idle}ms
  timeout server {idle}ms
  retries 3
  option redispatch 1
  option clitcpka
  clitcpka-idle {keepalive}s
  clitcpka-intvl {probe}s
  clitcpka-cnt 4
  option srvtcpka
  srvtcpka-idle {keepalive}s
  srvtcpka-intvl {probe}s
  srvtcpka-cnt 4
{resolvers}
frontend in
  bind {listen} tcp-ut {user}ms backlog {backlog}
  default_backend c

backend c
  default-server tcp-ut {user}ms{resolve}
{nodes}"""
RESOLVERS = """
resolvers names
  nameserver one {name_server}
  hold valid 1s
  timeout resolve 500ms
"""


class _Running(Running):
    def command(self) -> list[str]:
        (self.folder / "haproxy.cfg").write_text(configuration(self.wish, self.folder))
        return ["haproxy", "-W", "-db", "-f", "haproxy.cfg"]

    def serving(self) -> int:
        return self.processes()[-1]

    def reload(self, wish: Wish) -> None:
        self.wish = wish
        self._reload(configuration(wish, self.folder))

    def reload_nonsense(self) -> None:
        assert self.child is not None
        (self.folder / "haproxy.cfg").write_text("frontend in\n  bind nonsense\n")
        self.child.send_signal(signal.SIGUSR2)
        until(lambda: "config" in self.log_tail(), "HAProxy did not look at its file")

    def _reload(self, text: str) -> None:
        assert self.child is not None
        before, started = self.serving(), self.log.read_text().count("forked")
        (self.folder / "haproxy.cfg").write_text(text)
        self.child.send_signal(signal.SIGUSR2)
        until(lambda: self.log.read_text().count("forked") > started, "HAProxy did not reload")
        until(lambda: self.serving() != before, "HAProxy did not reload")


def configuration(wish: Wish, folder: Path) -> str:
    """The file."""
    addresses = [f"unix@{wish.socket_path}"] if wish.socket_path else list(map(text_of, wish.nodes))
    return CONFIGURATION.format(
        folder=folder,
        connect=_ms(wish.connect_timeout),
        idle=_ms(wish.idle_timeout),
        keepalive=round(wish.keepalive),
        probe=max(1, round(wish.keepalive / 8)),
        user=_ms(wish.user_timeout),
        backlog=wish.backlog,
        listen=text_of(wish.listen),
        resolvers=RESOLVERS.format(name_server=text_of(wish.name_server)) if wish.name_server else "",
        resolve=" resolvers names init-addr last,libc,none" if wish.name_server else "",
        nodes="".join(f"  server n{index} {address}\n" for index, address in enumerate(addresses)),
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


class HAProxy(System):
    name = "haproxy"

    def version(self) -> str | None:
        line = line_of(["haproxy", "-v"])
        return line and line.rpartition(" - ")[0]

    def serve(self, wish: Wish, folder: Path) -> Running:
        return _Running(wish, folder)

    def configuration(self, wish: Wish) -> str:
        return configuration(wish, Path("/run/haproxy"))
