"""From an operation's answer to standard output: a page for people, or the JSON as the balancer sent it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

import msgspec

from protobalance.api.operation import Input, Operation, Output
from protobalance.api.socket_path import asked_socket
from protobalance.cli.client import Client
from protobalance.cli.screen import terminal
from protobalance.cli.screen.ink import Ink
from protobalance.control.outside_text import in_json

# Who asked has left; the balancer does not take back what it has begun.
INTERRUPTED = (
    "protobalance: interrupted; it may be carried out all the same, to see it: protobalance history --limit 1"
)

Page = Callable[[Output, Ink], Sequence[str]]


def show(
    arguments: argparse.Namespace, operation: Operation[Input, Output], value: Input, page: Page[Output]
) -> int:
    """Asks the balancer that `arguments` name and prints its answer; the exit code."""
    try:
        raw = Client(asked_socket(arguments.socket)).ask_raw(operation, value)
    except KeyboardInterrupt:
        if operation.mutating and not arguments.json:
            print(INTERRUPTED, file=sys.stderr)
        raise
    arguments.carried_out = operation.mutating
    if arguments.json:
        print_json(raw)
    else:
        print_page(page(msgspec.json.decode(raw, type=operation.output), terminal.ink()))
    return 0


def print_json(raw: bytes) -> None:
    print(in_json(msgspec.json.format(raw, indent=2).decode()))


def print_page(lines: Sequence[str]) -> None:
    if lines:
        print("\n".join(lines))
