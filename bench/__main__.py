"""`python -m bench`: measures, and writes what came of it. Exits with 1 if a measurement of ours failed."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from functools import partial
from pathlib import Path

from bench.aims import summary
from bench.case import workloads
from bench.drawn import plots
from bench.medians import failures
from bench.options import Options, parse
from bench.plot import svg
from bench.report import report, results, section
from bench.rounds import Table, measured


def main() -> int:
    """Runs."""
    options = parse()
    if os.geteuid() != 0:
        print("bench/run.py: needs root, for networks of its own", file=sys.stderr)
        return 2
    missing = [system.name for system in options.systems if system.version() is None]
    if missing:
        remedy = "make build there first" if missing == ["before"] else "make bench installs all"
        print(f"not installed: {', '.join(missing)} ({remedy})", file=sys.stderr)
        return 2
    try:  # what took half an hour to measure must not be lost at the end
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"--output {options.output}: cannot be made: {error.strerror}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends what stands
    tables = [Table.of(workload, options) for workload in workloads(options.only, quick=options.quick)]
    try:
        measured(tables, partial(print, flush=True), partial(_ended, options))
    except KeyboardInterrupt:
        print("interrupted: everything is ended, nothing is written", file=sys.stderr)
        return 128 + signal.SIGINT
    finally:
        options.standing.end()
    page = report(tables, options, shlex.join(["bench/run.py", *sys.argv[1:]]))
    (options.output / "report.md").write_text(page)
    for table in tables:
        for file, plot in plots(table).items():
            (options.output / file).write_text(svg(plot))
    (options.output / "results.json").write_text(results(tables))
    print(f"{summary(tables)}\nin full: {_shown(options.output / 'report.md')}")
    ours = [row for table in tables for row in table.rows if row.case.name == "protobalance"]
    return int(any(map(failures, ours)))


def _ended(options: Options, table: Table) -> None:
    options.standing.end_unusual()
    print(f"\n{section(table, options)}", flush=True)


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    sys.exit(main())
