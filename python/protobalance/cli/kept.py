"""A balancer and its keeper, as `run` starts them. This process becomes the keeper, and stays small: what
only a balancer needs is imported in the child.
"""

from __future__ import annotations

from protobalance.control.operator_log import to_stream
from protobalance.control.systemd import Notifier, take_listen_fds
from protobalance.keeper.estate import MANAGER
from protobalance.keeper.keeper import keep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def serve_kept(origin: Path, socket: Path | None, workers: int) -> int:
    """Runs until a signal ends it; the exit code. `workers` 0: what the configuration says."""
    notifier = Notifier()
    inherited = {f"{MANAGER} {number}": descriptor for number, descriptor in enumerate(take_listen_fds())}
    kept = keep(to_stream(), lambda states: notifier.tell(**states), inherited)
    if isinstance(kept, int):
        return kept
    try:
        from protobalance.cli.foreground import serve  # noqa: PLC0415 - the law of this file

        return serve(origin, socket, workers, kept)
    except BaseException as error:
        kept.failed(str(error))
        raise
