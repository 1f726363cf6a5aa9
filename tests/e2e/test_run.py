"""`protobalance run` as a process: what each signal does, and what a service manager sees."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGHUP, SIGKILL, SIGTERM, SIGUSR1

import pytest

from peers import pbload
from peers.command import PROGRAM, Command, ended, running
from peers.joined import PATIENCE, exchange, listening, read_to_end, session
from peers.process import Address, free_ports, text_of, wait_until
from peers.records import logged
from peers.wish import wish

# Becomes the command, with the socket on the descriptor where a service manager puts it.
HAND_OVER = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ['LISTEN_PID'] = str(os.getpid()); "
HAND_OVER += "os.environ['LISTEN_FDS'] = '1'; os.execv(sys.argv[2], sys.argv[2:])"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with listening() as one:
        yield one


def _answers(address: Address) -> set[str]:
    result = pbload.connect(address, 10)
    assert result["errors"] == {}
    return set(result["nodes"])


def test_sighup_applies_the_file(tmp_path: Path) -> None:
    """The file is the wish, and is read again when asked."""
    with (
        pbload.nodes("echo", name="old") as old,
        pbload.nodes("echo", name="new") as new,
        running(wish(old), tmp_path) as command,
    ):
        address = command.address()
        assert _answers(address) == {"old"}
        command.rewrite(wish(new))
        assert _answers(address) == {"old"}
        command.signal(SIGHUP)
        wait_until(lambda: command.status().generation == 2, "the new file is in force")
        assert _answers(address) == {"new"}


def test_a_bad_file_changes_nothing_and_its_errors_are_told(tmp_path: Path) -> None:
    """Nothing is half-applied; every error at once."""
    with pbload.nodes("echo", name="old") as nodes, running(wish(nodes), tmp_path) as command:
        address = command.address()
        text = command.file.read_text()
        command.file.write_text(text.replace("connect_timeout", "conect_timeout") + "\n[listeners.x]\n")
        command.signal(SIGHUP)
        wait_until(lambda: command.said("conect_timeout"), "the error is told")
        assert command.said("listeners.x")
        assert command.status().generation == 1
        assert _answers(address) == {"old"}


def test_sigterm_lets_sessions_end_by_themselves(tmp_path: Path, server: socket.socket) -> None:
    """No new client, no session cut off; exit code 0 when the last has ended."""
    with running(wish({"n": server.getsockname()}), tmp_path) as command:
        address = command.address()
        with session(address, server) as (client, node):
            command.signal(SIGTERM)
            wait_until(lambda: command.status().draining, "the listener is closed")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, timeout=PATIENCE).close()
            exchange(client, node)
            client.shutdown(socket.SHUT_WR)
            assert node.recv(1) == b""
            node.sendall(b"last words")
            node.close()
            assert read_to_end(client) == b"last words"
        assert ended(command) == 0


def test_a_second_sigterm_ends_sessions_now_with_a_reset(tmp_path: Path, server: socket.socket) -> None:
    """An end that was not the sessions' own is never made to look like one."""
    with (
        running(wish({"n": server.getsockname()}), tmp_path) as command,
        session(command.address(), server) as ends,
    ):
        command.signal(SIGTERM)
        wait_until(lambda: command.status().draining, "the first is heard")
        command.signal(SIGTERM)
        assert ended(command) == 0
        for end in ends:
            with pytest.raises(ConnectionResetError):
                end.recv(1)


def test_the_grace_time_ends_the_wait(tmp_path: Path, server: socket.socket) -> None:
    """A session that never ends holds up the end for `engine.grace` only."""
    config = wish({"n": server.getsockname()})
    config["engine"] = {"grace": "100ms"}
    with running(config, tmp_path) as command, session(command.address(), server):
        command.signal(SIGTERM)
        assert ended(command) == 0


def test_a_service_manager_hears_ready_reloading_and_stopping(tmp_path: Path) -> None:
    """sd_notify(3)."""
    with pbload.nodes("echo") as nodes, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = tmp_path / "notify.sock"
        manager.bind(str(path))
        manager.settimeout(PATIENCE)
        with running(wish(nodes), tmp_path, environment={"NOTIFY_SOCKET": str(path)}) as command:
            assert b"READY=1" in manager.recv(4096).splitlines()
            command.signal(SIGHUP)
            assert b"RELOADING=1" in manager.recv(4096).splitlines()
            assert b"READY=1" in manager.recv(4096).splitlines()
            command.signal(SIGTERM)
            assert b"STOPPING=1" in manager.recv(4096).splitlines()
            assert ended(command) == 0


def test_a_socket_handed_over_is_used(tmp_path: Path) -> None:
    """sd_listen_fds(3): clients that connected before the start are served, too."""
    with pbload.nodes("greet", name="n") as nodes, socket.create_server(("127.0.0.1", 0)) as handed:
        config = wish(nodes)
        config["listeners"]["in"]["bind"] = text_of(handed.getsockname())
        with socket.create_connection(handed.getsockname(), timeout=PATIENCE) as early:
            under = [sys.executable, "-c", HAND_OVER, str(handed.fileno())]
            with running(config, tmp_path, under=under, descriptors=[handed.fileno()]) as command:
                assert early.recv(2) == b"n\n"
                assert command.address() == handed.getsockname()
                with socket.create_connection(handed.getsockname(), timeout=PATIENCE) as late:
                    assert late.recv(2) == b"n\n"


def test_sigusr1_opens_the_session_log_anew(tmp_path: Path) -> None:
    """Law 13: no record is lost in a rotation."""
    log = tmp_path / "sessions.log"
    old = tmp_path / "sessions.log.1"
    with pbload.nodes("echo") as nodes:
        config = logged(wish(nodes), log)
        with running(config, tmp_path) as command:
            address = command.address()
            pbload.connect(address, 10)
            wait_until(lambda: _lines(log) == 10, "ten records are written")
            log.rename(old)
            pbload.connect(address, 10)
            wait_until(lambda: _lines(old) == 20, "they follow the file until told otherwise")
            command.signal(SIGUSR1)
            wait_until(log.exists, "the file is there again")
            pbload.connect(address, 10)
            wait_until(lambda: _lines(log) == 10, "the new file has the new records")
            assert _lines(old) == 20


def test_a_bad_file_is_refused_at_the_start(tmp_path: Path) -> None:
    """Exit code 1, and nothing is bound."""
    file = tmp_path / "bad.toml"
    file.write_text('[listeners.in]\nbind = "127.0.0.1:0"\ncluster = "nowhere"\n')
    done = subprocess.run(
        [PROGRAM, "run", str(file), "--socket", str(tmp_path / "s")],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert f"{file}:3" in done.stderr


def test_a_balancer_serves_whoever_closed_its_standard_streams(tmp_path: Path) -> None:
    """What it has to say goes nowhere then, and never to a connection that got their numbers."""
    closed = ("sh", "-c", 'exec "$@" <&- 2>&-', "sh")
    with pbload.nodes("echo", name="n") as nodes, running(wish(nodes), tmp_path, under=closed) as command:
        address = command.address()
        assert _answers(address) == {"n"}
        for pid in command.processes():
            assert {str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (0, 2)} == {"/dev/null"}
        command.ask("upgrade")
        assert _answers(address) == {"n"}


def test_a_ready_line_that_cannot_be_written_is_told_in_the_log(tmp_path: Path) -> None:
    """A disk that is full, or a reader that is gone, is no reason not to serve."""
    with pbload.nodes("echo", name="n") as nodes:
        command = Command(wish(nodes), tmp_path, under=("sh", "-c", 'exec "$@" >/dev/full', "sh"))
        with command.child:
            wait_until(lambda: command.said(" ready: "), "it serves")
            assert command.said("warning: standard output cannot be written: No space left on device")
            assert _answers(command.address()) == {"n"}
            command.signal(SIGTERM)
            assert ended(command) == 0


def test_start_up_is_measured(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Reports the time from the command to the first answer, and the memory at idle; asserts nothing about
    either, for the machine may be busy.
    """
    with pbload.nodes("greet", name="n") as nodes:
        bind = ("127.0.0.1", free_ports(1)[0])
        config = wish(nodes)
        config["listeners"]["in"]["bind"] = text_of(bind)
        begin = time.monotonic()
        command = Command(config, tmp_path)
        with command.child:
            try:
                wait_until(lambda: _greeted(bind), "a client is served")
                accepting = time.monotonic() - begin
                command.ready_line()
                ready = time.monotonic() - begin
                resident = command.resident() / 1e6
            finally:
                command.signal(SIGKILL)
    report = f"accepting after {accepting:.3f} s, ready after {ready:.3f} s, {resident:.1f} MB resident"
    record_property("start-up", report)
    print(report)  # noqa: T201 - shown with -s


def _greeted(address: Address) -> bool:
    try:
        with socket.create_connection(address, timeout=PATIENCE) as client:
            return client.recv(2) == b"n\n"
    except ConnectionError:
        return False


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0
