"""Whoever takes a balancer over can do little: neither at once, nor by what it leaves for the next one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from peers import pbload
from peers.attempts import outcomes
from peers.confined import NOBODY, as_root, refused, wished
from protobalance.config import from_mapping
from protobalance.control.ownership import hand_over


def test_whoever_takes_it_over_can_do_little(folder: Path) -> None:
    """Tried by a function of the operator's own, which has all that a hijacked process has."""
    with pbload.nodes("echo", name="n") as nodes:
        told = outcomes(folder, nodes)
    assert told.pop("become root") in {"EPERM", "ENOSYS"}
    assert told == {
        "read outside": "EACCES",
        "write outside": "EACCES",
        "write the configuration": "EACCES",
        "run a program": "EPERM",
        "fork": "EPERM",
        "signal a neighbour": "EPERM",
        "trace": "EPERM",
        "unshare": "EPERM",
        "load a program into the kernel": "EPERM",
        "keys": "EPERM",
        "talk to the kernel's ciphers": "EPERM",
    }


def test_it_can_be_switched_off_for_functions_that_need_more(folder: Path) -> None:
    """And then the same attempts do succeed, so that the other test means something."""
    with pbload.nodes("echo", name="n") as nodes:
        told = outcomes(folder, nodes, confine=False)
    free = ("read outside", "write outside", "write the configuration", "run a program", "fork")
    assert {what: told[what] for what in (*free, "signal a neighbour")} == dict.fromkeys(
        (*free, "signal a neighbour"), "done"
    )
    assert told["become root"] == "EPERM", "who it is was no question of confinement"


def test_what_is_not_ours_is_not_handed_over(folder: Path) -> None:
    """A link in the state folder must not make root give a file away."""
    state = folder / "state"
    state.mkdir()
    for name in ("by-link", "by-name"):
        (folder / name).write_text("root's")
    (state / "one").symlink_to(folder / "by-link")
    (state / "two").hardlink_to(folder / "by-name")
    (state / "history.jsonl").write_text("")
    (folder / "run").mkdir()
    (folder / "run/other").write_text("somebody's")
    config = wished({"n": ("127.0.0.1", 9)}, folder, user="nobody")
    assert "no admin socket can be made here: Permission denied" in refused(config, folder)
    owners = {path: path.lstat().st_uid for path in (folder / "by-link", folder / "by-name", folder / "run")}
    assert set(owners.values()) == {0}, owners
    assert (state / "history.jsonl").stat().st_uid == NOBODY.pw_uid


@pytest.mark.parametrize("step", ["state", "state/inner"])
def test_what_a_link_of_the_user_leads_to_is_not_handed_over(folder: Path, step: str) -> None:
    """Whoever has taken the user over may put a link where the state folder was, or on the way to it, and
    another where the log was: root must neither give away nor make what they lead to.
    """
    secret, ours = folder / "secret", folder / "log"
    (secret / "inner").mkdir(parents=True)
    for name in ("shadow", "inner/shadow"):
        (secret / name).write_text("root's")
    link, log = ours / "state", ours / "sessions.log"
    link.symlink_to(secret)
    log.symlink_to(secret / "made")
    for each in (link, log):
        os.lchown(each, NOBODY.pw_uid, NOBODY.pw_gid)
    config = wished({"n": ("127.0.0.1", 9)}, folder, user="nobody", state_dir=str(ours / step))
    hand_over(from_mapping(config), folder / "run/admin.sock", NOBODY.pw_uid, NOBODY.pw_gid)
    assert {path.lstat().st_uid for path in (secret, *secret.rglob("*"))} == {0}
    assert not (secret / "made").exists()


@pytest.mark.parametrize("user", [{}, {"user": "nobody"}], ids=["root", "nobody"])
def test_a_link_where_the_log_was_opens_no_other_file(folder: Path, user: dict[str, str]) -> None:
    """One that was taken over may leave it to the next, which may write the log and nothing else."""
    victim = folder / "victim"
    victim.touch(mode=0o666)
    (folder / "log/sessions.log").symlink_to(victim)
    config = wished({"n": ("127.0.0.1", 9)}, folder, **user)
    assert f"cannot write {folder}/log/sessions.log: Permission denied" in refused(config, folder)
    (folder / "log/sessions.log").unlink()
    (folder / "log/sessions.log").symlink_to("today.log")
    with as_root(config, folder):
        assert (folder / "log/today.log").exists()


def test_roots_own_link_is_the_way_to_a_state_folder(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "link").symlink_to("data")
    config = wished({"n": ("127.0.0.1", 9)}, folder, user="nobody", state_dir=str(folder / "link/state"))
    hand_over(from_mapping(config), folder / "run/admin.sock", NOBODY.pw_uid, NOBODY.pw_gid)
    owners = {path: path.stat().st_uid for path in (folder / "data", folder / "data/state", folder / "run")}
    assert list(owners.values()) == [0, NOBODY.pw_uid, NOBODY.pw_uid], owners
