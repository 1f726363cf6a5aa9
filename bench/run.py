#!/usr/bin/env python3
"""The command of `make bench`, from anywhere, by the checkout's own Python."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv" / "bin" / "python"

if __name__ == "__main__":
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    # What users install is compiled: a program that is not would spend half its start on that.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [str(PYTHON), "-m", "bench", *sys.argv[1:]]
    try:
        os.execve(PYTHON, command, environment | {"PYTHONPATH": paths})  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(
            f"bench/run.py: {PYTHON}: {error.strerror}; run `make bench` first, as root: it installs all"
        )
