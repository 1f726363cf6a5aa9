"""The balancer inside a program: no signals, no files of its own, no admin interface, from plain threads.

    with protobalance.Balancer({"listeners": …, "clusters": …}) as balancer:
        host, port = balancer.address("web")

It forwards as soon as it exists. A thread with an event loop is started only for a configuration that
wants names resolved, nodes rated by Python or agents, or checks; without it nothing of asyncio is loaded.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from protobalance import config as configuration
from protobalance.config import Config
from protobalance.config.addresses import split_host_port
from protobalance.config.plan import hostnames
from protobalance.control.answers import (
    ApplyResult,
    Explanation,
    HistoryEntry,
    NodeChange,
    RedirectChange,
    SessionList,
    Status,
)
from protobalance.control.node_setting import NodeSetting
from protobalance.control.operator_log import OperatorLog, to_logging
from protobalance.control.refusal import Refused, unknown
from protobalance.control.running import Surroundings
from protobalance.control.supervisor import Supervisor

Wish = Config | Mapping[str, object] | str | Path

LOOK_EVERY = 0.01  # seconds between looks whether the last session has ended


class Balancer:
    """A running balancer. Raises `ConfigError` for a bad configuration, `Refused` if it cannot start.

    The configuration is a `Config`, a mapping as TOML would give it, TOML text, or a `Path`.
    """

    def __init__(self, config: Wish, *, surroundings: Surroundings | None = None) -> None:
        wished, source, path = _parsed(config)
        self._supervisor = Supervisor(surroundings or Surroundings(log=OperatorLog(to_logging())))
        self._supervisor.start(wished, source, path)
        self._thread: _LoopThread | None = None
        self._keep_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def supervisor(self) -> Supervisor:
        """Everything that the methods here leave out."""
        return self._supervisor

    def address(self, listener: str) -> tuple[str, int]:
        """Where to connect: the listener's first address, as `socket.create_connection` wants it."""
        addresses = self.addresses
        if listener not in addresses:
            raise unknown("listener", listener, addresses)
        return addresses[listener][0]

    @property
    def addresses(self) -> dict[str, list[tuple[str, int]]]:
        """Every listener's addresses, chosen ports filled in."""
        reports = self._supervisor.running.engine.snapshot().listeners
        return {report.name: [split_host_port(text) for text in report.addresses] for report in reports}

    def status(self) -> Status:
        """The whole state at this moment."""
        return self._supervisor.status()

    def sessions(self, listener: str = "", node: str = "", client: str = "", limit: int = 100) -> SessionList:
        """The open sessions that match; `node` as cluster/node."""
        return self._supervisor.sessions(listener, node, client, limit)

    def explain(
        self,
        client: str | None = None,
        listener: str | None = None,
        limit: int = 10,
        *,
        server_name: str | None = None,
    ) -> Explanation:
        """Why sessions went where they went, and where `client` would go now, asking for `server_name`."""
        return self._supervisor.explain(client, listener, limit, server_name=server_name)

    def history(self, limit: int = 50) -> list[HistoryEntry]:
        """What changed, newest first."""
        return self._supervisor.history(limit)

    def apply(self, config: Wish) -> ApplyResult:
        """Another configuration from now on, all of it or nothing. The new one decides about threads too."""
        wished, source, _ = _parsed(config)
        result = self._supervisor.apply_config(wished, source)
        self._keep_up()
        return result

    def set_node(
        self, node: str, admin_state: str | None = None, *, weight: int | None = None, clear: bool = False
    ) -> NodeChange:
        """Set the admin state or weight of `cluster/node`; `clear` goes back to the configuration's."""
        cluster, slash, name = node.partition("/")
        if not slash:
            raise Refused("invalid", f"{node!r} is no node", "node", "write it as CLUSTER/NODE")
        wanted = NodeSetting(admin_state, weight, clear)
        return self._supervisor.set_node(cluster, name, wanted, by="program")

    def redirect(self, listener: str, cluster: str | None) -> RedirectChange:
        """Let a listener feed another cluster; `None`: the configuration's again."""
        return self._supervisor.redirect(listener, cluster, by="program")

    def stop(self, grace: float = 0.0) -> None:
        """Accept nobody, let sessions end by themselves for `grace` seconds, end the rest. Idempotent."""
        thread, self._thread = self._thread, None
        try:
            if grace > 0:
                deadline = time.monotonic() + grace
                while self._supervisor.drain() and time.monotonic() < deadline:
                    time.sleep(LOOK_EVERY)
        except Refused as refusal:
            if refusal.kind != "stopped":
                raise
        finally:
            if thread is not None:
                thread.end()
            self._supervisor.stop()

    def _keep_up(self) -> None:
        if self._thread is None and _needs_loop(self._supervisor.running.in_force.config):
            self._thread = _LoopThread(self._supervisor)


def _parsed(wish: Wish) -> tuple[Config, str, Path | None]:
    match wish:
        case Config():
            return wish, "program", None
        case Path():
            return configuration.load(wish), str(wish), wish
        case str() if _is_a_name(wish):
            raise TypeError(f"{wish!r} is no TOML text; a file is given as pathlib.Path({wish!r})")
        case str():
            return configuration.loads(wish, "program"), "program", None
        case Mapping():
            return configuration.from_mapping(wish, "program"), "program", None
        case _:
            raise TypeError(
                f"{wish!r} is no configuration: give a mapping, TOML text, a pathlib.Path or a Config"
            )


def _is_a_name(text: str) -> bool:
    """Whether a text can only be meant as a file's name: no TOML is one line that ends like this."""
    return text.endswith(".toml") and not {"\n", "=", "#"} & set(text)


def _needs_loop(config: Config) -> bool:
    return any(
        cluster.check is not None
        or (cluster.load_rating is not None and cluster.load_rating.expression is None)
        or hostnames(cluster)
        for cluster in config.clusters.values()
    )


class _LoopThread:
    """The background's event loop in a thread that does not hold up the end of the process."""

    def __init__(self, supervisor: Supervisor) -> None:
        import asyncio  # noqa: PLC0415 - only for configurations that need it

        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, args=(supervisor,), name="protobalance background", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """End the background and wait until it has."""
        with contextlib.suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def _run(self, supervisor: Supervisor) -> None:
        from protobalance.control.background import Background  # noqa: PLC0415 - needs asyncio, see above

        async def main() -> None:
            background = Background(supervisor)
            background.start()
            await self._ending.wait()
            await background.stop()

        try:
            self._loop.run_until_complete(main())
        finally:
            self._loop.close()
