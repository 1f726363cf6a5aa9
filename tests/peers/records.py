"""The session log as a file that a test reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from peers.process import wait_until
from peers.wish import Config


def logged(config: Config, path: Path) -> Config:
    """The same configuration with its session log, as JSON, in this file."""
    return config | {"log": {"sessions": str(path), "format": "json"}}


def records(path: Path, count: int) -> list[dict[str, Any]]:
    """The first so many records, once they are written."""
    wait_until(lambda: _written(path) >= count, f"{count} records are written")
    return [json.loads(line) for line in path.read_text().splitlines()]


def _written(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
