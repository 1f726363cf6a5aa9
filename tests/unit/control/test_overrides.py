"""An override is never silently lost and never silently kept against a newer file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from protobalance.control.node_setting import NodeSetting
from protobalance.control.overrides import FILE_NAME, Override, Overrides, OverridesFile
from unit.control.conftest import World


def test_overrides_survive_a_restart(world: World) -> None:
    first = world.supervisor()
    first.set_node("web", "a", NodeSetting("draining", weight=9))
    first.redirect("web", "green")
    first.stop()
    second = world.supervisor()
    assert world.engine.node("web/a")["admin_state"] == "draining"
    assert world.engine.node("web/a")["weight"] == 9
    assert world.engine.plan["listeners"][0]["cluster"] == "green"
    told = next(entry for entry in second.history() if entry.kind == "overrides")
    assert "web/a admin_state = draining stays (the file says available)" in told.details


def test_a_newer_file_wins_and_says_so(world: World) -> None:
    supervisor = world.supervisor()
    supervisor.set_node("web", "b", NodeSetting(weight=9))
    world.rewrite(("weight = 2", "weight = 5"))
    planned = supervisor.plan().overrides
    assert [note.outcome for note in planned] == ["superseded"]
    assert world.engine.node("web/b")["weight"] == 9
    result = supervisor.apply()
    assert result.overrides[0].sentence == "web/b weight = 9 ends: it overrode 2, the newer file says 5"
    assert world.engine.node("web/b")["weight"] == 5


def test_a_file_edited_while_stopped_wins_too(world: World) -> None:
    first = world.supervisor()
    first.set_node("web", "b", NodeSetting(weight=9))
    first.stop()
    newer = world.path.read_text().replace("weight = 2", "weight = 5").split("\n", 2)[2]
    world.supervisor(newer)
    assert world.engine.node("web/b")["weight"] == 5
    # And it does not come back with the older file.
    world.supervisors[-1].stop()
    world.supervisor(newer.replace("weight = 5", "weight = 2"))
    assert world.engine.node("web/b")["weight"] == 2


def test_an_unrelated_change_of_the_file_leaves_an_override(world: World) -> None:
    supervisor = world.supervisor()
    supervisor.set_node("web", "a", NodeSetting("draining"))
    world.rewrite(("weight = 2", "weight = 5"))
    assert [note.outcome for note in supervisor.apply().overrides] == ["kept"]
    assert world.engine.node("web/a")["admin_state"] == "draining"


@pytest.mark.parametrize(
    ("old", "new", "outcome"),
    [
        ('[clusters.web.nodes.b]\naddress = "10.0.0.2:80"\nweight = 2\n', "", "dropped"),
        ("weight = 2", "weight = 9", "same"),
    ],
)
def test_an_override_without_meaning_ends_with_a_line(world: World, old: str, new: str, outcome: str) -> None:
    supervisor = world.supervisor()
    supervisor.set_node("web", "b", NodeSetting(weight=9))
    world.rewrite((old, new))
    assert [note.outcome for note in supervisor.apply().overrides] == [outcome]
    assert supervisor.plan().overrides == []


def test_a_redirect_to_a_cluster_that_left_goes_home(world: World) -> None:
    supervisor = world.supervisor()
    supervisor.redirect("web", "green")
    world.rewrite(('[clusters.green.nodes.a]\naddress = "10.0.1.1:80"\n', ""))
    note = supervisor.apply().overrides[0]
    assert (note.outcome, note.sentence.endswith("back to web")) == ("dropped", True)
    assert world.engine.plan["listeners"][0]["cluster"] == "web"


def test_the_files_own_value_is_no_override(world: World) -> None:
    supervisor = world.supervisor()
    supervisor.set_node("web", "a", NodeSetting("draining"))
    supervisor.set_node("web", "a", NodeSetting("available"))
    assert supervisor.plan().overrides == []


@pytest.mark.parametrize("content", ["", "{", '{"version": 2, "overrides": []}', '{"version": 1}', "[]"])
def test_an_unreadable_file_is_set_aside(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    overrides, trouble = OverridesFile(tmp_path).load()
    assert len(overrides) == 0
    assert "set aside as overrides.json.unreadable" in trouble
    assert (tmp_path / "overrides.json.unreadable").read_text() == content
    assert not (tmp_path / FILE_NAME).exists()


def test_saving_leaves_the_whole_new_set_and_nothing_else(tmp_path: Path) -> None:
    file = OverridesFile(tmp_path)
    one = Overrides([Override("weight", "web/a", "3", "1", 0.0, "api")])
    assert file.save(one) == ""
    assert file.load() == (one, "")
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0


def test_a_write_that_fails_keeps_the_old_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = OverridesFile(tmp_path)
    old = Overrides([Override("weight", "web/a", "3", "1", 0.0, "api")])
    file.save(old)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "lost at the next start" in file.save(Overrides())
    assert file.load() == (old, "")
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_what_cannot_be_kept_takes_effect_and_says_so(world: World) -> None:
    supervisor = world.supervisor()
    # A file where the folder should be: no one may write below it, not even root.
    for path in world.state.iterdir():
        path.unlink()
    world.state.rmdir()
    world.state.write_text("")
    change = supervisor.set_node("web", "a", NodeSetting("draining"))
    assert world.engine.node("web/a")["admin_state"] == "draining"
    assert any("lost at the next start" in warning for warning in change.warnings)
