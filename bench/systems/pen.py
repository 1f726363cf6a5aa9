"""pen: one process with one loop, and no file. It keeps clients at their nodes unless told otherwise (`-r`).
The number of sessions is a limit that it must be given.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from bench.systems.system import SESSIONS, Setting, System
from conformance.systems.pen import Pen as Played
from peers.process import text_of


class Pen(System):
    name = "pen"

    def version(self) -> str | None:
        return Played().version()

    def configuration(self, setting: Setting) -> str:
        return shlex.join(self.command(setting))

    def command(self, setting: Setting) -> Sequence[str]:
        listen = text_of(setting.listen[0])
        return ["pen", "-f", "-r", "-x", str(SESSIONS), listen, *map(text_of, setting.nodes)]
