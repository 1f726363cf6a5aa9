"""What survives the end of the process, however it ended."""

from __future__ import annotations

import socket
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

import pytest

from peers import pbload
from peers.command import Command, ended, running
from peers.joined import PATIENCE
from peers.process import Address, wait_until
from peers.wish import Config, cluster, wish

CLIENTS = [f"127.0.9.{number}" for number in range(1, 41)]


def _answer(address: Address, source: str) -> bytes:
    with socket.create_connection(address, timeout=PATIENCE, source_address=(source, 0)) as client:
        return client.recv(3)


def _homes(command: Command) -> dict[str, bytes]:
    address = command.address()
    return {source: _answer(address, source) for source in CLIENTS}


def _kept(config: Config, folder: Path) -> Config:
    return config | {"engine": {"state_dir": str(folder / "state")}}


@pytest.mark.parametrize("how", [SIGKILL, SIGTERM])
def test_affinity_survives(tmp_path: Path, how: Signals) -> None:
    """Law 6: kept across restarts and `kill -9`."""
    with pbload.nodes("greet", 5, name="n") as nodes:
        config = _kept(wish(nodes, policy="random", affinity={"idle": "1h", "capacity": 1000}), tmp_path)
        with running(config, tmp_path) as command:
            homes = _homes(command)
            assert len(set(homes.values())) > 1
            assert _homes(command) == homes
            command.signal(how)
            ended(command)
        with running(config, tmp_path) as command:
            assert _homes(command) == homes


@pytest.mark.parametrize("how", [SIGKILL, SIGTERM])
def test_states_weights_and_redirects_survive_as_overrides(tmp_path: Path, how: Signals) -> None:
    """Design section 5: never silently lost; beside the file's wish, not instead of it."""
    with pbload.nodes("echo", 3, name="n") as nodes, pbload.nodes("echo", name="green") as green:
        config = _kept(wish(nodes), tmp_path)
        config["clusters"]["green"] = cluster(green)
        config["listeners"]["other"] = {"bind": "127.0.0.1:0", "cluster": "c"}
        with running(config, tmp_path) as command:
            command.ask("node", "set", "c/n0", "draining")
            command.ask("node", "set", "c/n1", "weight=3")
            command.ask("redirect", "other", "green")
            command.signal(how)
            ended(command)
        with running(config, tmp_path) as command:
            status = command.status()
            (n0, n1, _) = next(each.nodes for each in status.clusters if each.name == "c")
            assert (n0.admin_state, n0.file_admin_state) == ("draining", "available")
            assert (n1.weight, n1.file_weight) == (3, 1)
            assert pbload.connect(command.address(), 40)["nodes"] == {"n1": 30, "n2": 10}
            assert set(pbload.connect(command.address("other"), 10)["nodes"]) == {"green"}
            command.ask("redirect", "other", "c")
            command.ask("node", "set", "c/n0", "available")
            assert "green" not in pbload.connect(command.address("other"), 10)["nodes"]


def test_a_killed_balancer_leaves_nothing_in_the_way_of_the_next(tmp_path: Path) -> None:
    """The admin socket of a dead balancer is nobody's."""
    with pbload.nodes("echo") as nodes:
        for _ in range(3):
            with running(wish(nodes), tmp_path) as command:
                assert pbload.connect(command.address(), 10)["errors"] == {}
                command.signal(SIGKILL)
                ended(command)


def test_a_second_balancer_on_the_same_socket_is_refused(tmp_path: Path) -> None:
    """Two balancers would take each other's connections; the first goes on undisturbed."""
    with pbload.nodes("echo") as nodes, running(wish(nodes), tmp_path) as first:
        second = Command(wish(nodes), tmp_path)
        with second.child:
            assert ended(second) == 1
        wait_until(lambda: second.said(str(second.socket)), "the reason names the socket")
        assert pbload.connect(first.address(), 10)["errors"] == {}
