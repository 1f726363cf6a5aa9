"""A terminal that closes, and whoever was started in it."""

from __future__ import annotations

import os
import pty
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGHUP, SIGKILL
from typing import NamedTuple

import pytest

from peers.command import Command, ended
from peers.joined import exchange, listening, session
from peers.process import Address, address_of, wait_until
from peers.wish import Config, wish

# Becomes the command, as the first process of the terminal that is its standard input. Whoever runs the tests
# may have had them ignore SIGHUP.
IN_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""
QUIET: Config = {"admin": {"socket": "off"}}
NOHUP = ("sh", "-c", 'trap "" HUP; exec "$@"', "sh")


class InTerminal(NamedTuple):
    command: Command
    address: Address
    terminal: int  # to be closed
    node: socket.socket


@contextmanager
def in_terminal(
    folder: Path, *options: str, under: tuple[str, ...] = (), beside: Config | None = None
) -> Iterator[InTerminal]:
    terminal, inside = pty.openpty()
    with listening() as node:
        config = wish({"n": node.getsockname()}) | (beside or {})
        within = (sys.executable, "-c", IN_TERMINAL, *under)
        command = Command(config, folder, under=within, terminal=inside, options=options)
        os.close(inside)
        with command.child:
            try:
                address = address_of(command.ready_line().partition(" ready: ")[2].split()[1])
                yield InTerminal(command, address, terminal, node)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(command.child.pid, SIGKILL)


@pytest.mark.parametrize(
    ("options", "beside"),
    [((), {}), ((), QUIET), (("--alone",), {}), (("--alone",), QUIET)],
    ids=["kept", "kept-quiet", "alone", "alone-quiet"],
)
def test_it_drains_once_it_is_gone(tmp_path: Path, options: tuple[str, ...], beside: Config) -> None:
    """SIGHUP is "apply" as long as there is one; a second one, as shells send it, ends nobody's session."""
    with in_terminal(tmp_path, *options, beside=beside) as (command, address, terminal, node):
        with session(address, node) as (client, served):
            command.signal(SIGHUP)
            wait_until(lambda: command.said("nothing has changed"), "the file is applied")
            os.close(terminal)
            wait_until(lambda: command.said("1 session goes on for at most"), "it drains")
            command.signal(SIGHUP)
            exchange(client, served)
        assert ended(command) == 0
        assert not command.said("ending 1 session")


@pytest.mark.parametrize("options", [(), ("--alone",)], ids=["kept", "alone"])
def test_it_stays_where_it_was_told_to(tmp_path: Path, options: tuple[str, ...]) -> None:
    with in_terminal(tmp_path, *options, under=NOHUP) as (command, _, terminal, _):
        os.close(terminal)
        wait_until(lambda: command.said("nothing has changed"), "the file is applied")
        assert not command.status().draining
