"""No balancer: clients at one node. What the load generator can do, and the floor of the kernel."""

from __future__ import annotations

from collections.abc import Sequence

from bench.systems.system import Setting, System


class Direct(System):
    name = "direct"

    def version(self) -> str | None:
        return "no balancer"

    def configuration(self, setting: Setting) -> str:  # noqa: ARG002 - there is none
        return ""

    def command(self, setting: Setting) -> Sequence[str]:  # noqa: ARG002 - nothing is started
        return ()
