"""A balancer and its keeper, as `run` starts them. This process becomes the keeper.

What a balancer needs before it forwards is imported by then, so that the next one after a death need not
import it again while clients wait; what answers questions is not, for a keeper would carry it in vain.
"""

from __future__ import annotations

from pathlib import Path

from protobalance.cli.foreground import serve
from protobalance.control.engine_port import load_engine
from protobalance.control.operator_log import to_stream
from protobalance.control.systemd import Notifier, take_listen_fds
from protobalance.keeper.estate import MANAGER
from protobalance.keeper.keeper import keep


def serve_kept(origin: Path, socket: Path | None, workers: int) -> int:
    """Runs until a signal ends it; the exit code. `workers` 0: what the configuration says."""
    load_engine()
    notifier = Notifier()
    inherited = {f"{MANAGER} {number}": descriptor for number, descriptor in enumerate(take_listen_fds())}
    kept = keep(to_stream(), lambda states: notifier.tell(**states), inherited)
    if isinstance(kept, int):
        return kept
    try:
        return serve(origin, socket, workers, kept)
    except BaseException as error:
        kept.failed(str(error))
        raise
