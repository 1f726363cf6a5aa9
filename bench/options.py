"""What a run is asked for."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from bench.systems import DEFAULT, NOT_QUICK, named
from bench.systems.system import System

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Placement:
    """Which cores the balancer has, and which the clients and nodes."""

    name: str
    balancer: frozenset[int]
    load: frozenset[int]

    @property
    def apart(self) -> bool:
        """Whether they have none in common."""
        return not self.balancer & self.load

    def on_balancer(self) -> tuple[str, ...]:
        """The command that what follows is run by."""
        return ("taskset", "--cpu-list", _list(self.balancer))

    def on_load(self) -> tuple[str, ...]:
        """The same for clients and nodes."""
        return ("taskset", "--cpu-list", _list(self.load))


def _list(cores: frozenset[int]) -> str:
    return ",".join(map(str, sorted(cores)))


def placements() -> dict[str, Placement]:
    """Pinned: a core for the balancer, another for the load. All cores: everybody everywhere."""
    cores = sorted(os.sched_getaffinity(0))
    whole = frozenset(cores)
    return {
        "pinned": Placement("pinned", frozenset(cores[:1]), frozenset(cores[1:2] or cores[:1])),
        "all-cores": Placement("all-cores", whole, whole),
    }


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
    any_weather: bool
    """Not to look how fast the machine is at the moment, and never to measure again."""
    output: Path


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
    parser.add_argument("--rounds", type=int, metavar="N", help="measurements of each case (5; quick: 3)")
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="length of a rate's measurement (1; quick: 0.4)"
    )
    parser.add_argument(
        "--any-weather", action="store_true", help="do not measure again what a slow machine may have spoilt"
    )
    parser.add_argument("--output", type=Path, default=ROOT / ".make" / "bench", metavar="FOLDER")
    parser.add_argument(
        "--against", type=Path, metavar="CHECKOUT", help="another build of ours, as system `before`"
    )
    given = parser.parse_args(words)
    every = placements()
    usual = [name for name in DEFAULT if not (given.quick and name in NOT_QUICK)]
    names = list(filter(None, given.systems.split(","))) or [*usual, *(["before"] if given.against else [])]
    try:
        systems = tuple(named(name, given.against) for name in names)
        chosen = tuple(every[name] for name in filter(None, given.placements.split(","))) or tuple(
            every.values()
        )
    except KeyError as unknown:
        parser.error(f"there is no {unknown}")
    return Options(
        systems=systems,
        placements=chosen[:1] if given.quick and not given.placements else chosen,
        only=tuple(given.only),
        rounds=given.rounds or (3 if given.quick else 5),
        seconds=given.seconds or (0.4 if given.quick else 1.0),
        quick=given.quick,
        any_weather=given.any_weather,
        output=given.output,
    )
