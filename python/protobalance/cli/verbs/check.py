"""`check`: offline; what it accepts, the balancer accepts."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import msgspec

from protobalance.cli.answer import print_json, print_page
from protobalance.cli.options import add_json
from protobalance.cli.screen import terminal
from protobalance.cli.screen.changes import warning_lines
from protobalance.cli.screen.ink import harmless
from protobalance.cli.screen.problems import problem_lines
from protobalance.config import load_with_remarks
from protobalance.control.checking import checked
from protobalance.control.counted import plural

EXAMPLE = "protobalance check protobalance.toml"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration, in TOML")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    path = arguments.file
    result = checked(lambda: load_with_remarks(path), str(path), time.time())
    if arguments.json:
        print_json(msgspec.json.encode(result))
    elif result.ok:
        things = (
            plural(result.listeners, "listener"),
            plural(result.clusters, "cluster"),
            plural(result.nodes, "node"),
        )
        print(f"{harmless(result.source)}: sound; {', '.join(things)}")
        print_page(warning_lines(result.warnings, terminal.ink()))
    else:
        print("\n".join(problem_lines(result.problems)))
    return 0 if result.ok else 1
