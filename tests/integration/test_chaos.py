"""Whatever clients, nodes and operators do at once: bytes, ends and counts stay true, and nothing is left.

`CHAOS_SEED` plays one round again, `CHAOS_ROUNDS` plays more of them. Threads race as they like, so a seed
gives the same acts, not always the same moments.
"""

from __future__ import annotations

import json
import os
import random
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from peers.process import wait_until
from peers.records import logged
from peers.scripted import End, Stage, node
from peers.wish import Config, wish
from protobalance import Balancer
from protobalance.control.refusal import Refused

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "6"))
SESSIONS = 120
MANNERS = ("plays", "plays", "plays", "slams", "resets", "refuses")
POLICIES = ("round-robin", "random", "least-sessions", "two-choices", "client-hash", "traffic-rate")
UNIX = 0.2  # the share of nodes on Unix-domain sockets

Nodes = dict[str, str]


@pytest.mark.parametrize("seed", [os.environ.get("CHAOS_SEED")] * ROUNDS, ids=str)
def test_chaos_leaves_no_trace_and_no_wrong_byte(tmp_path: Path, seed: str | None) -> None:
    """Random scripts on both sides, random nodes, and an operator who never rests."""
    seed = seed or str(random.randrange(2**32))
    print(f"CHAOS_SEED={seed}")  # noqa: T201 - shown when the test fails
    choice = random.Random(seed)
    descriptors = _descriptors()
    stage = Stage()
    log = tmp_path / "sessions.json"
    with ExitStack() as stack:
        nodes = {}
        for place, manners in enumerate([*choice.sample(MANNERS, 5), "plays"]):
            path = tmp_path / f"node{place}" if choice.random() < UNIX else None
            begun = node(stage, random.Random(choice.random()), manners, path)
            nodes[f"{manners}{place}"] = stack.enter_context(begun)
        with Balancer(_some_config(nodes, choice, log)) as balancer:
            operator = _Operator(balancer, nodes, random.Random(choice.random()), log)
            for _ in range(SESSIONS):
                stage.client(balancer.address("in"), random.Random(choice.random()))
            operator.rest()
            stage.done()
            wait_until(lambda: balancer.status().active == 0, "every session has ended", 10)
            stage.done()
            _counts_add_up(balancer, log)
            _workers_rest()
    _saw_the_truth(stage, withdrawn=operator.withdrew)
    assert _descriptors() == descriptors


def _some_config(nodes: Nodes, choice: random.Random, log: Path) -> Config:
    """Any of the nodes, at least one that plays, and any settings."""
    config = wish({})
    playing = [name for name in nodes if name.startswith("plays")]
    kept = {choice.choice(playing), *(name for name in nodes if choice.random() < 0.7)}
    settings: dict[str, Any] = {"policy": choice.choice(POLICIES), "retry_interval": "50ms"}
    if settings["policy"] == "client-hash":
        settings["hash_key"] = "k" * 16
    if choice.random() < 0.3:
        settings["replay_unanswered"] = True
    if choice.random() < 0.3:
        settings["affinity"] = {"idle": "1h", "capacity": 100}
    config["clusters"]["c"] |= settings
    config["clusters"]["c"]["nodes"] = {
        name: {"address": nodes[name], "weight": choice.randint(int(name in playing), 5)}
        for name in nodes
        if name in kept
    }
    config["engine"] = {"workers": 2}
    return logged(config, log)


class _Operator:
    """Changes everything, all the time."""

    def __init__(self, balancer: Balancer, nodes: Nodes, choice: random.Random, log: Path) -> None:
        self.withdrew = False  # whether sessions may have been ended by the operator
        self._balancer, self._nodes, self._choice, self._log = balancer, nodes, choice, log
        self._over = threading.Event()
        self._failed: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def rest(self) -> None:
        self._over.set()
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._change()
        except Exception as failure:  # noqa: BLE001 - raised again in the test's own thread
            self._failed = failure

    def _change(self) -> None:
        if self._choice.random() < 0.5:
            self._balancer.apply(_some_config(self._nodes, self._choice, self._log))
            return
        name = self._choice.choice(list(self._nodes))
        state = self._choice.choice(("available", "draining", "offline"))
        self.withdrew |= state == "offline"
        try:
            self._balancer.set_node(f"c/{name}", state)
            self._balancer.set_node(f"c/{name}", clear=True)
        except Refused as refusal:
            if refusal.kind != "unknown":  # it is not in the configuration just now
                raise


def _counts_add_up(balancer: Balancer, log: Path) -> None:
    """Law 13."""
    status = balancer.status()
    (listener,) = status.listeners
    assert (status.active, status.opened, status.closed) == (0, listener.opened, listener.closed)
    assert (listener.active, listener.opened) == (0, listener.closed)
    assert {n.name: n.active for cluster in status.clusters for n in cluster.nodes if n.active} == {}
    engine = balancer.supervisor.running.engine
    assert [worker.active for worker in engine.snapshot().workers] == [0, 0]

    def nothing_held() -> bool:
        return not any(worker.buffered_bytes for worker in engine.snapshot().workers)

    def records() -> list[str]:
        return log.read_text().splitlines()

    wait_until(nothing_held, "the workers hold nothing")
    wait_until(lambda: len(records()) >= status.opened, "every record is written")
    assert len({json.loads(record)["client"] for record in records()}) <= len(records()) == status.opened


def _saw_the_truth(stage: Stage, *, withdrawn: bool) -> None:
    """Laws 1, 3 and 7, from what both ends of every session wrote down."""
    ends = {end.number: end for end in stage.clients + stage.nodes}
    found = [f"{end.wrong}: {end}" for end in ends.values() if end.wrong]
    for one in ends.values():
        other = ends.get(one.peer or 0)
        wrong = "" if one.peer is None else _wrong_with(one, other, withdrawn=withdrawn)
        if wrong:
            found.append(f"{wrong}: {one} and {other}")
    assert not found, "\n".join(found)


def _wrong_with(one: End, other: End | None, *, withdrawn: bool) -> str:
    """What `one` should not have seen of `other`."""
    if other is None or one.received > other.sent:
        return "bytes that nobody sent"
    knows = one.knows_resets and other.knows_resets
    if knows and one.heard == "end" and (other.left == "reset" or one.received < other.sent):
        return "a clean end where something was cut off"
    # A client's peer is the node that served it; a node may have been left for another one.
    together = one.left == other.left == "end" and other.peer in (None, one.number)
    if together and one.heard != "end" and not withdrawn:
        return "a reset where both sides heard each other out"
    return ""


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a list costs no second descriptor


def _workers_rest() -> None:
    """With nothing to do, a worker does nothing: it may not use half of the time that we wait."""
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            if (task / "comm").read_text().startswith("pb-worker"):
                before = _ran(task)
                threading.Event().wait(0.1)
                assert _ran(task) - before < 0.05, "a worker spins"


def _ran(task: Path) -> float:
    """Seconds on a processor."""
    return int((task / "schedstat").read_text().split()[0]) / 1e9
