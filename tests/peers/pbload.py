"""The load tool: nodes that answer or fail as told, and clients that check every byte.

Built once per test run by cargo, which does nothing if it is built already.
"""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from peers.process import Address, address_of, text_of

ROOT = Path(__file__).parents[2]


@functools.cache
def program() -> str:
    """The built program's path."""
    command = ["cargo", "build", "--release", "-p", "protobalance-load", "--message-format=json", "--quiet"]
    built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    artifacts = [json.loads(line) for line in built.stdout.splitlines()]
    return next(str(artifact["executable"]) for artifact in artifacts if artifact.get("executable"))


class Run:
    """A run of the tool: it prints lines, and hears lines until its input is closed."""

    def __init__(self, subcommand: str, options: dict[str, object], under: Sequence[str] = ()) -> None:
        words = [
            word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", str(value))
        ]
        self.child = subprocess.Popen(
            [*under, program(), subcommand, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> int:
        return self.child.pid

    def line(self) -> dict[str, Any]:
        """The next line it prints."""
        assert self.child.stdout
        text = self.child.stdout.readline()
        assert text, f"pbload ended with {self.child.wait()}"
        parsed: dict[str, Any] = json.loads(text)
        return parsed

    def mark(self) -> int:
        """Begin a new epoch of a churn: its number, once every later connection counts to it."""
        self.say()
        return int(self.line()["epoch"])

    def say(self, word: str = "") -> None:
        """A line to it."""
        assert self.child.stdin
        self.child.stdin.write(f"{word}\n")
        self.child.stdin.flush()

    def tell_end(self) -> None:
        """Close its input: the clients finish, the nodes end."""
        assert self.child.stdin
        self.child.stdin.close()

    def result(self) -> dict[str, Any]:
        """Its last word, after its input was closed."""
        self.tell_end()
        answer = self.line()
        self.child.wait()
        return answer


@contextmanager
def started_under(command: Sequence[str], subcommand: str, /, **options: object) -> Iterator[Run]:
    """A run that is over when the `with` is, run by the command, such as `taskset`."""
    run = Run(subcommand, options, command)
    try:
        yield run
    finally:
        # Its own `with` waits for it and closes both pipes.
        with run.child:
            run.child.kill()


def started(subcommand: str, /, **options: object) -> AbstractContextManager[Run]:
    """A run that is over when the `with` is."""
    return started_under((), subcommand, **options)


@contextmanager
def nodes(mode: str, count: int = 1, **options: object) -> Iterator[dict[str, Address]]:
    """`count` nodes of one mode: their addresses by the names they call themselves."""
    with started("node", mode=mode, count=count, **options) as run:
        yield {name: address_of(text) for name, text in run.line().items()}


def connect(target: Address, connections: int, **options: object) -> dict[str, Any]:
    """So many conversations, and what became of them."""
    with started("connect", target=text_of(target), connections=connections, **options) as run:
        return run.line()
