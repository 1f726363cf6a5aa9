"""The command line: one file per verb under `verbs/`, each with `arguments(parser)` and `run(arguments)`.

* `parser.py` knows every verb's name and summary, and imports only the verb that was asked for:
  `protobalance run` must reach the data plane without loading the rest.
* `client.py` asks a running balancer through its admin socket.
* `screen/` turns answers into text: tables, colours, quantities.
* `CommandFailed` is how a verb refuses; the exit codes are 0 done, 1 refused, 2 wrong usage, 3 done but not
  told, 130 interrupted.

The main path: `main` -> `entry.main` -> `parser.parse` -> the verb's `run` -> `client.ask`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, which would have to be imported before an interrupt is caught
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code. An interrupt is no traceback, not even amid our imports."""
    try:
        from protobalance.cli import entry  # noqa: PLC0415 - see above

        return entry.main(argv)
    except KeyboardInterrupt:
        return INTERRUPTED
