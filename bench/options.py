"""What a run is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.names import unknown
from bench.placement import Placement, placements
from bench.standing import Standing
from bench.systems import COMPARED, NOT_QUICK, by_name
from bench.systems.system import System
from protobalance.cli.options import count

Each = TypeVar("Each")

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Options:
    """The command line, understood."""

    systems: tuple[System, ...]
    placements: tuple[Placement, ...]
    only: tuple[str, ...]
    rounds: int
    seconds: float
    """That a rate is measured for, after a third of it to warm up."""
    quick: bool
    output: Path
    standing: Standing = field(default_factory=Standing)
    """What is up already."""


def parse(words: list[str] | None = None) -> Options:
    """Reads the command line, and ends the program when that makes no sense."""
    parser = argparse.ArgumentParser(
        prog="bench/run.py",
        description="Measures us and other balancers in interleaved rounds; writes report.md, plots and "
        "results.json. Needs root (networks of its own) and what `make bench` installs.",
        epilog="Two builds of ours: bench/run.py --only connections --systems protobalance,before,haproxy "
        "--against /path/to/other/checkout (built there by `make build`).",
    )
    parser.add_argument(
        "--quick", action="store_true", help="few workloads, short and few rounds: under 2 minutes"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WORKLOAD", help="names, beginnings or patterns"
    )
    parser.add_argument(
        "--systems",
        default="",
        metavar="NAME,NAME",
        help=f"of {', '.join(by_name())} (the first {len(COMPARED)})",
    )
    parser.add_argument("--placements", default="", metavar="NAME,NAME", help="pinned, all-cores")
    parser.add_argument("--rounds", type=count, metavar="N", help="measurements of each case (15; quick: 7)")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of a rate's measurement (0.2)")
    parser.add_argument("--output", type=Path, default=ROOT / ".make" / "bench", metavar="FOLDER")
    parser.add_argument(
        "--against", type=Path, metavar="CHECKOUT", help="another build of ours, as system `before`"
    )
    given = parser.parse_args(words)
    if given.seconds is not None and given.seconds <= 0:
        parser.error("--seconds must be more than 0")
    usual = [one.name for one in COMPARED if not (given.quick and one.name in NOT_QUICK)]
    usual += ["before"] if given.against else []
    places = placements()
    return Options(
        systems=_chosen(parser, "system", given.systems, by_name(given.against), usual),
        placements=_chosen(
            parser, "placement", given.placements, places, list(places)[: 1 if given.quick else None]
        ),
        only=tuple(given.only),
        rounds=given.rounds or (7 if given.quick else 15),
        seconds=given.seconds or 0.2,
        quick=given.quick,
        output=given.output,
    )


def _chosen(
    parser: argparse.ArgumentParser, kind: str, names: str, known: Mapping[str, Each], usual: Sequence[str]
) -> tuple[Each, ...]:
    """Those named, with commas between; the usual ones, where none is."""
    chosen = list(filter(None, names.split(","))) or usual
    for name in chosen:
        if name not in known:
            is_build = name == "before"
            parser.error("before: --against says which checkout" if is_build else unknown(kind, name, known))
    return tuple(known[name] for name in chosen)
