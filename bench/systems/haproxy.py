"""HAProxy. Default: the smallest file of its manual for balancing TCP, as many threads as it has cores.
Tuned for bulk: 64 KiB buffers, splice whenever it can be done, pipes of 1 MiB.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.systems.system import Setting, System
from conformance.systems.haproxy import HAProxy as Played
from peers.process import text_of

CONFIGURATION = """\
global
  nbthread {threads}
{more}
defaults
  mode tcp
{options}  timeout connect 5s
  timeout client 1m
  timeout server 1m

frontend in
{binds}  default_backend c

backend c
  balance roundrobin
{nodes}"""
MORE = """\
  tune.bufsize 65536
  tune.pipesize 1048576
"""
OPTIONS = """\
  option splice-request
  option splice-response
"""


class HAProxy(System):
    def __init__(self, *, tuned: bool) -> None:
        self.tuned = tuned
        self.name = "haproxy-tuned" if tuned else "haproxy"

    def version(self) -> str | None:
        return Played().version()

    def configuration(self, setting: Setting) -> str:
        return CONFIGURATION.format(
            threads=setting.threads,
            more=MORE if self.tuned else "",
            options=OPTIONS if self.tuned else "",
            binds="".join(f"  bind {text_of(each)}\n" for each in setting.listen),
            nodes="".join(
                f"  server n{number} {text_of(each)}\n" for number, each in enumerate(setting.nodes)
            ),
        )

    def command(self, setting: Setting) -> Sequence[str]:
        (setting.folder / "haproxy.cfg").write_text(self.configuration(setting))
        return ["haproxy", "-db", "-f", "haproxy.cfg"]
