"""Proto Balance: the installed command, changed by `protobalance apply`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from conformance.system import Running, System
from conformance.systems.version import line_of
from conformance.verdict import expect
from conformance.wish import Wish
from peers.command import PROGRAM
from peers.process import text_of

CONFIGURATION = """\
[listeners.in]
bind = "{listen}"
cluster = "c"
idle_timeout = "{idle}ms"
keepalive = "{keepalive}ms"
user_timeout = "{user}ms"
backlog = {backlog}

[clusters.c]
connect_timeout = "{connect}ms"
retry_interval = "{retry}ms"
{more}
{nodes}
[log]
sessions = "off"
"""


class _Running(Running):
    def command(self) -> list[str]:
        (self.folder / "protobalance.toml").write_text(configuration(self.wish))
        return [PROGRAM, "run", "protobalance.toml", "--socket", str(self.folder / "admin.sock")]

    def ready(self) -> bool:
        return " ready: " in self.log.read_text()

    def serving(self) -> int:
        """The balancer; its keeper comes before it."""
        return self.processes()[1]

    def reload(self, wish: Wish) -> None:
        self.wish = wish
        expect(self._apply(configuration(wish)), "the change was refused")

    def reload_nonsense(self) -> None:
        expect(not self._apply("[listeners.in]\nbind = 7\n"), "nonsense was accepted")

    def _apply(self, text: str) -> bool:
        (self.folder / "protobalance.toml").write_text(text)
        command = [PROGRAM, "apply", "--socket", str(self.folder / "admin.sock")]
        return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0


def configuration(wish: Wish) -> str:
    """The file."""
    more = []
    if wish.replay:
        more.append("replay_unanswered = true")
    if wish.name_server:
        more.append('resolve_interval = "1s"')
    addresses = [f"unix:{wish.socket_path}"] if wish.socket_path else map(text_of, wish.nodes)
    nodes = [f"nodes.n{index} = {json.dumps(address)}" for index, address in enumerate(addresses)]
    return CONFIGURATION.format(
        listen=text_of(wish.listen),
        idle=_ms(wish.idle_timeout),
        keepalive=_ms(wish.keepalive),
        user=_ms(wish.user_timeout),
        backlog=wish.backlog,
        connect=_ms(wish.connect_timeout),
        retry=_ms(wish.retry_interval),
        more="".join(f"{line}\n" for line in more),
        nodes="".join(f"{line}\n" for line in nodes),
    ).replace("\n\n\n", "\n\n")


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


class ProtoBalance(System):
    name = "protobalance"

    def version(self) -> str | None:
        return line_of([PROGRAM, "--version"])

    def serve(self, wish: Wish, folder: Path) -> Running:
        return _Running(wish, folder)

    def configuration(self, wish: Wish) -> str:
        return configuration(wish)
