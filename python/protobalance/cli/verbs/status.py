"""`status`: one page, once or redrawn; a watch outlives the balancer that it watches."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import msgspec

from protobalance.api.operations import status
from protobalance.api.socket_path import asked_socket
from protobalance.cli import answer
from protobalance.cli.client import Client
from protobalance.cli.failure import CommandFailed
from protobalance.cli.options import add_json, add_socket
from protobalance.cli.screen import terminal
from protobalance.cli.screen.ink import harmless
from protobalance.cli.screen.status import page
from protobalance.control.outside_text import in_json

EXAMPLE = "protobalance status --watch"
REFRESH = 1.0  # seconds; what changes faster cannot be read


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--watch",
        action="store_true",
        help="keep showing it, also over a restart, until Ctrl-C; with --json one line a time",
    )
    add_json(parser)
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    if not arguments.watch:
        return answer.show(arguments, status.OPERATION, status.StatusQuestion(), page)
    client = Client(asked_socket(arguments.socket))
    if arguments.json:
        _watch(client, lambda raw: print(in_json(raw.decode()), flush=True), _tell_json)
    elif not terminal.is_terminal():
        _watch(client, lambda raw: answer.print_page([*_page(raw), ""]), _tell)
    else:
        with terminal.own_screen():
            _watch(
                client, lambda raw: terminal.redraw(_page(raw)), lambda away: terminal.redraw(_lines(away))
            )
    return 0


def _watch(client: Client, show: Callable[[bytes], None], tell: Callable[[CommandFailed], None]) -> None:
    """Until Ctrl-C. A balancer that has answered once and is away now is waited for: it restarts."""
    show(_asked(client))
    away = False
    while True:
        time.sleep(REFRESH)
        try:
            raw = _asked(client)
        except CommandFailed as failure:
            if not away:
                tell(failure)
            away = True
        else:
            away = False
            show(raw)


def _asked(client: Client) -> bytes:
    return client.ask_raw(status.OPERATION, status.StatusQuestion())


def _page(raw: bytes) -> list[str]:
    return page(msgspec.json.decode(raw, type=status.OPERATION.output), terminal.ink())


def _lines(away: CommandFailed) -> list[str]:
    return [*map(harmless, str(away).splitlines()), "waiting for it; Ctrl-C ends this"]


def _tell(away: CommandFailed) -> None:
    print("\n".join(_lines(away)), file=sys.stderr)


def _tell_json(away: CommandFailed) -> None:
    print(in_json(away.json().decode()), file=sys.stderr)
