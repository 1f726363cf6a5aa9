"""Options that several verbs share, so that they mean the same everywhere."""

from __future__ import annotations

import argparse
from pathlib import Path

MOST_WORKERS = 256  # as of the key `engine.workers`


def add_socket(parser: argparse.ArgumentParser) -> None:
    """Where to ask."""
    _add_socket(parser, "the admin socket (default: $PROTOBALANCE_SOCKET, else this user's own)")


def add_own_socket(parser: argparse.ArgumentParser) -> None:
    """Where to be asked."""
    _add_socket(
        parser, 'the admin socket, or "off" (default: $PROTOBALANCE_SOCKET, the file, this user\'s own)'
    )


def _add_socket(parser: argparse.ArgumentParser, meaning: str) -> None:
    parser.add_argument("--socket", type=Path, metavar="PATH", help=meaning)


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def add_file(parser: argparse.ArgumentParser) -> None:
    """The configuration that a running balancer is asked about, or given."""
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="without it, the file that the balancer was started with",
    )


def count(word: str) -> int:
    """A number of things, at least one."""
    try:
        number = int(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not at least 1")
    return number


def workers(word: str) -> int:
    """A number of threads that the engine takes, as `engine.workers` has it."""
    number = count(word)
    if number > MOST_WORKERS:
        raise argparse.ArgumentTypeError(
            f"{number} is more than {MOST_WORKERS}; one for each core, the default, is what helps"
        )
    return number


def add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=workers,
        default=0,
        metavar="N",
        help="threads that move bytes (default: one per core)",
    )
