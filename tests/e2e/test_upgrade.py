"""Another version takes over while everybody is served; one that cannot changes nothing."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGKILL, SIGTERM

import msgspec
import pytest

from peers import pbload
from peers.command import Command, ended, running
from peers.joined import PATIENCE, exchange, listening, session
from peers.process import text_of, wait_until
from peers.release import Release
from peers.succession import upgraded_under_load
from peers.wish import Config, wish
from protobalance.control.answers import UpgradeResult

# A version that cannot load all of itself any more once a file is there.
UNFIT = """
import pathlib
import protobalance.cli.foreground as foreground
load = foreground._load_admin
def broken(backing):
    if pathlib.Path({flag!r}).exists():
        raise ImportError("half and half")
    return load(backing)
foreground._load_admin = broken
"""


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with listening() as one:
        yield one


@contextmanager
def released(config: Config, folder: Path) -> Iterator[tuple[Command, Release]]:
    release = Release(folder, "1.0")
    with running(config, folder, program=str(release.path)) as command:
        yield command, release


def upgraded(command: Command, *options: str) -> UpgradeResult:
    return msgspec.json.decode(command.ask("upgrade", "--json", *options), type=UpgradeResult)


def test_the_version_on_disk_takes_over_and_sessions_go_on(tmp_path: Path, server: socket.socket) -> None:
    """Same keeper, same addresses, same admin socket; the process before ends with its last session."""
    config = wish({"n": server.getsockname()}) | {"engine": {"state_dir": str(tmp_path / "state")}}
    with released(config, tmp_path) as (command, release), session(command.address(), server) as old:
        before = command.status()
        command.ask("node", "set", "c/n", "weight=7")
        release.becomes("2.0")
        assert command.status().version == "1.0"
        result = upgraded(command)
        assert (result.version_before, result.version, result.sessions) == ("1.0", "2.0", 1)
        after = command.status()
        assert (after.version, after.pid, after.balancer_pid) == ("2.0", before.pid, result.balancer_pid)
        assert [(each.pid, each.version) for each in after.predecessors] == [(before.balancer_pid, "1.0")]
        assert after.listeners[0].addresses == before.listeners[0].addresses
        assert after.clusters[0].nodes[0].weight == 7
        assert "is ending with its sessions" in command.ask("status")
        exchange(*old)
        with session(command.address(), server) as new:
            exchange(*new)
            exchange(*old)
        for end in old:
            end.close()
        wait_until(lambda: not command.status().predecessors, "the process before has ended")
        assert "upgrade: from 1.0" in command.ask("history")
        assert "stop" not in command.ask("history"), "the process before writes there no more"
        command.signal(SIGTERM)
        assert ended(command) == 0
        assert not command.socket.exists()


@pytest.mark.parametrize(
    ("sabotage", "said"),
    [
        ("raise ImportError('half a package')", "half a package"),
        ("sys.exit('no licence')", "no licence"),
        ("if '--rehearse' not in sys.argv: import os; os._exit(3)", ""),
    ],
    ids=["no import", "no start", "lies in its rehearsal"],
)
def test_a_version_that_would_not_start_changes_nothing(
    tmp_path: Path, server: socket.socket, sabotage: str, said: str
) -> None:
    """And says why. The last one deceives the rehearsal; that costs the keeper, and no session."""
    with (
        released(wish({"n": server.getsockname()}), tmp_path) as (command, release),
        session(command.address(), server) as (client, node),
    ):
        before = command.status()
        release.becomes("2.0", sabotage)
        with pytest.raises(AssertionError, match=r"nothing has changed|did not answer"):
            command.ask("upgrade")
        assert command.said(said)
        after = command.status()
        assert (after.balancer_pid, after.version) == (before.balancer_pid, "1.0")
        exchange(client, node)
        with session(command.address(), server) as (another, its_node):
            exchange(another, its_node)
        if said:
            release.becomes("2.1")
            assert upgraded(command).version == "2.1"


def test_a_version_that_keeps_otherwise_is_found_out_in_its_rehearsal(
    tmp_path: Path, server: socket.socket
) -> None:
    """Its keeper could not read what this one knows: so nothing is given up, and it is said what to do."""
    with (
        released(wish({"n": server.getsockname()}), tmp_path) as (command, release),
        session(command.address(), server) as (client, node),
    ):
        before = command.status()
        release.becomes("2.0", "import protobalance.keeper.upgrade; protobalance.keeper.upgrade.FORM = 77")
        with pytest.raises(AssertionError, match=r"form 77, not \d+\): stop that one, and start this one"):
            command.ask("upgrade")
        after = command.status()
        assert (after.pid, after.balancer_pid) == (before.pid, before.balancer_pid)
        exchange(client, node)
        # The keeper is well: it starts a balancer that dies again.
        os.kill(after.balancer_pid, SIGKILL)
        with session(command.address(), server) as (another, its_node):
            exchange(another, its_node)
        release.becomes("2.1")
        assert upgraded(command).version == "2.1"


def test_a_successor_that_dies_leaves_the_balancer_before_it_as_it_was(
    tmp_path: Path, server: socket.socket
) -> None:
    """It imports, it has its file, and then it dies where no rehearsal looks."""
    sabotage = (
        "import os, protobalance.control.readiness as readiness\n"
        "readiness.ready_line = lambda *_: os.kill(os.getpid(), 9)"
    )
    with (
        released(wish({"n": server.getsockname()}), tmp_path) as (command, release),
        session(command.address(), server) as (client, node),
    ):
        before = command.status()
        release.becomes("2.0", sabotage)
        with pytest.raises(AssertionError, match="the new version died of SIGKILL"):
            command.ask("upgrade")
        assert command.status().balancer_pid == before.balancer_pid
        exchange(client, node)
        with session(command.address(), server) as (another, its_node):
            exchange(another, its_node)
        command.ask("node", "set", "c/n", "weight=3")
        release.becomes("2.1")
        assert upgraded(command).version == "2.1"
        assert command.status().clusters[0].nodes[0].weight == 3


def test_a_file_that_the_new_version_refuses_changes_nothing(tmp_path: Path) -> None:
    """An upgrade reads the file, as any start does."""
    with pbload.nodes("greet", name="n") as nodes, released(wish(nodes), tmp_path) as (command, release):
        command.file.write_text('[listeners.in]\nbind = "127.0.0.1:0"\ncluster = "nowhere"\n')
        release.becomes("2.0")
        with pytest.raises(AssertionError, match=r"protobalance\.toml:3"):
            command.ask("upgrade")
        assert command.status().version == "1.0"
        assert "upgrade-failed" in command.ask("history")


def test_grace_bounds_the_sessions_of_the_process_before(tmp_path: Path, server: socket.socket) -> None:
    """Only if asked for; then they are reset, for it was not their end."""
    with (
        released(wish({"n": server.getsockname()}), tmp_path) as (command, _),
        session(command.address(), server) as (client, node),
    ):
        upgraded(command, "--grace", "100ms")
        for end in (client, node):
            with pytest.raises(ConnectionResetError):
                end.recv(1)
        wait_until(lambda: not command.status().predecessors, "the process before has ended")


def test_several_predecessors_end_when_they_may_and_all_with_the_last_signal(
    tmp_path: Path, server: socket.socket
) -> None:
    """One upgrade need not wait for the sessions of another."""
    config = wish({"n": server.getsockname()}) | {"engine": {"grace": "1h"}}
    with released(config, tmp_path) as (command, _), ExitStack() as stack:
        sessions = []
        for _ in range(3):
            sessions.append(stack.enter_context(session(command.address(), server)))
            upgraded(command)
        assert len(command.status().predecessors) == 3
        for ends in sessions:
            exchange(*ends)
        command.signal(SIGTERM)
        wait_until(lambda: command.messages.read_text().count("1 session goes on") == 3, "they drain")
        for ends in sessions:
            exchange(*ends)
        command.signal(SIGTERM)
        assert ended(command) == 0


def test_a_keeper_that_became_another_program_starts_a_dead_balancer_again(tmp_path: Path) -> None:
    """What it held, it still holds, and it is the new version that it starts."""
    with pbload.nodes("greet", name="n") as nodes, released(wish(nodes), tmp_path) as (command, release):
        address = command.address()
        release.becomes("2.0")
        upgraded(command)
        release.becomes("3.0")
        balancer = command.balancer()
        os.kill(command.child.pid, signal.SIGSTOP)
        os.kill(balancer, SIGKILL)
        with socket.create_connection(address, timeout=PATIENCE) as client:
            os.kill(command.child.pid, signal.SIGCONT)
            assert client.recv(2) == b"n\n"
        assert command.status().version == "2.0"


def test_a_program_that_was_replaced_under_a_balancer_that_dies_is_started_whole(tmp_path: Path) -> None:
    """What the keeper has in memory and what is on disk need not fit: then all of it comes from the disk, if
    that would start. Until then it is tried again.
    """
    flag = tmp_path / "replaced"
    with pbload.nodes("greet", name="n") as nodes:
        release = Release(tmp_path)
        release.becomes("1.0", UNFIT.format(flag=str(flag)))
        with running(wish(nodes), tmp_path, program=str(release.path)) as command:
            address, balancer = command.address(), command.balancer()
            flag.touch()
            release.becomes("2.0", "raise ImportError('half a package')")
            os.kill(balancer, SIGKILL)
            ends = "ended by itself with exit code 1"
            wait_until(lambda: command.messages.read_text().count(ends) >= 2, "it is tried again")
            release.becomes("2.1")
            wait_until(lambda: command.said("starting the program anew, as it now is on disk"), "it is")
            with socket.create_connection(address, timeout=PATIENCE) as client:
                assert client.recv(2) == b"n\n"
            status = command.status()
            assert (status.version, status.pid) == ("2.1", command.child.pid)
            assert command.address() == address


def test_upgrades_in_a_row_under_load_lose_nothing(tmp_path: Path) -> None:
    """No client is refused, reset or answered by nobody, and old sessions go on. `make proof` does fifty."""
    upgraded_under_load(tmp_path, 3)


def test_changes_meanwhile_are_carried_out_by_one_of_the_two(tmp_path: Path) -> None:
    """A change is answered, or refused and asked again; none is answered and lost."""
    with pbload.nodes("greet", name="n") as nodes, running(wish(nodes), tmp_path) as command:
        done = threading.Event()
        answered: list[int] = []

        def change() -> None:
            weight = 0
            while not done.is_set():
                weight = weight % 200 + 1
                try:
                    command.ask("node", "set", "c/n", f"weight={weight}")
                except AssertionError:  # it is draining, or an upgrade is under way: said so, and not done
                    continue
                answered.append(weight)

        changer = threading.Thread(target=change)
        changer.start()
        try:
            for _ in range(3):
                upgraded(command)
        finally:
            done.set()
            changer.join()
        assert command.status().clusters[0].nodes[0].weight == answered[-1]
        assert text_of(command.address())
