"""`upgrade`: let the program as it now is on disk take over from the one that runs."""

from __future__ import annotations

import argparse

from protobalance.api.operations import upgrade
from protobalance.cli import answer
from protobalance.cli.options import add_json, add_socket
from protobalance.cli.screen.ink import Ink
from protobalance.config.quantities import parse_duration
from protobalance.control.answers import UpgradeResult
from protobalance.control.counted import sessions_go, until_end

EXAMPLE = "protobalance upgrade --grace 10m"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--grace",
        type=_duration,
        metavar="TIME",
        help="end the sessions that the process before still has after so long (default: when they end)",
    )
    add_json(parser)
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    order = upgrade.UpgradeOrder(grace=arguments.grace)
    return answer.show(arguments, upgrade.OPERATION, order, _page)


def _page(result: UpgradeResult, _ink: Ink) -> list[str]:
    before = f"{result.version_before} (pid {result.balancer_pid_before})"
    lines = [f"upgraded from {before} to {result.version} (pid {result.balancer_pid})"]
    if result.sessions:
        bound = (
            f"until {until_end(result.sessions)}"
            if result.grace is None
            else f"for at most {result.grace:g} s"
        )
        lines.append(f"{sessions_go(result.sessions)} on in pid {result.balancer_pid_before}, {bound}")
    return lines


def _duration(word: str) -> float:
    milliseconds = parse_duration(word)
    if milliseconds is None:
        raise argparse.ArgumentTypeError(f'{word!r} is no duration such as "30s" or "1h"')
    return milliseconds / 1000
