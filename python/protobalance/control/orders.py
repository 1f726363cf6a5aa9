"""What a signal, or the keeper in its place, asks of a balancer, and what is said of it: the same with an
event loop (`process`) and without one (`quiet`).
"""

from __future__ import annotations

import time

from protobalance.config import ConfigError
from protobalance.control.counted import plural, sessions_go
from protobalance.control.readiness import Said
from protobalance.control.refusal import Refused
from protobalance.control.supervisor import Supervisor

PROGRESS_EVERY = 5.0  # seconds between lines about sessions that still go on
LOOK_EVERY = 0.1  # seconds between looks whether they have ended


def reload(supervisor: Supervisor) -> str:
    """Apply the file again; the outcome, in words for the service manager."""
    log = supervisor.running.surroundings.log
    try:
        result = supervisor.apply(by="SIGHUP")
    except (ConfigError, Refused):
        return "the file was not applied, the configuration before it stays in force"  # told in the log
    for warning in result.warnings:
        log.warning(warning)
    if not result.changed:
        log.info(f"{result.source}: nothing has changed")
    return f"generation {result.generation}"


def reopen(supervisor: Supervisor) -> None:
    """Open the session log anew."""
    log = supervisor.running.surroundings.log
    try:
        supervisor.reopen_session_log()
        log.info("session log opened anew")
    except Refused as refusal:
        log.error(f"session log: {refusal}")  # noqa: TRY400 - the operator's fault, and not a log with levels of `logging`


def keeper_was_killed(supervisor: Supervisor) -> None:
    """Say so: signals are ours from now on."""
    said = "was killed; this process serves on, but nobody would start it again: restart it in time"
    running = supervisor.running
    running.own_problems.note("keeper", None, f"keeper: {said}", time.time())
    running.chronicle.record("warning", "keeper", said)


def drain_goes_on(supervisor: Supervisor, said: Said, active: int) -> None:
    """Say how many sessions are left."""
    left = f"{plural(active, 'session')} left"
    supervisor.running.surroundings.log.info(left)
    said.tell(STATUS=f"draining, {left}")


def drain_begins(active: int, grace: float) -> str:
    """Nobody is accepted any more."""
    them = "it" if active == 1 else "them"
    return f"{sessions_go(active)} on for at most {grace:g} s; another signal ends {them} now"


def drain_ends(left: int, grace: float | None) -> str:
    """What is left is cut off: since `grace` seconds are over, or, if None, since somebody asked."""
    return f"ending {plural(left, 'session')}: {'asked to' if grace is None else f'{grace:g} s are over'}"
