"""A balancer in the foreground, as `run` and `forward` start it. Nothing is imported here that the data
plane does not need; the admin interface comes once traffic flows.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import protobalance.cli.lean

# isort: split
import protobalance
from protobalance import config as configuration
from protobalance.api.admin_socket import kept_name, refuse_unfit
from protobalance.api.socket_path import chosen_socket
from protobalance.cli import standard_streams
from protobalance.config import Config, ConfigError
from protobalance.control import lifecycle
from protobalance.control.confinement import confine
from protobalance.control.engine_port import EngineFactory, EnginePort, HandedOver, load_engine, start_engine
from protobalance.control.operator_log import OperatorLog, to_stream
from protobalance.control.outside_text import one_line
from protobalance.control.running import Surroundings
from protobalance.keeper import ALONE, Backing
from protobalance.keeper.signals import Terminal

if TYPE_CHECKING:
    from protobalance.cli.failure import CommandFailed
    from protobalance.control.process import Admin


def serve(origin: Path | Config, socket: Path | None, workers: int, backing: Backing = ALONE) -> int:
    """Runs until a signal ends it; the exit code. `workers` 0: what the configuration says."""
    if backing is ALONE:
        Terminal.look()
    gc.freeze()  # the collector need not look at what was imported
    gc.enable()
    try:
        lifecycle.serve(
            origin,
            socket_path=lambda config: _free_socket(socket, config.admin.socket, backing),
            announce=lambda line: _announce(line, backing),
            load_admin=lambda: _load_admin(backing),
            surroundings=Surroundings(start_engine=_with_workers(workers), confine=confine),
            backing=backing,
        )
    except ConfigError as error:
        raise _refused(error) from None
    return 0


def rehearse(origin: Path) -> int:
    """Whether this program would start with the file; nothing is started."""
    from protobalance.cli import kept  # noqa: F401, PLC0415 - all of the program is to be there
    from protobalance.cli.failure import CommandFailed  # noqa: PLC0415 - only to report an error
    from protobalance.control import process  # noqa: F401, PLC0415 - the same
    from protobalance.keeper import upgrade  # noqa: PLC0415 - the same

    if reason := upgrade.unfit():
        raise CommandFailed(reason)
    load_engine()
    _load_admin(ALONE)
    try:
        configuration.load(origin)
    except ConfigError as error:
        raise _refused(error) from None
    said = f"protobalance {protobalance.__version__} would start with {origin}"
    print(
        one_line(
            f"{said}; its ports and its admin socket were not tried, for the one to be upgraded has them"
        )
    )
    return 0


def _refused(error: ConfigError) -> CommandFailed:
    from protobalance.cli.failure import CommandFailed  # noqa: PLC0415 - only to report an error
    from protobalance.cli.screen.problems import problem_lines  # noqa: PLC0415 - the same
    from protobalance.control import answers_of_config  # noqa: PLC0415 - the same

    problems = [answers_of_config.problem(problem) for problem in error.problems]
    return CommandFailed("the configuration is refused:", *problem_lines(problems))


def _free_socket(given: Path | None, configured: str | None, backing: Backing) -> Path | None:
    """Asked before anything is bound: two balancers may share a port (`SO_REUSEPORT`), and a second one that
    gave up later would take connections with it.
    """
    path = chosen_socket(given, configured)
    if path is not None and kept_name(path) not in backing.held:
        refuse_unfit(path)
    return path


def _announce(line: str, backing: Backing) -> None:
    """To whoever started the command; later ones are news for the log, for nobody may be reading any more."""
    said = one_line(f"protobalance {protobalance.__version__} {line}")
    log = OperatorLog(to_stream())
    if backing.occasion.why != "start":
        log.info(said)
        return
    try:
        print(said, flush=True)
    except OSError as error:
        standard_streams.forget_output()
        log.warning(f"standard output cannot be written: {error.strerror}; it is told here:")
        log.info(said)


def _with_workers(wanted: int) -> EngineFactory:
    """The command line's word stands above the file's, and is no difference from the file."""

    def start(workers: int, max_sessions: int, handed_over: Sequence[HandedOver]) -> EnginePort:
        return start_engine(wanted or workers, max_sessions, handed_over)

    return start


def _load_admin(backing: Backing) -> Admin:
    from protobalance.api.server import serve as admin  # noqa: PLC0415 - the law of this file

    return functools.partial(admin, backing=backing)
