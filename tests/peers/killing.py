"""A balancer that is killed at random moments, while clients come and its state is written all the time."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import msgspec

from peers import pbload
from peers.command import Command, running
from peers.joined import PATIENCE
from peers.release import Release
from peers.wish import wish
from protobalance.api.operations import set_node, status
from protobalance.cli.client import Client
from protobalance.cli.failure import CommandFailed
from protobalance.control.answers import HistoryEntry, Status
from protobalance.control.overrides import OverridesFile

NODES = 5
SOURCES = [f"127.0.8.{number}" for number in range(1, 41)]
# Deaths in quick succession are what this is about, and no reason to wait.
AT_ONCE = "import protobalance.keeper.backoff as backoff; backoff.FIRST = backoff.MOST = 0.0"
LONGEST = 0.15  # seconds between a balancer's being up and its death


class Survival:
    """What clients and operators were told, which holds whatever happens to the process that told them."""

    def __init__(self, command: Command, folder: Path, seed: int) -> None:
        self.command = command
        self.folder = folder
        self.choice = random.Random(seed)
        self.address = command.address()
        self.homes: dict[str, bytes] = {}
        self.weights: dict[str, int] = {}
        self.served = 0
        self.back_after: list[float] = []
        self.client = Client(command.socket)

    def answer(self, source: str) -> bytes:
        """The node that a client gets; empty if its session was cut off. Nobody is refused: that raises."""
        with (
            suppress(ConnectionResetError),
            socket.create_connection(self.address, timeout=PATIENCE, source_address=(source, 0)) as client,
        ):
            return client.recv(3)
        return b""

    def meet(self) -> None:
        """A client comes: once it has been served, it belongs to that node for good."""
        source = self.choice.choice(SOURCES)
        if name := self.answer(source):
            assert self.homes.setdefault(source, name) == name, f"{source} lost its home {name!r}"
            self.served += 1

    def change(self) -> None:
        """An operator sets a weight: once that is answered, it is kept for good."""
        node, weight = f"n{self.choice.randrange(NODES)}", self.choice.randint(1, 100)
        self.weights.pop(node, None)  # unknown until it is answered
        with suppress(CommandFailed):
            order = set_node.SetNodeOrder(cluster="c", node=node, weight=weight)
            self.client.ask(set_node.OPERATION, order)
            self.weights[node] = weight

    def status(self) -> Status:
        """Asked without a process of its own for each question."""
        return self.client.ask(status.OPERATION, status.StatusQuestion())

    def kill(self) -> None:
        """End the process that serves; back when the next one does."""
        pid = self.status().balancer_pid
        time.sleep(self.choice.random() * LONGEST)
        began = time.monotonic()
        os.kill(pid, SIGKILL)
        while not self.answer(SOURCES[0]):
            pass
        self.back_after.append(time.monotonic() - began)

    def look(self) -> None:
        """Homes, weights, and the files."""
        for source, name in self.homes.items():
            answer = self.answer(source)
            assert answer == name, f"{source} belongs to {name!r} and came to {answer!r}"
        nodes = self.status().clusters[0].nodes
        weights = {each.name: each.weight for each in nodes if each.name in self.weights}
        assert weights == self.weights
        kept, trouble = OverridesFile(self.folder).load()
        assert trouble == ""
        assert {f"c/{name}": str(weight) for name, weight in weights.items() if weight != 1}.items() <= (
            kept.values("weight").items()
        )
        for line in (self.folder / "history.jsonl").read_bytes().splitlines():
            msgspec.json.decode(line, type=HistoryEntry)
        names = {"overrides.json", "history.jsonl", "history.jsonl.1", "affinity-c.table", "lock"}
        assert {path.name for path in self.folder.iterdir()} <= names | {"overrides.new"}


def killed_at_random(folder: Path, times: int) -> Survival:
    """Kill it so many times, under clients and changes, and look each time."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    state = folder / "state"
    with pbload.nodes("greet", NODES, name="n") as nodes:
        config = wish(nodes, policy="random", affinity={"idle": "1h", "capacity": 1000})
        config["engine"] = {"state_dir": str(state)}
        release = Release(folder)
        release.becomes("1.0", AT_ONCE)
        with running(config, folder, program=str(release.path)) as command:
            survival = Survival(command, state, seed)
            over, still = threading.Event(), threading.Lock()
            failed: list[BaseException] = []

            def again_and_again(what: str) -> None:
                try:
                    while not over.is_set():
                        with still:
                            getattr(survival, what)()
                except BaseException as error:  # noqa: BLE001 - raised again below
                    failed.append(error)

            threads = [threading.Thread(target=again_and_again, args=(what,)) for what in ("meet", "change")]
            for thread in threads:
                thread.start()
            try:
                for _ in range(times):
                    survival.kill()
                    with still:
                        survival.look()
                    assert not failed
            finally:
                over.set()
                for thread in threads:
                    thread.join()
    assert not failed
    return survival
