"""`plan`: what `apply` would do, without doing it."""

from __future__ import annotations

import argparse

from protobalance.api.operations import plan
from protobalance.cli import answer
from protobalance.cli.configuration_file import wish
from protobalance.cli.options import add_file, add_json, add_socket
from protobalance.cli.screen.changes import plan_page

EXAMPLE = "protobalance plan protobalance.toml"


def arguments(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_json(parser)
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    wished = wish(arguments.file)
    question = plan.PlanQuestion(text=wished.text, source=wished.source)
    return answer.show(arguments, plan.OPERATION, question, plan_page)
