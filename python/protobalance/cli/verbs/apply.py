"""`apply`: a configuration in force, all of it or nothing."""

from __future__ import annotations

import argparse

from protobalance.api.operations import apply
from protobalance.cli import answer
from protobalance.cli.configuration_file import wish
from protobalance.cli.options import add_file, add_json, add_socket
from protobalance.cli.screen.changes import apply_page

EXAMPLE = "protobalance apply protobalance.toml"


def arguments(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_json(parser)
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    wished = wish(arguments.file)
    order = apply.ApplyOrder(text=wished.text, source=wished.source)
    return answer.show(arguments, apply.OPERATION, order, apply_page)
