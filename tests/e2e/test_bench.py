"""The bench from its command to its report, on the smallest load there is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.engine_alone import share
from bench.usage import memory
from peers.pbload import program
from peers.root import need_root

ROOT = Path(__file__).parents[2]
RUN = ROOT / "bench" / "run.py"


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


def test_the_engine_alone_is_a_part_of_its_process(tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    file.write_text(
        '[engine]\nstate_dir = "state"\n[listeners.in]\nbind = "127.0.0.1:0"\ncluster = "c"\n'
        '[clusters.c.nodes]\na = "127.0.0.1:9"\n'
    )
    command = [sys.executable, "-m", "bench.engine_alone", file.name]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout
            assert child.stdout.readline() == b"serving\n"
            engine, whole = share(tmp_path, child.pid), memory([child.pid])
        finally:
            child.kill()
    for name in ("resident", "private"):
        assert 0 < engine[name] < whole[name] / 2


def test_what_makes_no_sense_is_refused() -> None:
    done = subprocess.run([str(RUN), "--systems", "nobody"], check=False, capture_output=True, timeout=30)
    assert done.returncode == 2
    assert b"nobody" in done.stderr
