"""pen: one process, one select loop, everything said on its command line."""

from __future__ import annotations

from pathlib import Path

from conformance.system import Running, System
from conformance.systems.version import line_of
from conformance.verdict import NotApplicable
from conformance.wish import Wish
from peers.process import text_of


class _Running(Running):
    def command(self) -> list[str]:
        return arguments(self.wish)


def arguments(wish: Wish) -> list[str]:
    """Its command: round robin, failed nodes left alone, at most 2,048 sessions."""
    timeout, alone = max(1, round(wish.connect_timeout)), max(1, round(wish.retry_interval))
    options = ["-f", "-r", "-b", str(alone), "-t", str(timeout), "-c", "2048", "-x", "2048"]
    options += ["-o", "tcp_nodelay", "-o", f"listenq {wish.backlog}"]
    return ["pen", *options, text_of(wish.listen), *map(text_of, wish.nodes)]


class Pen(System):
    name = "pen"

    def version(self) -> str | None:
        line = line_of(["dpkg-query", "--show", "--showformat", "${Version}", "pen"])
        return f"pen {line}" if line and line[0].isdigit() else None

    def serve(self, wish: Wish, folder: Path) -> Running:
        if wish.name_server:
            raise NotApplicable("looks names up once, at its start")
        if wish.socket_path:
            raise NotApplicable("knows TCP nodes only")
        return _Running(wish, folder)

    def configuration(self, wish: Wish) -> str:
        return " ".join(arguments(wish))
