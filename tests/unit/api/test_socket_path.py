"""Where a balancer is looked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from protobalance.api import socket_path
from protobalance.api.socket_path import chosen_socket
from protobalance.control.refusal import Refused

NOBODY = 123_456_789  # a user id without a directory under /tmp


def test_the_nearest_word_counts() -> None:
    environment = {"PROTOBALANCE_SOCKET": "/env", "XDG_RUNTIME_DIR": "/runtime"}
    assert chosen_socket(Path("/given"), "/file", environment=environment) == Path("/given")
    assert chosen_socket(None, "/file", environment=environment) == Path("/env")
    del environment["PROTOBALANCE_SOCKET"]
    assert chosen_socket(None, "/file", environment=environment) == Path("/file")
    user = 1000
    assert chosen_socket(environment=environment, user=user) == Path("/runtime/protobalance/admin.sock")
    assert chosen_socket(environment=environment, user=0) == Path("/run/protobalance/admin.sock")
    assert chosen_socket(environment={}, user=NOBODY) == Path(f"/tmp/protobalance-{NOBODY}/admin.sock")  # noqa: S108 - the rule


def test_there_may_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen_socket(None, "off", environment={}) is None
    assert chosen_socket(Path("off"), "/file", environment={}) is None
    assert chosen_socket(Path("/given"), "off", environment={}) == Path("/given")
    assert chosen_socket(None, "./off", environment={}) == Path.cwd() / "off"
    monkeypatch.setenv("PROTOBALANCE_SOCKET", "off")
    with pytest.raises(Refused, match="cannot be asked"):
        socket_path.asked_socket(None)


def test_a_path_that_no_socket_can_have_is_refused_before_it_is_asked() -> None:
    with pytest.raises(Refused, match="longer than 107 bytes"):
        socket_path.asked_socket(Path("/tmp", "x" * 103))  # noqa: S108 - never made
    assert socket_path.asked_socket(Path("/tmp", "x" * 102))  # noqa: S108 - the same


def test_a_relative_path_is_made_absolute() -> None:
    assert chosen_socket(Path("here.sock"), environment={}) == Path.cwd() / "here.sock"


@pytest.mark.parametrize("trap", ["open", "link", "file", "foreign"])
def test_a_directory_that_others_could_use_is_refused(tmp_path: Path, trap: str) -> None:
    directory = tmp_path / "protobalance"
    user = os.geteuid()
    match trap:
        case "open":
            directory.mkdir()
            directory.chmod(0o777)
        case "link":
            directory.symlink_to(tmp_path)
        case "file":
            directory.write_text("")
        case "foreign":
            directory.mkdir()
            user += 1
    with pytest.raises(Refused, match="belongs to you alone"):
        socket_path._refuse_foreign(directory, user)


def test_an_own_directory_is_used(tmp_path: Path) -> None:
    directory = tmp_path / "protobalance"
    directory.mkdir(mode=0o700)
    socket_path._refuse_foreign(directory, os.geteuid())
