"""A balancer that dies is followed by another one at once, and whoever waited meanwhile is served."""

from __future__ import annotations

import os
import pty
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGSEGV, SIGSTOP, SIGTERM

import pytest

from peers import pbload
from peers.command import Command, ended, running
from peers.joined import PATIENCE, exchange, listening, session
from peers.killing import killed_at_random
from peers.process import Address, wait_until
from peers.wish import Config, cluster, wish


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with listening() as one:
        yield one


@contextmanager
def nobody_starts_another(command: Command) -> Iterator[None]:
    """Stop the keeper, so that there is time between a death and the next start."""
    os.kill(command.child.pid, SIGSTOP)
    try:
        yield
    finally:
        os.kill(command.child.pid, SIGCONT)


def kill_balancer(command: Command, number: signal.Signals = SIGKILL) -> int:
    """End the process that serves; its id, once it has ended."""
    pid = command.balancer()
    os.kill(pid, number)
    wait_until(lambda: pid not in command.processes(), "it has ended")
    return pid


def greeting(address: Address) -> bytes:
    with socket.create_connection(address, timeout=PATIENCE) as client:
        return client.recv(2)


def test_who_waits_in_the_queue_of_a_dead_balancer_is_served_by_the_next(tmp_path: Path) -> None:
    """The listening sockets are kept, all of them: the kernel goes on accepting, and nobody is refused."""
    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        config = wish(nodes)
        config["engine"] = {"workers": 3}
        command = stack.enter_context(running(config, tmp_path))
        address = command.address()
        with nobody_starts_another(command):
            kill_balancer(command)
            clients = [
                stack.enter_context(socket.create_connection(address, timeout=PATIENCE)) for _ in range(100)
            ]
        assert {client.recv(2) for client in clients} == {b"n\n"}
        assert command.address() == address
        assert pbload.connect(address, 100)["errors"] == {}
        assert command.said("died of SIGKILL (out of memory?")


def test_what_was_in_force_stays_in_force_whatever_the_file_says_by_now(tmp_path: Path) -> None:
    """States and redirects, too, though there is no state folder; and the operator is told of the file."""
    with pbload.nodes("greet", 2, name="n") as nodes, pbload.nodes("greet", name="g") as green:
        config = wish(nodes)
        config["clusters"]["green"] = cluster(green)
        config["listeners"]["other"] = {"bind": "127.0.0.1:0", "cluster": "c"}
        with running(config, tmp_path) as command:
            command.ask("node", "set", "c/n0", "draining")
            command.ask("redirect", "other", "green")
            addresses = command.address(), command.address("other")
            command.file.write_text("this is no configuration")
            kill_balancer(command)
            assert (command.address(), command.address("other")) == addresses
            assert {greeting(addresses[0]) for _ in range(4)} == {b"n1"}
            assert greeting(addresses[1]) == b"g\n"
            wait_until(lambda: command.said("is refused; what was in force before stays"), "it is told")
            command.rewrite(config | {"engine": {"grace": "7s"}})
            kill_balancer(command)
            wait_until(lambda: command.said("says something else than what is in force"), "it is told")
            assert command.said("engine.grace")
            kinds = [line.split()[4] for line in command.ask("history").splitlines() if "restart:" in line]
            assert kinds == ["restart:"]


def test_listeners_that_come_and_go_are_kept_and_let_go(tmp_path: Path) -> None:
    """An address that left the configuration is free, for others and for us; one that came is kept."""
    with pbload.nodes("greet", name="n") as nodes, running(wish(nodes), tmp_path) as command:
        config = wish(nodes)
        config["listeners"]["second"] = {"bind": "127.0.0.1:0", "cluster": "c"}
        command.rewrite(config)
        command.ask("apply")
        second = command.address("second")
        kill_balancer(command)
        assert command.address("second") == second
        assert greeting(second) == b"n\n"
        command.rewrite(wish(nodes))
        command.ask("apply")
        with socket.create_server(second):
            pass
        config["listeners"]["second"]["bind"] = f"{second[0]}:{second[1]}"
        command.rewrite(config)
        command.ask("apply")
        assert greeting(second) == b"n\n"


def test_a_balancer_that_dies_again_and_again_is_started_less_and_less_often(tmp_path: Path) -> None:
    """At once at first, since clients wait; then slower, and said each time."""
    with pbload.nodes("greet", name="n") as nodes, running(wish(nodes), tmp_path) as command:
        address = command.address()
        for number, said in [
            (SIGKILL, "died of SIGKILL (out of memory? the kernel's log says); starting it again\n"),
            (SIGSEGV, "died of SIGSEGV (a fault of ours: please report it); starting it again in 0.25 s"),
            (SIGKILL, "starting it again in 0.5 s"),
        ]:
            kill_balancer(command, number)
            wait_until(lambda: command.said(said), said)  # noqa: B023 - asked at once
            assert greeting(address) == b"n\n"


def test_it_can_be_ended_while_no_balancer_runs(tmp_path: Path) -> None:
    """Whatever it is about to do."""
    with pbload.nodes("echo") as nodes, running(wish(nodes), tmp_path) as command:
        for _ in range(3):
            kill_balancer(command)
        with nobody_starts_another(command):
            command.signal(SIGTERM)
        assert ended(command) in (0, 128 + SIGKILL)


def test_a_balancer_whose_keeper_was_killed_serves_on_and_says_so(
    tmp_path: Path, server: socket.socket
) -> None:
    """Sessions are worth more than order. It hears signals itself from then on."""
    with (
        running(wish({"n": server.getsockname()}), tmp_path) as command,
        session(command.address(), server) as (client, node),
    ):
        balancer = command.balancer()
        os.kill(command.child.pid, SIGKILL)
        wait_until(lambda: command.said("keeper: was killed"), "it is told")
        exchange(client, node)
        with session(command.address(), server) as (another, its_node):
            exchange(another, its_node)
        assert command.status().pid == balancer
        assert any("keeper: was killed" in warning for warning in command.status().warnings)
        client.close()
        node.close()
        os.kill(balancer, SIGTERM)
        assert ended(command) == -SIGKILL
        assert not command.socket.exists()


@pytest.mark.parametrize("to_all", [os.kill, os.killpg], ids=["the keeper", "all its processes"])
def test_a_signal_counts_once_however_many_processes_get_it(
    tmp_path: Path, server: socket.socket, to_all: Callable[[int, int], None]
) -> None:
    """As from a terminal, or a service manager that signals the whole group: sessions are not cut off."""
    with (
        running(wish({"n": server.getsockname()}), tmp_path) as command,
        session(command.address(), server) as (client, node),
    ):
        command.rewrite(wish({"n": server.getsockname()}) | {"engine": {"grace": "1h"}})
        to_all(command.child.pid, SIGHUP)
        wait_until(lambda: command.status().generation == 2, "the file is in force")
        to_all(command.child.pid, SIGTERM)
        wait_until(lambda: command.said("1 session goes on for at most 3600 s"), "it drains")
        exchange(client, node)
        assert "ending 1 session" not in command.messages.read_text()
        to_all(command.child.pid, SIGINT)
        assert ended(command) == 0
        assert command.said("ending 1 session: asked to")


def test_control_c_drains_and_a_second_one_ends(tmp_path: Path, server: socket.socket) -> None:
    """A terminal signals every process in the foreground."""
    config = wish({"n": server.getsockname()}) | {"engine": {"grace": "1h"}}
    leader, follower = pty.openpty()
    in_terminal = ["setsid", "--ctty", "--wait"]
    with (
        os.fdopen(leader, "wb", buffering=0) as keyboard,
        running(config, tmp_path, under=in_terminal, terminal=follower) as command,
        session(command.address(), server) as (client, node),
    ):
        keyboard.write(b"\x03")
        wait_until(lambda: command.said("1 session goes on"), "it drains")
        exchange(client, node)
        assert not command.said("ending 1 session")
        keyboard.write(b"\x03")
        wait_until(lambda: command.said("ending 1 session: asked to"), "the second one counts, too")


def test_alone_it_is_one_process(tmp_path: Path) -> None:
    """For a service manager that starts it again itself."""
    with (
        pbload.nodes("greet", name="n") as nodes,
        running(wish(nodes), tmp_path, options=["--alone"]) as command,
    ):
        assert command.processes() == [command.child.pid]
        assert command.status().pid == command.balancer() == command.child.pid
        command.signal(SIGTERM)
        assert ended(command) == 0


def test_a_state_folder_stays_claimed_from_one_balancer_to_the_next(tmp_path: Path) -> None:
    """Nobody can have it between the two."""
    with pbload.nodes("echo") as nodes:
        config: Config = wish(nodes) | {"engine": {"state_dir": str(tmp_path / "state")}}
        (tmp_path / "second").mkdir()
        with running(config, tmp_path) as command:
            with nobody_starts_another(command):
                kill_balancer(command)
                second = Command(config, tmp_path / "second")
                with second.child:
                    assert ended(second) == 1
                assert second.said("in use by another balancer")
            command.ask("node", "set", "c/echo", "draining")
        with running(config, tmp_path) as command:
            assert command.status().clusters[0].nodes[0].admin_state == "draining"


def test_whatever_moment_it_is_killed_at_nothing_that_was_told_is_lost(tmp_path: Path) -> None:
    """Law 6 and design section 5: homes, weights and history, and no client refused. `make proof` does five
    hundred.
    """
    killed_at_random(tmp_path, 5)


def test_what_the_next_balancer_may_do_is_what_the_last_start_said(tmp_path: Path) -> None:
    """A balancer in a stranger's hands could otherwise leave a configuration that gives the next one more."""
    with pbload.nodes("greet", name="n") as nodes:
        config = wish(nodes) | {"engine": {"state_dir": str(tmp_path / "state"), "grace": "7s"}}
        with running(config, tmp_path) as command:
            command.rewrite(wish(nodes) | {"engine": {"state_dir": str(tmp_path / "elsewhere")}})
            assert "next start" in command.ask("apply")
            for _ in range(2):
                kill_balancer(command)
                assert greeting(command.address()) == b"n\n"
            assert not (tmp_path / "elsewhere").exists()
