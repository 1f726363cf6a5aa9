"""`node set`: what the operator wants of a node, on top of the file and kept across restarts."""

from __future__ import annotations

import argparse
from typing import get_args

from protobalance.api.operations import set_node
from protobalance.cli import answer
from protobalance.cli.options import add_json, add_socket
from protobalance.cli.screen.changes import impact, warning_lines
from protobalance.cli.screen.ink import Ink
from protobalance.config.model import AdminState
from protobalance.control.answers import NodeChange
from protobalance.control.refusal import nearest

EXAMPLE = "protobalance node set web/a draining"
EXAMPLES = (EXAMPLE, "protobalance node set web/a weight=5", "protobalance node set web/a --clear")
STATES: tuple[AdminState, ...] = get_args(AdminState)


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    setting = actions.add_parser(
        "set",
        help="set its state or its weight",
        description="Set a node's state, its weight, or both; or return to the file's.",
        epilog="examples:\n  " + "\n  ".join(EXAMPLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    setting.add_argument("node", type=_node, metavar="CLUSTER/NODE", help="which node, e.g. web/a")
    setting.add_argument(
        "values",
        nargs="*",
        type=_value,
        metavar="VALUE",
        help=f"{', '.join(STATES)}, or weight=N with N from 0 to 256",
    )
    setting.add_argument(
        "--clear", action="store_true", help="drop what was set at run time: the file's values again"
    )
    setting.set_defaults(usage_error=setting.error)
    add_json(setting)
    add_socket(setting)


def run(arguments: argparse.Namespace) -> int:
    values: dict[str, str | int] = dict(arguments.values)
    if len(values) != len(arguments.values):
        arguments.usage_error("a state and a weight can each be given once")
    if bool(values) == arguments.clear:
        arguments.usage_error("give a state, weight=N, or --clear alone")
    cluster, node = arguments.node
    # The parser has let through nothing but a state and a weight.
    order = set_node.SetNodeOrder(cluster=cluster, node=node, clear=arguments.clear, **values)  # type: ignore[arg-type]  # see above
    return answer.show(arguments, set_node.OPERATION, order, _page)


def _node(word: str) -> tuple[str, str]:
    cluster, slash, node = word.partition("/")
    if not (cluster and slash and node):
        raise argparse.ArgumentTypeError(f"{word!r} is not CLUSTER/NODE, e.g. web/a")
    return cluster, node


def _value(word: str) -> tuple[str, str | int]:
    if word in STATES:
        return "admin_state", word
    name, _, number = word.partition("=")
    if name == "weight" and number.isascii() and number.isdigit() and int(number) <= 256:
        return "weight", int(number)
    meant = nearest(word, STATES)
    raise argparse.ArgumentTypeError(
        f"{word!r} is neither {', '.join(STATES)} nor weight=N with N from 0 to 256"
        + (f"; did you mean {meant!r}?" if meant else "")
    )


def _page(change: NodeChange, ink: Ink) -> list[str]:
    state = _beside(change.admin_state, change.file_admin_state)
    weight = _beside(str(change.weight), str(change.file_weight))
    outcome = f"generation {change.generation}" if change.changed else "nothing to change"
    head = f"node {change.cluster}/{change.node}: {state}, weight {weight}; {outcome}"
    return [head, *impact(change.impact, ink), *warning_lines(change.warnings, ink)]


def _beside(value: str, file_value: str) -> str:
    return value if value == file_value else f"{value} (file: {file_value})"
