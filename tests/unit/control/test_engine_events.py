"""What the engine reports reaches the operator's log, the history and the status."""

from __future__ import annotations

from protobalance.control.report import WorkerLost
from unit.control.conftest import World


def test_a_worker_that_panicked_is_told_with_its_message(world: World) -> None:
    supervisor = world.supervisor()
    world.engine.report(WorkerLost(1, "index out of bounds"))
    supervisor.take_events()
    said = "worker 1: stumbled over a fault of ours: index out of bounds; its sessions were reset"
    assert any(level == "error" and said in line for level, line in world.lines)
    assert supervisor.history(1)[0].kind == "worker-lost"
