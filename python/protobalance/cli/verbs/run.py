"""`run`: a balancer in the foreground, from a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from protobalance.cli.foreground import serve
from protobalance.cli.options import add_engine, add_socket

EXAMPLE = "protobalance run protobalance.toml"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="the configuration, in TOML")
    add_engine(parser)
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    # Absolute: SIGHUP and `apply` read the file again, whatever the working directory is by then.
    return serve(arguments.config.absolute(), arguments.socket, arguments.workers)
