"""One balancer at a time keeps its state in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from protobalance.control.obstacle import obstacle
from protobalance.control.refusal import Refused
from protobalance.control.state_folder import StateFolder


def test_a_missing_folder_is_made_for_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    StateFolder(folder).release()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_second_claim_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    first = StateFolder(tmp_path)
    with pytest.raises(Refused, match="in use by another balancer"):
        StateFolder(tmp_path)
    first.release()
    StateFolder(tmp_path).release()


def test_a_folder_that_cannot_be_had_is_refused_with_its_cause(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for wanted in (tmp_path / "file", tmp_path / "file/state"):
        with pytest.raises(Refused, match=f"{wanted} cannot be had: {tmp_path}/file is no folder; make it"):
            StateFolder(wanted)
    with pytest.raises(Refused, match="/proc/nope cannot be had: No such file"):
        StateFolder(Path("/proc/nope"))


def test_where_clients_wait_it_is_said_what_is_lost_instead(tmp_path: Path) -> None:
    """As after a death, and where a disk fails."""
    (tmp_path / "file").write_text("")
    folder = StateFolder(tmp_path / "file", refusing=False)
    assert "file is no folder: what is set at run time, and history, is lost" in folder.missed
    folder.release()
    folder = StateFolder(tmp_path)
    assert folder.missed == ""
    folder.release()


def test_what_stands_against_a_folder_is_seen_without_making_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert obstacle(tmp_path / "a/b/c") == ""
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    assert obstacle(tmp_path / "file/a/b") == f"{tmp_path}/file is no folder"
