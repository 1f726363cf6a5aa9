"""The installed command, run as a user runs it, and watched as an operator watches it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from peers.process import Address, address_of, wait_until
from peers.wish import Config, written
from protobalance.control.answers import Status

PROGRAM = str(Path(sys.executable).with_name("protobalance"))


# What only the kernel hears, and a keeper cannot pass on.
_FOR_EACH_PROCESS = (signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT)


class Command:
    """`protobalance run` on a configuration, its admin socket and messages in the same folder, unless the
    configuration says something of its own about the admin interface.

    `child` is its first process, the keeper; all its processes are one process group.
    """

    def __init__(
        self,
        config: Config,
        folder: Path,
        *,
        under: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
        program: str = PROGRAM,
        options: Sequence[str] = (),
        terminal: int = subprocess.DEVNULL,
        socket: Path | None = None,
    ) -> None:
        self.file = written(config, folder / "protobalance.toml")
        self.socket = socket or folder / "admin.sock"
        self.messages = folder / "messages"
        asked_at = [] if "admin" in config else ["--socket", str(self.socket)]
        with self.messages.open("ab") as messages:
            self.child = subprocess.Popen(
                [*under, program, "run", str(self.file), *asked_at, *options],
                stdin=terminal,
                stdout=subprocess.PIPE,
                stderr=messages,
                text=True,
                env=os.environ | dict(environment or {}),
                pass_fds=descriptors,
                start_new_session=True,
            )

    def ready_line(self) -> str:
        """What it prints when it serves."""
        assert self.child.stdout
        line = self.child.stdout.readline()
        assert " ready: " in line, f"{line!r}; messages:\n{self.messages.read_text()}"
        return line

    def ask(self, *words: str) -> str:
        """What another command says about it; an error if it was refused."""
        done = subprocess.run(
            [PROGRAM, *words, "--socket", str(self.socket)],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> Status:
        return msgspec.json.decode(self.ask("status", "--json"), type=Status)

    def address(self, listener: str = "in") -> Address:
        """Where clients connect."""
        return next(
            address_of(each.addresses[0]) for each in self.status().listeners if each.name == listener
        )

    def said(self, words: str) -> bool:
        """Whether its messages contain these words."""
        return words in self.messages.read_text()

    def signal(self, number: signal.Signals) -> None:
        """As an operator means it: to the service, whatever processes that has."""
        if number in _FOR_EACH_PROCESS:
            with suppress(ProcessLookupError):
                os.killpg(self.child.pid, number)
        else:
            self.child.send_signal(number)

    def processes(self) -> list[int]:
        """All that are left of it, those aside that have ended and wait for their parent."""
        return [pid for pid, group, state in _processes() if group == self.child.pid and state != "Z"]

    def balancer(self) -> int:
        """The process that serves."""
        return self.status().balancer_pid

    def rewrite(self, config: Config) -> None:
        """Change its file, which changes nothing else."""
        written(config, self.file)

    def resident(self) -> int:
        """Bytes of memory that the process that serves has now."""
        status = Path(f"/proc/{self.balancer()}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def cpu_seconds(self) -> float:
        """Processor time it has used, all processes and threads together."""
        ticks = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(
    config: Config,
    folder: Path,
    *,
    under: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
    program: str = PROGRAM,
    options: Sequence[str] = (),
    terminal: int = subprocess.DEVNULL,
    socket: Path | None = None,
) -> Iterator[Command]:
    """A balancer that serves, and is killed when the `with` ends if it did not end before."""
    command = Command(
        config,
        folder,
        under=under,
        environment=environment,
        descriptors=descriptors,
        program=program,
        options=options,
        terminal=terminal,
        socket=socket,
    )
    with command.child:
        try:
            command.ready_line()
            yield command
        finally:
            command.signal(signal.SIGKILL)


def ended(command: Command) -> int:
    """Its exit code, once all its processes have ended."""
    wait_until(lambda: command.child.poll() is not None, "the command has ended")
    wait_until(lambda: not command.processes(), "all its processes have ended")
    return command.child.wait()


def _processes() -> Iterator[tuple[int, int, str]]:
    """Every process: its id, its group, its state."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            state, _, group, *_ = stat.read_text().rpartition(")")[2].split()
            yield int(stat.parent.name), int(group), state
