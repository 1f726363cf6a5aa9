"""From the start of the program to the first client served, and what it then has in memory."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bench import engine_alone
from bench.case import Case, Metric, Workload
from bench.options import Options
from bench.sample import Sample
from bench.stage import Shape, Stage, Started, stage
from bench.standing import settle
from bench.systems import by_name
from bench.systems.direct import Direct
from bench.systems.protobalance import ProtoBalance
from bench.systems.system import Setting, System
from bench.usage import memory
from peers.process import START_LIMIT

REQUEST = bytes([174])
"""What the load tool's messages begin with, and its nodes expect."""
RETRY = 0.000_5
"""Seconds until a client that was refused tries again."""
VARIANTS = ("alone", "no-admin", "alone-no-admin")
"""Ours without a keeper, without an admin interface, and without both."""


class _Watched(Started):
    """A client tries from the beginning on."""

    accepting = answered = float("nan")

    def start(self) -> None:
        self._began = time.monotonic()
        super().start()

    def ready(self) -> bool:
        """Back only when it serves or cannot: whoever asks us sleeps longer between two questions."""
        assert self.child is not None
        while self.child.poll() is None and time.monotonic() < self._began + START_LIMIT:
            try:
                client = socket.create_connection(self.wish.listen, timeout=5)
            except OSError:
                time.sleep(RETRY)
                continue
            with client:
                self.accepting = time.monotonic() - self._began
                client.sendall(REQUEST)
                if client.recv(1):
                    self.answered = time.monotonic() - self._began
                    return True
        return False


class _Engine(ProtoBalance):
    """Ours without all that is Python's."""

    def command(self, setting: Setting) -> Sequence[str]:
        super().command(setting)
        return [sys.executable, "-m", engine_alone.__name__, "protobalance.toml"]


class Start(Workload):
    name = "start"
    rounds = 7
    about = (
        "Milliseconds from the start of the program until a client's connection stands, and until it has the "
        "first byte of an answer; then, once they are quiet, the memory of its processes (PSS), and again "
        "after an operator asked for the state, where that loads something. Engine: what a process has more "
        "when it has loaded and started ours and a client was served, Python and all its modules being there "
        "before; pages of the file count as its own."
    )
    metrics = (
        Metric("accepting_ms", "accepting, ms", 1),
        Metric("answered_ms", "first byte, ms", 1),
        Metric("pss_mb", "PSS, MB", 1),
        Metric("private_mb", "private, MB", 1),
        Metric("asked_mb", "PSS after a question, MB", 1),
    )

    def cases(self, options: Options) -> Iterable[Case]:
        systems = by_name()
        for system in (*options.systems, *(systems[name] for name in VARIANTS)):
            if not isinstance(system, Direct):
                yield Case(system.name, partial(self.measure, options, system))
        yield Case("engine", partial(self.measure_engine, options))

    def measure(self, options: Options, system: System) -> Sample:
        """Once."""
        with _started(options, system) as up:
            assert isinstance(up.running, _Watched)
            used = memory(up.processes())
            sample = {
                "accepting_ms": up.running.accepting * 1e3,
                "answered_ms": up.running.answered * 1e3,
                "pss_mb": used["pss"] / 1e6,
                "private_mb": used["private"] / 1e6,
            }
            if question := system.ask(up.setting):
                subprocess.run(question, check=True, capture_output=True, timeout=20)
                sample["asked_mb"] = memory(up.processes())["pss"] / 1e6
        return sample

    def measure_engine(self, options: Options) -> Sample:
        """Once."""
        with _started(options, _Engine()) as up:
            (pid,) = up.processes()
            used = engine_alone.share(up.setting.folder, pid)
        return {"pss_mb": used["resident"] / 1e6, "private_mb": used["private"] / 1e6}


@contextmanager
def _started(options: Options, system: System) -> Iterator[Stage]:
    """Up, quiet, and alone: of others like it, it would share the memory."""
    options.standing.end()
    with stage(system, options.placements[-1], Shape(1, 1), standing=True, kind=_Watched) as up:
        settle(up.processes())
        yield up


WORKLOADS = [Start()]
