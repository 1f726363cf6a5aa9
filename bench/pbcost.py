"""`pbcost`, which measures decisions and affinity without a socket."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from bench.options import ROOT, Options
from bench.sample import MeasureError

PROGRAM = ROOT / "target" / "release" / "pbcost"


def ask(options: Options, *words: object) -> dict[str, Any]:
    """What it prints, on the core that balancers have."""
    on = options.placements[0].on_balancer()
    done = subprocess.run([*on, PROGRAM, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MeasureError(done.stderr.strip() or f"pbcost ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
