"""`history`: what changed, when, and by whom."""

from __future__ import annotations

import argparse

from protobalance.api.operations import history
from protobalance.cli import answer
from protobalance.cli.options import add_json, add_socket, count
from protobalance.cli.screen.history import page

EXAMPLE = "protobalance history --limit 5"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit", type=count, default=history.LIMIT, metavar="N", help="at most so many, the newest"
    )
    add_json(parser)
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    return answer.show(arguments, history.OPERATION, history.HistoryQuestion(limit=arguments.limit), page)
