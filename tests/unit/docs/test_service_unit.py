"""The unit that we show is as closed as it says."""

from __future__ import annotations

import re
import shutil
import subprocess

from unit.docs.pages import ROOT, text_of

UNIT = ROOT / "examples/protobalance.service"
MOST = 2.0  # of 10; 0.5 of it is to have the network


def test_systemd_finds_little_exposed() -> None:
    analyze = shutil.which("systemd-analyze")
    assert analyze, "systemd-analyze is missing: install systemd"
    command = [analyze, "security", "--offline=true", "--no-pager", str(UNIT)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stderr == "", "the unit says something that this systemd does not know"
    found = re.search(r"Overall exposure level for protobalance.service: ([0-9.]+)", done.stdout)
    assert found
    assert float(found[1]) < MOST, done.stdout
    assert "an exposure below 2 of 10" in text_of("docs/operations.md")
