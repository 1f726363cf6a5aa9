"""`explain`: from the engine's own records, not from guesses."""

from __future__ import annotations

import argparse

from protobalance.api.operations import explain
from protobalance.cli import answer
from protobalance.cli.options import add_json, add_socket, count
from protobalance.cli.screen.explanation import page

EXAMPLE = "protobalance explain 192.0.2.7 --listener web"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "client",
        nargs="?",
        default="",
        metavar="CLIENT",
        help="an address; without it, the last sessions of anybody",
    )
    parser.add_argument("--listener", default="", metavar="NAME", help="only at this listener")
    parser.add_argument(
        "--server-name", default="", metavar="NAME", help="where it would go if it asked for this TLS name"
    )
    parser.add_argument(
        "--limit", type=count, default=explain.LIMIT, metavar="N", help="at most so many decisions"
    )
    add_json(parser)
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    question = explain.ExplainQuestion(
        client=arguments.client,
        listener=arguments.listener,
        server_name=arguments.server_name,
        limit=arguments.limit,
    )
    return answer.show(arguments, explain.OPERATION, question, page)
