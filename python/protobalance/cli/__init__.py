"""The command line: one file per verb under `verbs/`, each with `arguments(parser)` and `run(arguments)`.

* `parser.py` knows every verb's name and summary, and imports only the verb that was asked for:
  `protobalance run` must reach the data plane without loading the rest.
* `client.py` asks a running balancer through its admin socket.
* `screen/` turns answers into text: tables, colours, quantities.
* `CommandFailed` is how a verb refuses; the exit codes are 0 done, 1 refused, 2 wrong usage, 130 interrupted.

The main path: `entry.main` -> `parser.parse` -> the verb's `run` -> `client.ask`.
"""

from __future__ import annotations

from protobalance.cli.entry import main

__all__ = ["main"]
