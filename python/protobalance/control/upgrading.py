"""Handing over to the program as it now is on disk, by way of the keeper: done, or nothing has changed."""

from __future__ import annotations

import os

import protobalance
from protobalance.control.answers import UpgradeResult
from protobalance.control.refusal import Refused
from protobalance.control.running import Running
from protobalance.keeper.messages import Declined


def hand_over(running: Running, grace: float | None, transaction: str | None, by: str) -> UpgradeResult:
    """Sessions stay here, for `grace` seconds at most. Raises `Refused` if it would not start, or did not."""
    running.refuse_while_draining()
    outcome = running.surroundings.bequest.backing.upgrade(grace, by, transaction or "")
    if isinstance(outcome, Declined):
        details = tuple(outcome.reason.splitlines())
        running.chronicle.record("upgrade-failed", "", "not upgraded", by=by, details=details)
        raise Refused("conflict", f"not upgraded, nothing has changed: {outcome.reason}", "", "")
    running.supersede()
    return UpgradeResult(
        version_before=protobalance.__version__,
        version=outcome.version,
        balancer_pid_before=os.getpid(),
        balancer_pid=outcome.pid,
        sessions=running.engine.snapshot().active,
        grace=grace,
    )
