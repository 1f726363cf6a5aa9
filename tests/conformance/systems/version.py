"""What a program says of itself."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


def line_of(command: Sequence[str], number: int = 0) -> str | None:
    """One line of what the command prints; None if there is no such program."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        return None
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[number] if len(lines) > number else None
