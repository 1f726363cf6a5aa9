"""The command line and a real balancer, each in processes of their own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from peers.process import wait_until
from protobalance.control.answers import Explanation, SessionList, Status

PROGRAM = [sys.executable, "-m", "protobalance"]
PATIENCE = 60.0
CONFIGURATION = """\
[log]
sessions = "off"
[listeners.web]
bind = "127.0.0.1:0"
cluster = "web"
[clusters.web.nodes.a]
address = "127.0.0.1:{port}"
"""


@contextlib.contextmanager
def echo() -> Iterator[int]:
    """A node that says back what it hears; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve(connection: socket.socket) -> None:
            with connection:
                while heard := connection.recv(65536):
                    connection.sendall(heard)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def balancer(admin: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running balancer and its ready line."""
    with subprocess.Popen(
        [*PROGRAM, *words, "--socket", str(admin)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    """The keeper and its balancer."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def command(admin: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words, "--socket", str(admin)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def port_in(ready: str) -> int:
    found = re.search(r"ready: \S+ [\d.]+:(\d+)", ready)
    assert found, ready
    return int(found[1])


def said_back(port: int, words: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(words)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    with echo() as port:
        path = tmp_path / "protobalance.toml"
        path.write_text(CONFIGURATION.format(port=port))
        yield path


def test_from_the_ready_line_to_the_end(tmp_path: Path, file: Path) -> None:
    admin = tmp_path / "run" / "admin.sock"
    with balancer(admin, "run", str(file)) as (process, ready):
        assert str(admin) in ready
        port = port_in(ready)
        assert said_back(port, b"hello") == b"hello"
        status = msgspec.json.decode(command(admin, "status", "--json").stdout, type=Status)
        assert (status.opened, status.pid) == (1, process.pid)
        why = msgspec.json.decode(command(admin, "explain", "127.0.0.1", "--json").stdout, type=Explanation)
        assert [one.decision.node for one in why.recorded] == ["a"]
        assert [one.decision.node for one in why.now] == ["a"]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    assert not admin.exists()


def test_a_change_at_run_time_is_in_force_and_ends_nothing(tmp_path: Path, file: Path) -> None:
    admin = tmp_path / "admin.sock"
    with (
        balancer(admin, "run", str(file)) as (_, ready),
        socket.create_connection(("127.0.0.1", port_in(ready)), timeout=PATIENCE) as client,
    ):
        client.sendall(b"one")
        assert client.recv(100) == b"one"
        assert command(admin, "node", "set", "web/a", "draining").returncode == 0
        listed = msgspec.json.decode(command(admin, "sessions", "--json").stdout, type=SessionList)
        assert [session.node for session in listed.sessions] == ["a"]
        file.write_text(file.read_text() + "weight = 7\n")
        assert "1 -> 7" in command(admin, "plan").stdout
        assert command(admin, "apply").returncode == 0
        node = (
            msgspec.json.decode(command(admin, "status", "--json").stdout, type=Status).clusters[0].nodes[0]
        )
        assert (node.weight, node.admin_state, node.file_admin_state) == (7, "draining", "available")
        client.sendall(b"two")
        assert client.recv(100) == b"two"


def test_forward_needs_no_file(tmp_path: Path) -> None:
    with (
        echo() as port,
        balancer(tmp_path / "s", "forward", "127.0.0.1:0", f"127.0.0.1:{port}") as (_, ready),
    ):
        assert said_back(port_in(ready), b"hello") == b"hello"


def test_a_second_balancer_is_refused_and_takes_no_connection(tmp_path: Path, file: Path) -> None:
    admin = tmp_path / "admin.sock"
    with balancer(admin, "run", str(file)):
        second = command(admin, "run", str(file))
        assert second.returncode == 1
        assert "another balancer answers here" in second.stderr
        assert "started" not in second.stderr  # refused before it shared a port with the first
        assert command(admin, "status").returncode == 0


def test_an_admin_socket_that_cannot_be_is_refused_before_a_connection_is_taken(
    tmp_path: Path, file: Path
) -> None:
    """Once it has started, whoever comes is cut off by its end."""
    (tmp_path / "file").write_text("")
    for path, why in (
        (tmp_path / ("x" * 100) / "admin.sock", "longer than 107 bytes"),
        (tmp_path / "file/admin.sock", f"no admin socket can be made here: {tmp_path}/file is no folder"),
    ):
        refused = command(path, "run", str(file))
        assert refused.returncode == 1
        assert why in refused.stderr
        assert "started" not in refused.stderr


def test_a_rehearsal_says_what_it_did_not_try(tmp_path: Path, file: Path) -> None:
    said = command(tmp_path / "admin.sock", "run", str(file), "--rehearse").stdout
    assert f"would start with {file}; its ports and its admin socket were not tried" in said


def test_a_broken_file_is_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("[lisseners.web]\n[clustres.web]\n")
    refused = command(tmp_path / "admin.sock", "run", str(file))
    assert refused.returncode == 1
    assert f"{file}:1:" in refused.stderr
    assert f"{file}:2:" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_in_use_is_refused_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = command(tmp_path / "admin.sock", "forward", bind, "127.0.0.1:9")
    assert refused.returncode == 1
    assert bind in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_killed_balancers_socket_is_no_obstacle(tmp_path: Path, file: Path) -> None:
    admin = tmp_path / "admin.sock"
    with balancer(admin, "run", str(file)) as (process, _):
        kill(process)
        process.wait(PATIENCE)
    assert admin.exists()
    wait_until(lambda: "no balancer is running" in command(admin, "status").stderr, "nobody answers there")
    with balancer(admin, "run", str(file)):
        assert command(admin, "status").returncode == 0
