"""A balancer in the foreground, as `run` and `forward` start it. Nothing is imported here that the data
plane does not need; the admin interface comes once traffic flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import protobalance
from protobalance.api.admin_socket import refuse_if_taken
from protobalance.api.socket_path import chosen_socket
from protobalance.cli.failure import CommandFailed
from protobalance.cli.screen.problems import problem_lines
from protobalance.config import Config, ConfigError
from protobalance.control import answers_of_config, lifecycle
from protobalance.control.engine_port import EngineFactory, EnginePort, HandedOver, start_engine
from protobalance.control.running import Surroundings


def serve(origin: Path | Config, socket: Path | None, workers: int) -> int:
    """Runs until a signal ends it; the exit code. `workers` 0: what the configuration says."""
    try:
        lifecycle.serve(
            origin,
            socket_path=lambda config: _free_socket(socket, config.admin.socket),
            announce=_announce,
            load_admin=_load_admin,
            surroundings=Surroundings(start_engine=_with_workers(workers)),
        )
    except ConfigError as error:
        problems = [answers_of_config.problem(problem) for problem in error.problems]
        raise CommandFailed("the configuration is refused:", *problem_lines(problems)) from None
    return 0


def _free_socket(given: Path | None, configured: str | None) -> Path:
    """Asked before anything is bound: two balancers may share a port (`SO_REUSEPORT`), and a second one that
    gave up later would take connections with it.
    """
    path = chosen_socket(given, configured)
    refuse_if_taken(path)
    return path


def _announce(line: str) -> None:
    print(f"protobalance {protobalance.__version__} {line}", flush=True)


def _with_workers(wanted: int) -> EngineFactory:
    """The command line's word stands above the file's, and is no difference from the file."""

    def start(workers: int, max_sessions: int, handed_over: Sequence[HandedOver]) -> EnginePort:
        return start_engine(wanted or workers, max_sessions, handed_over)

    return start


def _load_admin() -> lifecycle.Admin:
    from protobalance.api.server import serve as admin  # noqa: PLC0415 - the law of this file

    return admin
