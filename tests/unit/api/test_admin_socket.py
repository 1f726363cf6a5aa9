"""The admin socket belongs to one balancer and one user."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from pathlib import Path

import pytest

from protobalance.api.admin_socket import claimed
from protobalance.control.refusal import Refused


def test_the_socket_and_its_new_directory_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "admin.sock"
    before = os.umask(0)
    try:
        with claimed(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_it_is_gone_at_the_end_whatever_the_end(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with pytest.raises(ZeroDivisionError), claimed(path):
        raise ZeroDivisionError
    assert not path.exists()


def test_a_living_balancer_is_not_robbed(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with claimed(path):
        with pytest.raises(Refused, match="another balancer answers here") as refused, claimed(path):
            pass
        assert refused.value.kind == "conflict"
        assert "with --socket PATH, or do without one: --socket off" in refused.value.remedy
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))  # still there


def test_what_a_dead_balancer_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with claimed(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_file_in_the_way_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    path.write_text("precious")
    with pytest.raises(Refused, match="something else"), claimed(path):
        pass
    assert path.read_text() == "precious"


def test_a_successors_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with claimed(path):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(path))
    assert path.exists()


def test_a_lock_that_is_never_released_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("protobalance.api.admin_socket.time.sleep", pauses.append)
    held = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        with claimed(tmp_path / "admin.sock") as listening:
            assert listening.fileno() >= 0
    finally:
        os.close(held)
    assert sum(pauses) <= 2


@pytest.mark.parametrize("name", ["x" * 120, "no/such\0name"])
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused), claimed(tmp_path / name):
        pass


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="no admin socket"), claimed(tmp_path / "file" / "admin.sock"):
        pass
