"""`status`: one page, once or redrawn."""

from __future__ import annotations

import argparse
import time

from protobalance.api.operations import status
from protobalance.api.socket_path import chosen_socket
from protobalance.cli import answer
from protobalance.cli.client import Client
from protobalance.cli.options import add_json, add_socket
from protobalance.cli.screen import terminal
from protobalance.cli.screen.status import page

EXAMPLE = "protobalance status --watch"
REFRESH = 1.0  # seconds; what changes faster cannot be read


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--watch", action="store_true", help="keep showing it, until Ctrl-C; with --json one line a time"
    )
    add_json(parser)
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    if not arguments.watch:
        return answer.show(arguments, status.OPERATION, status.StatusQuestion(), page)
    client = Client(chosen_socket(arguments.socket))
    if arguments.json:
        _stream(client)
    elif not terminal.is_terminal():
        _pages(client)
    else:
        with terminal.own_screen():
            _redraw(client)
    return 0


def _stream(client: Client) -> None:
    while True:
        print(client.ask_raw(status.OPERATION, status.StatusQuestion()).decode(), flush=True)
        time.sleep(REFRESH)


def _pages(client: Client) -> None:
    while True:
        answer.print_page([*page(client.ask(status.OPERATION, status.StatusQuestion()), terminal.ink()), ""])
        time.sleep(REFRESH)


def _redraw(client: Client) -> None:
    while True:
        terminal.redraw(page(client.ask(status.OPERATION, status.StatusQuestion()), terminal.ink()))
        time.sleep(REFRESH)
