"""What a service manager hands over is taken once, and only if it is meant for us."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from protobalance.control.systemd import Notifier, take_listen_fds

OURS = str(os.getpid())


def test_descriptors_are_taken_and_the_variables_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    private: list[tuple[int, bool]] = []
    monkeypatch.setattr(os, "set_inheritable", lambda fd, wanted: private.append((fd, wanted)))
    environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b", "HOME": "/"}
    assert take_listen_fds(environment) == [3, 4]
    assert environment == {"HOME": "/"}
    assert private == [(3, False), (4, False)]


@pytest.mark.parametrize(
    ("pid", "count"),
    [("1", "2"), ("", "2"), (str(os.getpid()), ""), (str(os.getpid()), "x"), (str(os.getpid()), "0")],
)
def test_what_is_not_meant_for_us_is_left(pid: str, count: str) -> None:
    assert take_listen_fds({"LISTEN_PID": pid, "LISTEN_FDS": count}) == []


def test_messages_reach_a_path_and_an_abstract_name(tmp_path: Path) -> None:
    for name, address in ((str(tmp_path / "notify"), None), (f"\0protobalance-test-{os.getpid()}", "@")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(name)
            Notifier(name if address is None else address + name[1:]).tell(READY=1, STATUS="two\nlines")
            assert manager.recv(1000) == b"READY=1\nSTATUS=two lines"


@pytest.mark.parametrize("address", ["", "vsock:2:1", "/nowhere/notify"])
def test_without_a_manager_nothing_happens(address: str) -> None:
    Notifier(address).tell(READY=1)
