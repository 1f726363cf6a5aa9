"""An operator waits until somebody listens."""

from __future__ import annotations

import socket
from pathlib import Path

from bench.workloads.changes import is_served


def test_a_socket_file_is_served_once_somebody_listens_there(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    assert not is_served(path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        assert not is_served(path)
        listening.listen()
        assert is_served(path)
