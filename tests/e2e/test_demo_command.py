"""The demo as a user starts it: nobody sees an error, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DEMO = [sys.executable, "-m", "protobalance", "demo"]
PATIENCE = 60.0


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*DEMO, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
        start_new_session=True,
    )


def started_from(folder: Path) -> list[int]:
    """Processes that inherited our TMPDIR, hence the demo and whatever it started."""
    mark = f"TMPDIR={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue  # ended meanwhile, or not ours to look at
    return found


def test_nobody_sees_an_error(tmp_path: Path) -> None:
    demo = start(tmp_path, "--once")
    said, complained = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 0, complained
    assert "no error" in said
    assert "killed" in said
    assert list(tmp_path.iterdir()) == []
    assert started_from(tmp_path) == []


ENDS = [
    ("clients", signal.SIGINT),
    ("1.", signal.SIGTERM),
    ("2.", signal.SIGINT),
    ("3.", signal.SIGHUP),
    ("It stays up", signal.SIGINT),
]


@pytest.mark.parametrize(("moment", "number"), ENDS, ids=str)
def test_ended_at_any_moment_it_leaves_nothing(tmp_path: Path, moment: str, number: signal.Signals) -> None:
    demo = start(tmp_path)
    assert demo.stdout is not None
    assert demo.stderr is not None
    for line in demo.stdout:
        if line.startswith(moment):
            break
    demo.send_signal(number)
    said, complained = demo.communicate(timeout=PATIENCE)
    # Once the show is over, ending it is what it waits for.
    assert demo.returncode == (0 if moment == "It stays up" else 130), complained
    assert "Traceback" not in said + complained
    assert list(tmp_path.iterdir()) == []
    assert started_from(tmp_path) == []


def test_killed_it_takes_its_nodes_along(tmp_path: Path) -> None:
    demo = start(tmp_path)
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("1."):
            break
    assert len(started_from(tmp_path)) == 4
    demo.kill()
    demo.communicate(timeout=PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while started_from(tmp_path):
        assert time.monotonic() < deadline, "the demo's nodes live on"
        time.sleep(0.05)
