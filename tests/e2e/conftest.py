"""A folder for balancers that root starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.confined import NOBODY
from peers.process import workplace
from peers.root import need_root


@pytest.fixture
def folder() -> Iterator[Path]:
    """The configuration's folder, which every user may enter."""
    need_root("a balancer that starts as root, to become nobody,")
    with workplace("confined") as path:
        (path / "log").mkdir()
        os.chown(path / "log", NOBODY.pw_uid, NOBODY.pw_gid)
        yield path
