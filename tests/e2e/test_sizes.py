"""Many sessions, much data, few descriptors: what a process uses, and gives back (laws 8 and 9)."""

from __future__ import annotations

import resource
import select
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from peers import pbload
from peers.command import Command, running
from peers.joined import PATIENCE
from peers.process import text_of, wait_until
from peers.shortage import no_descriptors_left
from peers.wish import wish

MB = 1_000_000
# User memory for a session that is open, both its sockets' buffers being the kernel's.
PER_SESSION = 2_000
# What one direction of one session may hold of data that was read and not yet taken.
HELD_PER_DIRECTION = 256 * 1024
# What an allocator may keep after a peak that is far higher.
KEPT = 8 * MB


def _settled(command: Command) -> int:
    """Resident memory once all sessions have ended."""
    wait_until(lambda: command.status().active == 0, "all sessions have ended")
    return command.resident()


@pytest.mark.timeout(180)
def test_9500_sessions_at_once_and_their_memory_comes_back(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Law 8: half of them idle, half of them talking, none of them failing."""
    sessions = _affordable(9_500)
    with pbload.nodes("echo") as nodes, running(wish(nodes), tmp_path) as command:
        target = text_of(command.address())
        assert pbload.connect(command.address(), 100)["errors"] == {}
        before = _settled(command)
        with pbload.started("hold", target=target, connections=sessions, timeout_s=90) as held:
            assert held.line() == {"open": sessions, "errors": False}
            assert command.status().active == sessions
            peak = command.resident()
            result = held.result()
        after = _settled(command)
    record_property("resident MB", f"{before / MB:.1f} -> {peak / MB:.1f} -> {after / MB:.1f}")
    assert (result["errors"], result["ok"]) == ({}, sessions)
    assert peak - before < sessions * PER_SESSION + KEPT
    assert after - before < KEPT


def test_the_table_of_descriptors_has_its_size_from_the_start(tmp_path: Path) -> None:
    """Growing it, the kernel has a process of several threads wait for some 20 ms: nobody would be served."""
    with pbload.nodes("echo") as nodes, running(wish(nodes), tmp_path) as command:
        status = command.status()
        lines = Path(f"/proc/{status.balancer_pid}/status").read_text().splitlines()
        (size,) = (int(line.split()[1]) for line in lines if line.startswith("FDSize"))
        assert size >= min(2 * status.max_sessions, 65_536)


@pytest.mark.timeout(180)
def test_200_readers_that_do_not_read_cost_no_more_than_the_cap(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Law 8: 20,000,000 bytes each way through each, first stuck, then read, all of them checked."""
    readers, size = 200, 20_000_000
    # Small at the far ends, or the kernel's own limit for all TCP buffers together would be what is tested.
    small = {"socket_buffer": 65_536}
    with pbload.nodes("echo", **small) as nodes, running(wish(nodes), tmp_path) as command:
        before = _settled(command)
        with pbload.started(
            "bulk", target=text_of(command.address()), connections=readers, bytes=size, timeout_s=150, **small
        ) as bulk:
            assert bulk.line()["standstill"] < readers * size
            stuck = command.resident()
            assert command.status().active == readers
            result = bulk.result()
        after = _settled(command)
    record_property("resident MB", f"{before / MB:.1f} -> {stuck / MB:.1f} -> {after / MB:.1f}")
    assert (result["errors"], result["ok"]) == ({}, readers)
    assert result["bytes_received"] == readers * size
    assert stuck - before < readers * 2 * HELD_PER_DIRECTION + KEPT
    assert after - before < KEPT


def test_what_a_crowd_leaves_is_given_back_though_the_last_of_it_stays(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Its memory lies beyond what the others leave: nothing ends there by itself."""
    sessions = _affordable(3_000)
    with pbload.nodes("echo") as nodes:
        config = wish(nodes) | {"engine": {"workers": 1}}
        with running(config, tmp_path) as command:
            address, balancer = command.address(), command.balancer()
            before = _anonymous(balancer)
            with pbload.started("hold", target=text_of(address), connections=sessions, timeout_s=90) as held:
                assert held.line() == {"open": sessions, "errors": False}
                with socket.create_connection(address, timeout=PATIENCE) as last:
                    last.sendall(b"?")
                    assert last.recv(1)
                    peak = _anonymous(balancer)
                    assert held.result()["errors"] == {}
                    wait_until(lambda: command.status().active == 1, "the others have gone")
                    half = (before + peak) // 2
                    wait_until(lambda: _anonymous(balancer) < half, f"less than {half} of {peak} is left")
    record_property("anonymous MB", f"{before / MB:.1f} -> {peak / MB:.1f}")


def _anonymous(pid: int) -> int:
    """Bytes of memory that a process has of no file."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def test_no_descriptors_left_is_waited_out_without_a_spin(tmp_path: Path) -> None:
    """Law 9: the listener stops accepting, says so, uses no processor meanwhile, and recovers by itself."""
    with (
        pbload.nodes("greet", name="n") as nodes,
        running(wish(nodes), tmp_path, under=["prlimit", "--nofile=400"]) as command,
    ):
        address = command.address()
        limit = command.status().max_sessions
        assert 0 < limit < 200
        with ExitStack() as stack:
            clients = [
                stack.enter_context(socket.create_connection(address, timeout=PATIENCE))
                for _ in range(limit + 100)
            ]
            wait_until(lambda: command.status().active >= limit, "the limit is reached")
            assert command.status().limits
            used = command.cpu_seconds()
            # Not for timing: a spin needs time to show itself.
            time.sleep(1.0)
            assert command.cpu_seconds() - used < 0.5
            # Which of them are served is the kernel's choice of worker; how many, ours.
            wait_until(lambda: len(_greeted(clients)) == limit, "as many are served as there is room for")
        wait_until(lambda: command.status().active == 0, "all sessions have ended")
        wait_until(lambda: command.status().limits == [], "the limit is no longer reached")
        assert pbload.connect(address, 1000, kind="server-first", parallel=8)["errors"] == {}


def _greeted(clients: list[socket.socket]) -> list[socket.socket]:
    return select.select(clients, [], [], 0)[0]


def test_descriptors_that_run_out_below_the_limit_are_waited_out_too(tmp_path: Path) -> None:
    """Law 9: whoever has taken them, clients wait, no processor is used for it, and no node is blamed."""
    with (
        pbload.nodes("greet", name="n") as nodes,
        running(wish(nodes), tmp_path) as command,
        ExitStack() as stack,
    ):
        address = command.address()
        with no_descriptors_left(command.balancer()):
            clients = [
                stack.enter_context(socket.create_connection(address, timeout=PATIENCE)) for _ in range(50)
            ]
            wait_until(lambda: command.said("no descriptors"), "the shortage is told")
            used = command.cpu_seconds()
            # Not for timing: a spin needs time to show itself.
            time.sleep(1.0)
            assert command.cpu_seconds() - used < 0.5
        assert {client.recv(2) for client in clients} == {b"n\n"}
        wait_until(lambda: command.status().limits == [], "the shortage is over")
        (node,) = command.status().clusters[0].nodes
        assert (node.health, node.failed) == ("up", 0)


def _affordable(sessions: int) -> int:
    """So many sessions, or what this machine's descriptor limit allows the balancer: two each."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(sessions, (hard - 500) // 2)
