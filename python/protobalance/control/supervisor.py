"""One engine, the configuration in force, and the overrides on top of it.

The law: a change is all or nothing. It is parsed, reconciled with the overrides and compiled before the
engine hears of it; the engine carries it out whole or refuses it; only then is it in force here. Needs no
event loop: what goes on by itself is `background`'s. Every method may be called from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from protobalance import config as configuration
from protobalance.config import Config, ConfigError
from protobalance.control import certificates, changes, observation, status
from protobalance.control.answers import (
    ApplyResult,
    CheckResult,
    Explanation,
    HistoryEntry,
    NodeChange,
    PlanResult,
    RedirectChange,
    SessionList,
    Status,
    UpgradeResult,
)
from protobalance.control.answers_of_config import said
from protobalance.control.checking import checked
from protobalance.control.chronicle import Subscriber
from protobalance.control.counted import plural
from protobalance.control.impact import impact
from protobalance.control.in_force import InForce
from protobalance.control.node_setting import NodeSetting
from protobalance.control.overrides import Overrides
from protobalance.control.preview import preview
from protobalance.control.refusal import Refused
from protobalance.control.running import Running, Surroundings
from protobalance.control.transactions import Transactions
from protobalance.control.upgrading import hand_over


class Supervisor:
    """Steers one engine. `start` first; every operation after `stop` is refused."""

    def __init__(self, surroundings: Surroundings | None = None) -> None:
        self._surroundings = surroundings or Surroundings()
        self._running: Running | None = None
        self._path: Path | None = None
        self._transactions = Transactions()
        self._changing = threading.RLock()
        self._on_change: list[Callable[[], None]] = []

    # From start to stop.

    def start(
        self,
        config: Config,
        source: str = "program",
        path: Path | None = None,
        overrides: Overrides | None = None,
    ) -> None:
        """Bind and forward. `path` is the file that `plan` and `apply` read again; `overrides` those to begin
        with, if not the state folder's. Raises `Refused`.
        """
        if self._running is not None:
            raise Refused("conflict", "it is running already", "", "stop it first")
        self.adopt(Running(self._surroundings, config, source, overrides), path)

    def adopt(self, running: Running, path: Path | None = None) -> None:
        """Steer an engine that forwards already."""
        self._path, self._running = path, running

    @property
    def running(self) -> Running:
        """The engine and what is in force; refused while there is none."""
        if self._running is None:
            raise Refused("stopped", "the balancer is not running", "", "start it")
        return self._running

    def when_changed(self, notify: Callable[[], None]) -> Callable[[], None]:
        """Call `notify` after each change, in the thread that made it; returns how to end that."""
        self._on_change.append(notify)
        return lambda: self._on_change.remove(notify)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with each history entry from now on; returns how to end that."""
        return self.running.chronicle.subscribe(subscriber)

    def take_events(self) -> None:
        """Tell what the engine has reported; for whoever watches `event_fd`."""
        self.running.take_events()

    def reopen_session_log(self) -> None:
        """Open the session log's file anew."""
        self.running.engine.reopen_session_log()

    def drain(self) -> int:
        """Accept nobody any more; the sessions that go on."""
        return self.running.drain()

    def stop(self) -> None:
        """End what is left. Idempotent."""
        with self._changing:
            running, self._running = self._running, None
            if running is None:
                return
            with suppress(Refused):
                running.take_events()
            running.stop()

    # Questions.

    def status(self) -> Status:
        """The whole state at this moment."""
        running = self.running
        running.take_events()
        return status.whole(running)

    def sessions(self, listener: str = "", node: str = "", client: str = "", limit: int = 100) -> SessionList:
        """The open sessions that match; `node` as cluster/node; what is empty matches all."""
        running = self.running
        return observation.sessions(
            running.engine, running.in_force, listener=listener, node=node, client=client, limit=limit
        )

    def explain(
        self,
        client: str | None = None,
        listener: str | None = None,
        limit: int = 10,
        *,
        server_name: str | None = None,
    ) -> Explanation:
        """Why sessions went where they went, and where `client` would go now, asking for `server_name`."""
        running = self.running
        running.take_events()
        return observation.explain(
            running.engine,
            running.in_force,
            running.events,
            observation.Asked(client or "", listener or "", server_name or ""),
            limit,
        )

    def history(self, limit: int = 50) -> list[HistoryEntry]:
        """What changed, newest first."""
        running = self.running
        running.take_events()
        return running.chronicle.latest(limit)

    def check(self, text: str | None = None, source: str = "text") -> CheckResult:
        """Whether a configuration is sound, and everything that is wrong with it."""
        now = self._surroundings.clock()
        if text is not None:
            return checked(lambda: (configuration.loads(text, source), ()), source, now)
        file = self._file()
        return checked(lambda: configuration.load_with_remarks(file), str(file), now)

    def plan(self, text: str | None = None, source: str = "text") -> PlanResult:
        """What `apply` would do; the file's text unless given. Raises `ConfigError`."""
        running = self.running
        return preview(running, *self._wished(text, source)).told(running)

    # Changes.

    def apply(
        self,
        text: str | None = None,
        transaction: str | None = None,
        *,
        source: str = "text",
        by: str = "api",
    ) -> ApplyResult:
        """Put a configuration in force, the file's unless given. Raises `ConfigError` or `Refused`."""

        def carry_out() -> ApplyResult:
            running = self.running
            try:
                return self._apply(running, *self._wished(text, source), by, transaction)
            except (ConfigError, Refused) as error:
                running.chronicle.record(
                    "apply-failed",
                    "configuration",
                    "not applied, the one before stays in force",
                    by=by,
                    details=tuple(str(error).splitlines()),
                )
                raise

        with self._changing:
            return self._transactions.once(transaction, ("apply", text), carry_out)

    def apply_config(self, config: Config, source: str = "program", *, by: str = "program") -> ApplyResult:
        """Put a configuration in force that exists as values."""
        with self._changing:
            return self._apply(self.running, config, source, by, None)

    def renew_certificates(self) -> None:
        """Serve with what the files of certificates hold now. What cannot serve is told of, once."""
        with self._changing:
            running = self.running
            before, source = running.in_force, running.in_force.source
            try:
                material = certificates.read(
                    before.config, source, self._surroundings.clock(), before.material
                )
                renewed = before.material.changes_to(material)
                if renewed:
                    running.put_in_force(replace(before, material=material))
                running.own_problems.note("certificates", None, "", self._surroundings.clock())
            except (ConfigError, Refused) as error:
                running.not_renewed(error)
                return
            if renewed:
                lines = [said(change) for change in renewed]
                summary = f"{plural(len(renewed), 'file')} read anew"
                self._tell("apply", "certificates", summary, by="files", transaction=None, details=lines)

    def set_node(
        self,
        cluster: str,
        node: str,
        wanted: NodeSetting,
        transaction: str | None = None,
        *,
        by: str = "api",
    ) -> NodeChange:
        """Set a node's admin state or weight beside the file, or take back what was set."""

        def carry_out() -> NodeChange:
            running = self.running
            at = self._surroundings.clock()
            after = changes.with_node(running.in_force, cluster, node, wanted, at=at, by=by)
            touched = impact(running.in_force, after, running.engine.snapshot())
            changed, warnings = self._overridden(running, after)
            in_cluster, of_node = changes.find_node(after.config, cluster, node)
            change = NodeChange(
                generation=running.generation,
                cluster=cluster,
                node=node,
                admin_state=after.admin_state(in_cluster, of_node),
                file_admin_state=of_node.admin_state,
                weight=after.weight(in_cluster, of_node),
                file_weight=of_node.weight,
                impact=touched,
                warnings=warnings,
                changed=changed,
            )
            if not changed:
                return change
            summary = (
                f"{change.admin_state}, weight {change.weight}{' as in the file' if wanted.clear else ''}"
            )
            lines = [each.sentence for each in touched]
            subject = f"{cluster}/{node}"
            self._tell("node", subject, summary, by=by, transaction=transaction, details=lines)
            return change

        with self._changing:
            return self._transactions.once(transaction, ("node", cluster, node, wanted), carry_out)

    def redirect(
        self, listener: str, cluster: str | None, transaction: str | None = None, *, by: str = "api"
    ) -> RedirectChange:
        """Let a listener feed another cluster beside the file; `None`: the file's again."""

        def carry_out() -> RedirectChange:
            running = self.running
            after = changes.with_redirect(
                running.in_force, listener, cluster, at=self._surroundings.clock(), by=by
            )
            changed, warnings = self._overridden(running, after)
            wished = changes.find_listener(after.config, listener)
            change = RedirectChange(
                running.generation, listener, after.cluster_of(wished), wished.cluster, warnings, changed
            )
            if not changed:
                return change
            summary = f"feeds {change.cluster}{' as in the file' if cluster is None else ''}"
            self._tell("redirect", f"listener {listener}", summary, by=by, transaction=transaction)
            return change

        with self._changing:
            return self._transactions.once(transaction, ("redirect", listener, cluster), carry_out)

    def upgrade(
        self, grace: float | None = None, transaction: str | None = None, *, by: str = "api"
    ) -> UpgradeResult:
        """Let the program as it now is on disk take over; see `hand_over`."""

        def carry_out() -> UpgradeResult:
            return hand_over(self.running, grace, transaction, by)

        with self._changing:
            return self._transactions.once(transaction, ("upgrade", grace), carry_out)

    def look_at_file(self) -> None:
        """Tell if the file is not what is in force, as after a restart that did not read it."""
        running = self.running
        if self._path is None:
            return
        try:
            said = [each.path for each in self.plan().changes]
            summary = "says something else than what is in force; `protobalance apply` puts it in force"
        except ConfigError as error:
            said = [str(found) for found in error.problems]
            summary = "is refused; what was in force before stays"
        if said:
            running.chronicle.record("warning", str(self._path), summary, by="keeper", details=tuple(said))

    def _wished(self, text: str | None, source: str) -> tuple[Config, str]:
        if text is not None:
            return configuration.loads(text, source), source
        file = self._file()
        return configuration.load(file), str(file)

    def _file(self) -> Path:
        if self._path is None:
            raise Refused("invalid", "there is no configuration file", "", "give the configuration's text")
        return self._path

    def _apply(
        self, running: Running, config: Config, source: str, by: str, transaction: str | None
    ) -> ApplyResult:
        seen = preview(running, config, source)
        changed = bool(seen.changes) or seen.after.overrides != running.in_force.overrides
        warnings = list(seen.warnings)
        if changed:
            warnings = running.put_in_force(seen.after) + warnings
            lines = [said(change) for change in seen.changes]
            lines += [note.sentence for note in seen.overrides]
            count = len(seen.changes)
            summary = f"{source}: {plural(count, 'change')}"
            lines += [each.sentence for each in seen.impact]
            self._tell("apply", "configuration", summary, by=by, transaction=transaction, details=lines)
        return ApplyResult(
            source=source,
            generation=running.generation,
            changed=changed,
            changes=seen.changes,
            overrides=seen.overrides,
            impact=seen.impact,
            warnings=warnings,
        )

    def _overridden(self, running: Running, after: InForce) -> tuple[bool, list[str]]:
        """Put other overrides in force; whether they were others, and what an operator should know."""
        changed = after.overrides != running.in_force.overrides
        kept = running.put_in_force(after) if changed else []
        return changed, kept + changes.warnings(running.started_with, after)

    def _tell(
        self,
        kind: Literal["apply", "node", "redirect"],
        subject: str,
        summary: str,
        *,
        by: str,
        transaction: str | None,
        details: Sequence[str] = (),
    ) -> None:
        self.running.chronicle.record(
            kind, subject, summary, by=by, transaction=transaction or "", details=tuple(details)
        )
        for notify in tuple(self._on_change):
            notify()
