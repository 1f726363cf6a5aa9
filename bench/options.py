"""What a run is asked for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from bench.placement import Placement, placements
from bench.standing import Standing
from bench.systems import DEFAULT, NOT_QUICK, named
from bench.systems.system import System

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
        "--systems", default="", metavar="NAME,NAME", help=f"of {', '.join(DEFAULT)}; and others"
    )
    parser.add_argument("--placements", default="", metavar="NAME,NAME", help="pinned, all-cores")
    parser.add_argument("--rounds", type=int, metavar="N", help="measurements of each case (15; quick: 7)")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of a rate's measurement (0.2)")
    parser.add_argument("--output", type=Path, default=ROOT / ".make" / "bench", metavar="FOLDER")
    parser.add_argument(
        "--against", type=Path, metavar="CHECKOUT", help="another build of ours, as system `before`"
    )
    given = parser.parse_args(words)
    if (given.rounds is not None and given.rounds < 1) or (given.seconds is not None and given.seconds <= 0):
        parser.error("--rounds and --seconds must be more than 0")
    every = placements()
    usual = [name for name in DEFAULT if not (given.quick and name in NOT_QUICK)]
    names = list(filter(None, given.systems.split(","))) or [*usual, *(["before"] if given.against else [])]
    try:
        systems = tuple(named(name, given.against) for name in names)
        chosen = tuple(every[name] for name in filter(None, given.placements.split(","))) or tuple(
            every.values()
        )
    except KeyError as unknown:
        parser.error(f"there is no {unknown}; see --help")
    return Options(
        systems=systems,
        placements=chosen[:1] if given.quick and not given.placements else chosen,
        only=tuple(given.only),
        rounds=given.rounds or (7 if given.quick else 15),
        seconds=given.seconds or 0.2,
        quick=given.quick,
        output=given.output,
    )
