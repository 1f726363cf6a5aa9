"""`forward`: a configuration of one listener and one cluster, said on one line."""

from __future__ import annotations

import argparse
from typing import get_args

from protobalance.cli.failure import CommandFailed
from protobalance.cli.foreground import serve
from protobalance.cli.options import add_engine, add_own_socket
from protobalance.cli.screen.problems import problem_lines
from protobalance.config import Config, ConfigError, from_mapping
from protobalance.config.model import PolicyName
from protobalance.control import answers_of_config
from protobalance.control.refusal import instead_of

EXAMPLE = "protobalance forward 8080 db1.internal:5432 db2.internal:5432 --policy least-sessions"
SOURCE = "forward"
NAME = "forward"  # of the listener and of the cluster
POLICIES = tuple(
    name for name in get_args(PolicyName) if name != "minimum-load"
)  # which needs a rating, hence a file


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bind", metavar="[ADDRESS:]PORT", help="where clients connect; a port alone: on every IPv4 address"
    )
    parser.add_argument(
        "nodes", nargs="+", metavar="HOST:PORT", help="where to; also [IPv6]:PORT or unix:/path"
    )
    parser.add_argument(
        "--policy",
        type=_policy,
        choices=POLICIES,
        default=POLICIES[0],
        metavar="POLICY",
        help=f"how a node is chosen: {', '.join(POLICIES)}",
    )
    add_engine(parser)
    add_own_socket(parser)


def _policy(word: str) -> str:
    if word in POLICIES:
        return word
    if word in get_args(PolicyName):
        raise argparse.ArgumentTypeError(f"{word} needs a load rating, hence a file: protobalance run FILE")
    raise argparse.ArgumentTypeError(f"there is no policy {word!r}; {instead_of(word, POLICIES)}")


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.bind, arguments.nodes, arguments.policy)
    return serve(config, arguments.socket, arguments.workers)


def configuration(bind: str, nodes: list[str], policy: str) -> Config:
    """The configuration that the line says. Raises `CommandFailed` with everything that is wrong with it."""
    wished = {
        "listeners": {NAME: {"bind": f"0.0.0.0:{bind}" if bind.isdecimal() else bind, "cluster": NAME}},
        "clusters": {
            NAME: {
                "policy": policy,
                "nodes": {f"node{number}": {"address": address} for number, address in enumerate(nodes, 1)},
            }
        },
    }
    try:
        return from_mapping(wished, SOURCE)
    except ConfigError as error:
        lines = problem_lines([answers_of_config.problem(problem) for problem in error.problems])
        raise CommandFailed(*lines) from None
