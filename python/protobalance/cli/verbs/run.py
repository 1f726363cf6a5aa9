"""`run`: a balancer in the foreground, from a file, and its keeper."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from protobalance.cli.options import add_engine, add_own_socket

EXAMPLE = "protobalance run protobalance.toml"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="the configuration, in TOML")
    add_engine(parser)
    add_own_socket(parser)
    parser.add_argument(
        "--alone",
        action="store_true",
        help="one process, without a keeper that starts it again and upgrades it",
    )
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="say whether this would start where its ports and its admin socket are free, and start nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    gc.disable()  # until all is imported, of which nothing is garbage
    # Absolute: SIGHUP and `apply` read the file again, whatever the working directory is by then.
    config = arguments.config.absolute()
    if not (arguments.alone or arguments.rehearse):
        from protobalance.cli.kept import serve_kept  # noqa: PLC0415 - see gc.disable

        return serve_kept(config, arguments.socket, arguments.workers)
    from protobalance.cli.foreground import rehearse, serve  # noqa: PLC0415 - the same

    if arguments.rehearse:
        return rehearse(config)
    return serve(config, arguments.socket, arguments.workers)
