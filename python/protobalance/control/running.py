"""What exists from start to stop: the engine and what is in force, changed together or not at all."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import protobalance
from protobalance.config import Config
from protobalance.config.loops import loops
from protobalance.control import certificates
from protobalance.control.answers import Confinement
from protobalance.control.bequest import Bequest
from protobalance.control.chronicle import Chronicle
from protobalance.control.engine_events import EngineEvents
from protobalance.control.engine_port import EngineFactory, EnginePort, HandedOver, start_engine
from protobalance.control.history import History
from protobalance.control.in_force import InForce
from protobalance.control.names import Names, hosts_of
from protobalance.control.operator_log import OperatorLog, to_stream
from protobalance.control.overrides import Overrides, OverridesFile, reconcile
from protobalance.control.problems import Problems
from protobalance.control.refusal import Refused
from protobalance.control.report import Event
from protobalance.control.source_ports import SourcePorts, ports_of_an_address, uses
from protobalance.control.state_folder import StateFolder
from protobalance.keeper import ALONE
from protobalance.keeper.kept import Occasion

if TYPE_CHECKING:
    from protobalance.control.load_ratings import Rated

Confine = Callable[[Config, Path | None, Path | None, OperatorLog], Confinement | None]


class Surroundings(msgspec.Struct, frozen=True):
    """What a supervisor stands on; a test puts its own in place."""

    start_engine: EngineFactory = start_engine
    handed_over: Sequence[HandedOver] = ()
    names: Names = msgspec.field(default_factory=Names)
    log: OperatorLog = msgspec.field(default_factory=lambda: OperatorLog(to_stream()))
    clock: Callable[[], float] = time.time
    bequest: Bequest = msgspec.field(default_factory=lambda: Bequest(ALONE))
    confine: Confine | None = None  # a program is not ours to restrict
    confinement: Confinement | None = None


class Running:
    """Made by starting: the engine accepts connections when this exists."""

    def __init__(
        self, surroundings: Surroundings, config: Config, source: str, overrides: Overrides | None = None
    ) -> None:
        folder = None if config.engine.state_dir is None else Path(config.engine.state_dir)
        self._bequest = surroundings.bequest
        # Before the engine wants its files there.
        self._claim = None if folder is None else self._claimed(folder)
        self.surroundings = surroundings
        self.started_with = config
        self.draining = False
        self.superseded = False
        self.rating_problems: Problems[tuple[str, str]] = Problems()  # by cluster and source
        self._name_problems: Problems[str] = Problems()  # by host
        self.own_problems: Problems[str] = Problems()  # by whom: the keeper, the certificates
        self._overrides_file = OverridesFile(folder)
        self._events_lock = threading.Lock()
        self._applying = threading.Lock()
        self.chronicle = Chronicle(
            surroundings.log,
            History(folder, warn=surroundings.log.warning),
            surroundings.clock,
        )
        self.events = EngineEvents(self.chronicle, surroundings.clock)
        self.source_ports = SourcePorts(self.chronicle, surroundings.clock)
        kept, trouble = self._overrides_file.load() if overrides is None else (overrides, "")
        standing, notes = reconcile(kept, config)
        surroundings.names.resolve_missing(hosts_of(config))
        try:
            material = certificates.read(config, source, surroundings.clock())
            self.in_force = InForce(config, source, standing, material, config.engine.state_dir)
            self.engine = self._started(config)
            self._bequest.leave_lock(str(folder), self._claim.descriptor if self._claim else None)
            self._bequest.leave(self.in_force, self.engine.listening_sockets())
        except BaseException:
            self._release()
            raise
        for warning in (*loops(config), *material.warnings(surroundings.clock())):
            surroundings.log.warning(warning)
        if self._claim is not None and self._claim.missed:
            self.own_problems.note("state folder", None, self._claim.missed, surroundings.clock())
            surroundings.log.warning(self._claim.missed)
        self._tell_of_overrides(trouble, tuple(note.sentence for note in notes))
        self.tell_of_names()
        if len(standing) != len(kept):
            trouble = self._overrides_file.save(standing)
            if trouble:
                surroundings.log.warning(trouble)

    def _claimed(self, folder: Path) -> StateFolder:
        """Clients wait for one that starts again."""
        again = self._bequest.backing.occasion.why == "death"
        return StateFolder(folder, self._bequest.lock(str(folder)), refusing=not again)

    def _started(self, config: Config) -> EnginePort:
        engine = self.surroundings.start_engine(
            config.engine.workers, config.engine.max_sessions, self.surroundings.handed_over
        )
        try:
            self.chronicle.generation = self._applied(engine, self.in_force)
        except BaseException:
            engine.stop()
            raise
        return engine

    def _applied(self, engine: EnginePort, after: InForce) -> int:
        try:
            return engine.apply(after.plan(self.surroundings.names))
        except Refused as refusal:
            raise refusal if self._claim is None else self._claim.explained(refusal) from None

    def stop(self) -> None:
        """End all sessions; the state folder is free again."""
        self.engine.stop()
        self.chronicle.record("stop", "", "stopped")
        self._release()

    def _release(self) -> None:
        if self._claim is not None:
            self._claim.release()

    @property
    def generation(self) -> int:
        """The plan in force."""
        return self.chronicle.generation

    def put_in_force(self, after: InForce) -> list[str]:
        """Carry out a change: all of it, or raise and nothing. Warnings about what is not kept."""
        names = self.surroundings.names
        hosts = hosts_of(after.config)
        names.resolve_missing(hosts)
        with self._applying:
            self.refuse_while_draining()
            generation = self._applied(self.engine, after)
            before, self.in_force = self.in_force, after
            if after.material is not before.material:
                self.own_problems.note("certificates", None, "", self.surroundings.clock())
            self.chronicle.generation = generation
            warnings = self._leave(after)
        names.forget(except_for=hosts)
        self._name_problems.keep(hosts)
        self.tell_of_names()
        self.rating_problems.keep(_rated_by(after.config))
        if after.overrides == before.overrides:
            return warnings
        trouble = self._overrides_file.save(after.overrides)
        self.own_problems.note(
            "overrides", None, trouble and f"overrides: {trouble}", self.surroundings.clock()
        )
        return [*warnings, trouble] if trouble else warnings

    def _leave(self, after: InForce) -> list[str]:
        """To the balancer after this one. The change is in force by now, so what fails here is no refusal."""
        try:
            self._bequest.leave(after, self.engine.listening_sockets())
        except OSError as error:
            return [f"in force, but a restart would undo it until the next change: {error.strerror}"]
        return []

    def not_renewed(self, error: Exception) -> None:
        """What the files of certificates hold now cannot serve: said now, and by `status` until it can."""
        said, reasons = "not renewed, those read before stay in force", str(error).splitlines()
        self.own_problems.note(
            "certificates", None, f"certificates: {said}: {reasons[0]}", self.surroundings.clock()
        )
        self.chronicle.record("apply-failed", "certificates", said, by="files", details=tuple(reasons))

    def addresses_changed(self, hosts: Sequence[str]) -> None:
        """Names resolve to other addresses now: the same plan with these."""
        names = self.surroundings.names
        try:
            # Under the lock, or a plan read before another change would undo it.
            with self._applying:
                self.refuse_while_draining()
                self.chronicle.generation = self.engine.apply(self.in_force.plan(names))
        except Refused as refusal:
            self.chronicle.record("warning", "names", f"new addresses are not in use: {refusal}")
            return
        for host in hosts:
            self.chronicle.record("address", host, f"is now {names.address(host)}", by="names")

    def tell_of_names(self) -> None:
        """Tell once of each name that does not resolve, and once when it does again."""
        names, now = self.surroundings.names, self.surroundings.clock()
        for host in sorted(hosts_of(self.in_force.config)):
            problem = names.problem(host)
            if self._name_problems.note(host, "unresolved", problem, now):
                kept = names.address(host)
                rest = f"its nodes stay at {kept}" if kept else "its nodes take no clients until it does"
                said = f"does not resolve: {problem}; {rest}" if problem else f"resolves now, to {kept}"
                self.chronicle.record("warning" if problem else "address", host, said, by="names")

    def drain(self) -> int:
        """Accept nobody any more; the sessions that go on. No plan is applied from then on."""
        with self._applying:
            first, self.draining = not self.draining, True
            if first:
                # Ours are the last descriptors then: who is in a queue by now is taken in as they close.
                self._bequest.leave_no_listener()
                self.engine.drain()
        if first:
            self.chronicle.record("drain", "", "the listeners are closed, sessions go on")
        return self.engine.snapshot().active

    def supersede(self) -> None:
        """Accept nobody any more, for another process does, with the same sockets and the same state folder:
        nothing is written there any more. Idempotent.
        """
        with self._applying:
            first, self.superseded = not self.superseded, True
            self.draining = True
            if first:
                self.chronicle.leave_file()
                self.engine.drain()
        if first:
            self.chronicle.record("superseded", "", "another process accepts now, the sessions here go on")

    def refuse_while_draining(self) -> None:
        """No change while the balancer ends."""
        if self.superseded:
            raise Refused("conflict", "another process has taken over meanwhile", "", "ask again")
        if self.draining:
            # A plan would open the listeners again.
            raise Refused("stopped", "the balancer is draining", "", "start it again to change it")

    def take_events(self) -> None:
        """Tell what the engine has reported since the last call."""
        # One at a time, so that what happened first is told first.
        with self._events_lock:
            events: list[Event] = self.engine.take_events()
            for event in events:
                self.events.handle(event)

    def look_at_source_ports(self) -> None:
        """Tell of ports to nodes that run short."""
        self.source_ports.look(uses(self.in_force.config, self.engine.snapshot(), ports_of_an_address()))

    def rated(self, cluster: str, source: str, outcome: Rated) -> None:
        """Publish a round of load ratings, and tell of what is wrong with them once."""
        if outcome.ratings:
            self.engine.set_load_ratings(cluster, outcome.ratings)
        now = self.surroundings.clock()
        if self.rating_problems.note((cluster, source), outcome.kinds, outcome.message, now):
            summary = f"{source}: {outcome.message or 'rates again'}"
            self.chronicle.record("rating", f"load rating of {cluster}", summary, by="load rating")

    def _tell_of_start(self, occasion: Occasion, source: str) -> None:
        tell, before = self.chronicle.record, occasion.before
        match occasion.why:
            case "death":
                said = f"the balancer before {occasion.how}; this one goes on with what was in force"
                tell("restart", "", f"{said}: {source}", by="keeper")
            case "upgrade":
                now = f"{protobalance.__version__} (pid {os.getpid()})"
                said = f"from {before.version} (pid {before.pid}) to {now}"
                tell("upgrade", "", said, by=occasion.by, transaction=occasion.transaction)
            case _:
                tell("start", "", f"started with {source}", by="start")

    def _tell_of_overrides(self, trouble: str, notes: tuple[str, ...]) -> None:
        source = self.in_force.source
        self._tell_of_start(self._bequest.backing.occasion, source)
        if trouble:
            self.chronicle.record("overrides", "overrides", trouble, by="start")
        if notes:
            self.chronicle.record("overrides", "overrides", "set at run time", by="start", details=notes)


def _rated_by(config: Config) -> set[tuple[str, str]]:
    return {
        (cluster.name, rating.function or rating.agent or "")
        for cluster in config.clusters.values()
        if (rating := cluster.load_rating) is not None
    }
