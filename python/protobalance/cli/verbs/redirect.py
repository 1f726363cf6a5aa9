"""`redirect`: feed a listener from another cluster; sessions that are open stay where they are."""

from __future__ import annotations

import argparse

from protobalance.api.operations import redirect
from protobalance.cli import answer
from protobalance.cli.options import add_json, add_socket
from protobalance.cli.screen.changes import warning_lines
from protobalance.cli.screen.ink import Ink
from protobalance.control.answers import RedirectChange

EXAMPLE = "protobalance redirect web green"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("listener", metavar="LISTENER", help="which listener")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("cluster", nargs="?", metavar="CLUSTER", help="the cluster that feeds it from now on")
    target.add_argument("--clear", action="store_true", help="back to the cluster in the file")
    add_json(parser)
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    order = redirect.RedirectOrder(listener=arguments.listener, cluster=arguments.cluster)
    return answer.show(arguments, redirect.OPERATION, order, _page)


def _page(change: RedirectChange, ink: Ink) -> list[str]:
    file = (
        "as in the file" if change.cluster == change.file_cluster else f"the file says {change.file_cluster}"
    )
    outcome = f"generation {change.generation}" if change.changed else "nothing to change"
    line = f"listener {change.listener} feeds cluster {change.cluster} ({file}); {outcome}"
    return [line, *warning_lines(change.warnings, ink)]
