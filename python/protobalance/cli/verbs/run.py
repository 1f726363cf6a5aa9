"""`run`: a balancer in the foreground, from a file, and its keeper."""

from __future__ import annotations

import argparse
from pathlib import Path

from protobalance.cli.foreground import rehearse, serve, serve_kept
from protobalance.cli.options import add_engine, add_socket

EXAMPLE = "protobalance run protobalance.toml"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="the configuration, in TOML")
    add_engine(parser)
    add_socket(parser)
    parser.add_argument(
        "--alone",
        action="store_true",
        help="one process, without a keeper that starts it again and upgrades it",
    )
    parser.add_argument(
        "--rehearse", action="store_true", help="say whether this would start, and start nothing"
    )


def run(arguments: argparse.Namespace) -> int:
    # Absolute: SIGHUP and `apply` read the file again, whatever the working directory is by then.
    config = arguments.config.absolute()
    if arguments.rehearse:
        return rehearse(config)
    start = serve if arguments.alone else serve_kept
    return start(config, arguments.socket, arguments.workers)
