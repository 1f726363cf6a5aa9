"""One balancer at a time keeps its state in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_a_folder_that_cannot_be_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    StateFolder(tmp_path / "file").release()
