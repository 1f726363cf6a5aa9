"""Nothing between the ends: what a scenario asks is what TCP gives to two that speak directly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from conformance.system import Running, System
from conformance.verdict import NotApplicable
from conformance.wish import Wish


class _Nothing(Running):
    def command(self) -> list[str]:
        return []

    def start(self) -> None:
        if len(self.wish.nodes) != 1 or self.wish.name_server or self.wish.socket_path:
            raise NotApplicable("takes a balancer")
        self.wish = replace(self.wish, listen=self.wish.nodes[0])

    def serving(self) -> int:
        raise NotApplicable("takes a balancer")

    def processes(self) -> list[int]:
        raise NotApplicable("takes a balancer")


class Direct(System):
    name = "direct"

    def version(self) -> str | None:
        return "no balancer: client and node connected to each other"

    def serve(self, wish: Wish, folder: Path) -> Running:
        return _Nothing(wish, folder)

    def configuration(self, wish: Wish) -> str:  # noqa: ARG002 - there is none
        return ""
