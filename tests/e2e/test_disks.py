"""Disks that are full or cannot be written, at the start and later: traffic goes on, and it is said what is
not kept. `/dev/full` and failing calls are tested beside the code; these are file systems.
"""

from __future__ import annotations

import os
from pathlib import Path
from signal import SIGKILL

from peers import pbload
from peers.command import Command, ended, running
from peers.disk import disk
from peers.process import wait_until
from peers.wish import Config, wish

AFFINITY = {"idle": "1h", "capacity": 1000}  # a file of some 300 KiB


def _kept(config: Config, folder: Path) -> Config:
    return config | {"engine": {"state_dir": str(folder)}}


def _serves(command: Command, connections: int = 20) -> None:
    assert pbload.connect(command.address(), connections)["errors"] == {}


def _refused(config: Config, folder: Path) -> str:
    """What it says at a start that is refused."""
    command = Command(config, folder)
    with command.child:
        assert ended(command) == 1
    return command.messages.read_text()


def test_a_session_log_whose_disk_is_full_holds_up_nobody_and_goes_on_when_there_is_space(
    tmp_path: Path,
) -> None:
    """Said once, dropped and counted; records are written again by themselves."""
    with pbload.nodes("echo") as nodes, disk(tmp_path / "disk") as logs:
        file = logs.path / "sessions.log"
        config = wish(nodes) | {"log": {"sessions": str(file)}}
        logs.fill()
        with running(config, tmp_path) as command:
            _serves(command)
            wait_until(lambda: command.status().session_log.dropped == 20, "the records are dropped")
            _serves(command)
            wait_until(lambda: command.status().session_log.dropped == 40, "the records are dropped")
            assert command.messages.read_text().count("limit session-log") == 1
            logs.clear()
            _serves(command)
            wait_until(lambda: len(file.read_text().splitlines()) >= 20, "records are written again")
            wait_until(lambda: command.said("limit session-log: no longer reached"), "and it is said")
            assert all(line.endswith("Z") or " in " in line for line in file.read_text().splitlines())


def test_a_state_folder_without_space_for_a_table_is_refused_at_the_start(tmp_path: Path) -> None:
    """Better than a process that ends once the table is written: what it needs, it has from the start."""
    with pbload.nodes("echo") as nodes, disk(tmp_path / "state") as state:
        said = _refused(_kept(wish(nodes, affinity=AFFINITY), state.path), tmp_path)
        assert "cannot keep affinity in" in said
        assert "No space left on device" in said
        assert "look at the folder: whether it is there, its space, its rights" in said
        assert [path.name for path in state.path.glob("affinity*")] == [], "nothing half made is left"


def test_a_state_folder_that_fills_up_keeps_traffic_and_says_what_is_not_kept(tmp_path: Path) -> None:
    """Affinity has its space already. What cannot be written is in force all the same, and outlives the
    balancer as long as its keeper does.
    """
    with pbload.nodes("greet", 2, name="n") as nodes, disk(tmp_path / "state", kilobytes=512) as state:
        with running(_kept(wish(nodes, affinity=AFFINITY), state.path), tmp_path) as command:
            state.fill()
            _serves(command)
            said = command.ask("node", "set", "c/n0", "draining")
            assert "in force, but lost at the next start" in said
            assert "No space left on device" in said
            os.kill(command.balancer(), SIGKILL)
            wait_until(lambda: command.said("starting it again"), "it has died")
            assert command.status().clusters[0].nodes[0].admin_state == "draining"
            _serves(command)
            state.clear()
            command.ask("node", "set", "c/n1", "weight=2")
        with running(_kept(wish(nodes, affinity=AFFINITY), state.path), tmp_path) as command:
            first, second = command.status().clusters[0].nodes
            assert (first.admin_state, second.weight) == ("draining", 2)


def test_a_state_folder_that_cannot_be_written_is_refused_only_if_it_must_be(tmp_path: Path) -> None:
    """Affinity must be; overrides and history are said to be lost."""
    with pbload.nodes("greet", name="n") as nodes, disk(tmp_path / "state", read_only=True) as state:
        said = _refused(_kept(wish(nodes, affinity=AFFINITY), state.path), tmp_path)
        assert "Read-only file system" in said
        with running(_kept(wish(nodes), state.path), tmp_path) as command:
            assert command.said("history is kept in memory only")
            assert "! engine.state_dir: " in command.ask("status")
            assert "Read-only file system: what is set at run time" in command.ask("status")
            assert "Read-only file system" in command.ask("node", "set", "c/n", "weight=2")
            _serves(command)


def test_a_state_folder_that_becomes_read_only_keeps_traffic(tmp_path: Path) -> None:
    """As when a disk fails and its file system protects itself."""
    folder = tmp_path / "state"
    with pbload.nodes("greet", name="n") as nodes:
        config = _kept(wish(nodes, affinity=AFFINITY), folder)
        with running(config, tmp_path) as command:
            command.ask("node", "set", "c/n", "weight=3")
            with disk(folder, read_only=True):
                assert "lost at the next start" in command.ask("node", "set", "c/n", "weight=4")
                _serves(command)
                assert command.status().clusters[0].nodes[0].weight == 4
            assert "lost at the next start" not in command.ask("node", "set", "c/n", "weight=5")
