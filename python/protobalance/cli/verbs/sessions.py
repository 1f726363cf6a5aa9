"""`sessions`: who is connected to what."""

from __future__ import annotations

import argparse

from protobalance.api.operations import sessions
from protobalance.cli import answer
from protobalance.cli.options import add_json, add_socket, count
from protobalance.cli.screen.sessions import page

EXAMPLE = "protobalance sessions --node web/a --limit 20"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listener", default="", metavar="NAME", help="only sessions of this listener")
    parser.add_argument("--node", default="", metavar="CLUSTER/NODE", help="only sessions on this node")
    parser.add_argument("--client", default="", metavar="ADDRESS", help="only sessions of this client")
    parser.add_argument("--limit", type=count, default=sessions.LIMIT, metavar="N", help="at most so many")
    add_json(parser)
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    question = sessions.SessionsQuestion(
        listener=arguments.listener, node=arguments.node, client=arguments.client, limit=arguments.limit
    )
    return answer.show(arguments, sessions.OPERATION, question, page)
