"""A supervisor over an engine from memory, with a clock and names of the test's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from protobalance import config as configuration
from protobalance.config import Config
from protobalance.control.engine_port import HandedOver
from protobalance.control.names import Names
from protobalance.control.operator_log import Level, OperatorLog
from protobalance.control.refusal import Refused
from protobalance.control.running import Surroundings
from protobalance.control.supervisor import Supervisor
from unit.control.fake_engine import FakeEngine

FILE = """
[listeners.web]
bind = "127.0.0.1:8080"
cluster = "web"

[clusters.web]
policy = "least-sessions"
[clusters.web.nodes.a]
address = "10.0.0.1:80"
[clusters.web.nodes.b]
address = "10.0.0.2:80"
weight = 2

[clusters.green.nodes.a]
address = "10.0.1.1:80"
"""


@dataclass
class World:
    """What surrounds a supervisor; `supervisor()` makes one, as a process would at its start."""

    folder: Path
    now: float = 1_000_000.0
    lines: list[tuple[Level, str]] = field(default_factory=list)
    addresses: dict[str, list[str]] = field(default_factory=dict)
    engines: list[FakeEngine] = field(default_factory=list)
    supervisors: list[Supervisor] = field(default_factory=list)
    refuse_start: Refused | None = None

    @property
    def engine(self) -> FakeEngine:
        """The engine started last."""
        return self.engines[-1]

    @property
    def path(self) -> Path:
        """The configuration file."""
        return self.folder / "balancer.toml"

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    def surroundings(self) -> Surroundings:
        def start(workers: int, max_sessions: int, handed_over: Sequence[HandedOver]) -> FakeEngine:
            self.engines.append(FakeEngine(workers, max_sessions, handed_over))
            self.engine.refuse = self.refuse_start
            return self.engines[-1]

        return Surroundings(
            start_engine=start,
            names=Names(self.look_up),
            log=OperatorLog(lambda level, line: self.lines.append((level, line))),
            clock=lambda: self.now,
        )

    def look_up(self, host: str) -> list[str]:
        """The test's name server."""
        if host not in self.addresses:
            raise OSError(-2, "Name or service not known")
        return self.addresses[host]

    def text(self, text: str = FILE, *, state: bool = True) -> str:
        """A file's text, with the state folder."""
        return f'[engine]\nstate_dir = "{self.state}"\n{text}' if state else text

    def supervisor(self, text: str = FILE, *, state: bool = True) -> Supervisor:
        """Write the file and start."""
        self.path.write_text(self.text(text, state=state))
        supervisor = Supervisor(self.surroundings())
        supervisor.start(configuration.load(self.path), str(self.path), self.path)
        self.supervisors.append(supervisor)
        return supervisor

    def rewrite(self, *replacements: tuple[str, str]) -> None:
        """Edit the file as an operator would."""
        text = self.path.read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        self.path.write_text(text)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for supervisor in made.supervisors:
        supervisor.stop()


@pytest.fixture
def config() -> Config:
    return configuration.loads(FILE)
