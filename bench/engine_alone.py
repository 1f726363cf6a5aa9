"""`python -m bench.engine_alone FILE`: our engine, serving what the file says. All else was imported before,
and what the process had in memory then is in BEFORE; what it has more once it says that it serves is the
engine's.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.usage import memory
from protobalance import config as configuration
from protobalance.control.engine_port import EnginePort, HandedOver, start_engine
from protobalance.control.running import Running, Surroundings

BEFORE = "before.json"
"""In the folder that it is started in."""


def share(folder: Path, pid: int) -> dict[str, int]:
    """What the engine has of that process's memory."""
    before = msgspec.json.decode((folder / BEFORE).read_bytes(), type=dict[str, int])
    return {name: after - before[name] for name, after in memory([pid]).items()}


def _noted(workers: int, max_sessions: int, handed_over: Sequence[HandedOver]) -> EnginePort:
    Path(BEFORE).write_bytes(msgspec.json.encode(memory([os.getpid()])))
    return start_engine(workers, max_sessions, handed_over)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    running = Running(Surroundings(start_engine=_noted), configuration.load(file), str(file))
    print("serving", flush=True)
    signal.pause()
