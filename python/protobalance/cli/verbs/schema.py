"""`schema`: what a configuration may say; editors with TOML support complete and check with it."""

from __future__ import annotations

import argparse

import msgspec

from protobalance.cli.answer import print_json
from protobalance.config.json_schema import json_schema

EXAMPLE = "protobalance schema > protobalance.schema.json"


def arguments(_parser: argparse.ArgumentParser) -> None:
    """None: the schema belongs to this version, not to a running balancer."""


def run(_arguments: argparse.Namespace) -> int:
    print_json(msgspec.json.encode(json_schema()))
    return 0
