"""`check`: offline; what it accepts, the balancer accepts."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import msgspec

from protobalance.cli.answer import print_json, print_page
from protobalance.cli.options import add_json
from protobalance.cli.screen import terminal
from protobalance.cli.screen.changes import warning_lines
from protobalance.cli.screen.ink import harmless
from protobalance.cli.screen.problems import problem_lines
from protobalance.config import ConfigError, load
from protobalance.config.advice import advise
from protobalance.control import answers_of_config, certificates
from protobalance.control.answers import CheckResult
from protobalance.control.counted import plural

EXAMPLE = "protobalance check protobalance.toml"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration, in TOML")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    result = _result(arguments.file)
    if arguments.json:
        print_json(msgspec.json.encode(result))
    elif result.ok:
        things = (
            plural(result.listeners, "listener"),
            plural(result.clusters, "cluster"),
            plural(result.nodes, "node"),
        )
        print(f"{harmless(result.source)}: sound; {', '.join(things)}")
        print_page(warning_lines(result.warnings, terminal.ink()))
    else:
        print("\n".join(problem_lines(result.problems)))
    return 0 if result.ok else 1


def _result(path: Path) -> CheckResult:
    try:
        config = load(path)
        material = certificates.read(config, str(path), time.time())
    except ConfigError as error:
        problems = [answers_of_config.problem(problem) for problem in error.problems]
        return CheckResult(ok=False, source=str(path), problems=problems)
    nodes = sum(len(cluster.nodes) for cluster in config.clusters.values())
    return CheckResult(
        ok=True,
        source=str(path),
        problems=[],
        listeners=len(config.listeners),
        clusters=len(config.clusters),
        nodes=nodes,
        warnings=[*advise(config), *material.warnings(time.time())],
    )
