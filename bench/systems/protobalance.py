"""Proto Balance, in one configuration for every workload, with all that a user has on: each session written
to a log, affinity kept on disk, statistics, explain.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bench.systems.system import Setting, System
from conformance.systems.version import line_of
from peers.command import PROGRAM
from peers.process import text_of

CONFIGURATION = """\
[engine]
state_dir = "{folder}/state"

[log]
sessions = "{log}"

[listeners.in]
bind = {listen}
cluster = "c"

[clusters.c]
affinity = {affinity}

[clusters.c.nodes]
{nodes}"""


class ProtoBalance(System):
    """`program`: of which installation."""

    def __init__(
        self,
        name: str = "protobalance",
        *,
        program: str = PROGRAM,
        options: Sequence[str] = (),
        log: bool = True,
        affinity: bool = True,
        admin: bool = True,
    ) -> None:
        self.name = name
        self.program = program
        self.options = options
        self.log = log
        self.affinity = affinity
        self.admin = admin

    def version(self) -> str | None:
        return line_of([self.program, "--version"])

    def configuration(self, setting: Setting) -> str:
        return CONFIGURATION.format(
            folder=setting.folder,
            log=setting.folder / "sessions.log" if self.log else "off",
            listen=json.dumps(list(map(text_of, setting.listen))),
            affinity=json.dumps(self.affinity),
            nodes="".join(f'n{number} = "{text_of(each)}"\n' for number, each in enumerate(setting.nodes)),
        )

    def command(self, setting: Setting) -> Sequence[str]:
        (setting.folder / "protobalance.toml").write_text(self.configuration(setting))
        return [self.program, "run", *self.options, "protobalance.toml", "--socket", self._socket(setting)]

    def ask(self, setting: Setting) -> Sequence[str]:
        return [self.program, "status", "--socket", self._socket(setting)] if self.admin else ()

    def _socket(self, setting: Setting) -> str:
        return str(setting.folder / "admin.sock") if self.admin else "off"


def of_checkout(checkout: Path) -> ProtoBalance:
    """Another build of ours, to compare with."""
    return ProtoBalance("before", program=str(checkout.absolute() / ".venv" / "bin" / "protobalance"))
