"""Becoming another program: rehearse it, execute it, and find there what this one knew.

The command is the one that the keeper was started with. It cannot be chosen by whoever asks for the upgrade:
the keeper may have more rights than they.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from protobalance.keeper.child import Child, signals_blocked
from protobalance.keeper.estate import Estate
from protobalance.keeper.messages import Channel, Order, Process, Request, Upgrade

VARIABLE = "PROTOBALANCE_KEEPER"  # the descriptor of a `State`, for the program that we become
FORM_OF_KEEPER = "PROTOBALANCE_KEEPER_FORM"  # for a rehearsal
REHEARSE = "--rehearse"
PATIENCE = 60.0  # seconds for a rehearsal, and for a successor to be ready
TOLD = 2000  # bytes of what a rehearsal said that are passed on


class KnownChild(msgspec.Struct, frozen=True):
    """A balancer that goes on while its keeper becomes another program."""

    process: Process
    requests: int
    orders: int
    estate: dict[str, int]
    began: float

    def adopted(self) -> Child:
        """It, for the program that knows it from here on."""
        requests: Channel[Request] = Channel.adopted(self.requests, Request)
        orders: Channel[Order] = Channel.adopted(self.orders, Order)
        pid, version = self.process.pid, self.process.version
        return Child(pid, requests, orders, Estate(self.estate), version, began=self.began, sealed=True)


def known(child: Child) -> KnownChild:
    """A child in numbers, which stay the same in another program."""
    numbers = child.requests.fileno(), child.orders.fileno()
    return KnownChild(child.process, *numbers, child.estate.numbers(), child.began)


class State(msgspec.Struct, frozen=True):
    """What a keeper knows, all descriptors as numbers."""

    form: int
    current: KnownChild | None
    predecessors: list[KnownChild]
    upgrade: Upgrade | None
    spared: int
    estate: dict[str, int] = {}  # of one that died, and how it did
    how: str = ""

    def numbers(self) -> list[int]:
        """Every descriptor in it."""
        known = [self.current, *self.predecessors] if self.current else self.predecessors
        of_children = [n for child in known for n in (child.requests, child.orders, *child.estate.values())]
        return [*of_children, *self.estate.values()]


# What two programs must agree in for one to take over from the other: `State`, and the messages between a
# keeper and a balancer that it did not start. Another number for every change of either.
FORM = 2


def command() -> list[str]:
    """How this program was started: by its script where that can be executed, so that one that has moved to
    another interpreter is started by that.
    """
    original = sys.orig_argv
    script = Path(sys.argv[0])
    if (
        len(original) > 1
        and original[1] == sys.argv[0]
        and os.access(script, os.X_OK)
        and _has_shebang(script)
    ):
        return [str(script.absolute()), *sys.argv[1:]]
    return [sys.executable, *original[1:]]


def _has_shebang(script: Path) -> bool:
    with script.open("rb") as file:
        return file.read(2) == b"#!"


class Rehearsal:
    """The new program, asked whether it would start as we would start it.

    Without `subprocess` and `tempfile`, which would double what a keeper imports.
    """

    def __init__(self, words: list[str]) -> None:
        self.deadline = time.monotonic() + PATIENCE
        self._said = os.memfd_create("protobalance-rehearsal")
        try:
            self._pid = os.posix_spawn(
                words[0],
                [*words, REHEARSE],
                os.environ | {FORM_OF_KEEPER: str(FORM)},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, self._said, 1),
                    (os.POSIX_SPAWN_DUP2, self._said, 2),
                ],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores
            )
        except OSError:
            os.close(self._said)
            raise

    def outcome(self) -> str | None:
        """None while it goes on; then why the program would not start, empty if it would."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if not pid:
            if time.monotonic() < self.deadline:
                return None
            self.abandon()
            return f"the new version said nothing for {PATIENCE:g} s"
        words = self._words()
        os.close(self._said)
        code = os.waitstatus_to_exitcode(status)
        return "" if code == 0 else f"the new version would not start (exit code {code}): {words}"

    def _words(self) -> str:
        size = os.fstat(self._said).st_size
        last = os.pread(self._said, TOLD, max(0, size - TOLD))
        return last.decode(errors="replace").strip()

    def abandon(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._said)


def unfit() -> str:
    """In a rehearsal: why this program cannot take over from the one whose keeper asks; empty if it can."""
    form = os.environ.get(FORM_OF_KEEPER, str(FORM))
    if form == str(FORM):
        return ""
    return (
        f"it cannot take over from the version that runs (what keepers know is of form {FORM}, not {form}): "
        "stop that one, and start this one; sessions that are open then end"
    )


def execute(words: list[str], state: State) -> None:
    """Become the program; returns only by raising `OSError`, with nothing changed."""
    numbers = state.numbers()
    sys.stdout.flush()
    sys.stderr.flush()
    memory = os.memfd_create("protobalance-keeper", 0)
    try:
        os.write(memory, msgspec.json.encode(state))
        with signals_blocked():  # until the new program listens to them: a mask outlives an execve(2)
            _inheritable(numbers, inheritable=True)
            os.execve(words[0], words, os.environ | {VARIABLE: str(memory)})  # noqa: S606 - ourselves
    except OSError:
        _inheritable(numbers, inheritable=False)
        raise
    finally:
        os.close(memory)


def resumed() -> State | None:
    """What the program that we were knew, if we were one."""
    number = os.environ.pop(VARIABLE, "")
    if not number:
        return None
    with open(int(number), "rb") as memory:  # noqa: PTH123 - a descriptor, not a path
        memory.seek(0)
        state = msgspec.json.decode(memory.read(), type=State)
    if state.form != FORM:  # its rehearsal would have said so
        raise RuntimeError(f"{state.form} is not the form of what this version's keeper knows, {FORM}")
    _inheritable(state.numbers(), inheritable=False)
    return state


def _inheritable(numbers: list[int], *, inheritable: bool) -> None:
    for number in numbers:
        os.set_inheritable(number, inheritable)


def unblock(numbers: frozenset[int]) -> None:
    """Listen again to what was blocked while the program changed."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
