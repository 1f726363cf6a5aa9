"""The bench from its command to its report, on the smallest load there is."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from peers.pbload import program
from peers.root import need_root

RUN = Path(__file__).parents[2] / "bench" / "run.py"


def test_a_run_measures_us_and_the_kernel_alone(tmp_path: Path) -> None:
    need_root("the bench, which makes networks,")
    program()
    words = ["--only", "connections-100", "ping-pong-64", "--systems", "protobalance,direct"]
    words += [
        "--placements",
        "pinned",
        "--rounds",
        "1",
        "--seconds",
        "0.3",
        "--output",
        str(tmp_path),
    ]
    done = subprocess.run([str(RUN), *words], check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr

    outcomes = json.loads((tmp_path / "results.json").read_text())
    assert [outcome["case"] for outcome in outcomes] == ["protobalance", "direct"] * 2
    for outcome in outcomes:
        assert not outcome["failure"]
        assert outcome["sample"]["per_second"] > 0
        assert ("cpu_us" in outcome["sample"]) == (outcome["case"] == "protobalance")
    page = (tmp_path / "report.md").read_text()
    assert "### pinned" in page
    assert "affinity = true" in page


def test_what_makes_no_sense_is_refused() -> None:
    done = subprocess.run([str(RUN), "--systems", "nobody"], check=False, capture_output=True, timeout=30)
    assert done.returncode == 2
    assert b"nobody" in done.stderr
