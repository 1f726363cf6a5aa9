"""What goes on by itself once an event loop is there: names, load ratings, checks, the engine's events.

None of it is needed for traffic. Each is a task of its own per cluster, so that one that is slow holds up
no other, and each is restarted only when its own settings change. A round that fails for a reason of ours
is told and the next one is tried.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from protobalance.config.model import Check, Cluster, LoadRating
from protobalance.config.plan import hostnames
from protobalance.control import source_ports
from protobalance.control.certificates import Signature, signature
from protobalance.control.chores import Certificates, Checks, Chore, Names, Rate, chores
from protobalance.control.health import HEADERS, check
from protobalance.control.load_ratings import NodeStats, Rater
from protobalance.control.rating_agent import AgentRater
from protobalance.control.rating_function import FunctionRater
from protobalance.control.refusal import Refused
from protobalance.control.running import Running
from protobalance.control.supervisor import Supervisor

Sleep = Callable[[float], Awaitable[None]]

LOOK_AT_FILES_EVERY = 5.0  # seconds: a renewed certificate is in use ten seconds later


class Background:
    """The tasks of one supervisor in one event loop. Made, started and stopped inside that loop."""

    def __init__(self, supervisor: Supervisor, *, sleep: Sleep = asyncio.sleep) -> None:
        self._supervisor = supervisor
        self._sleep = sleep
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[Chore, asyncio.Task[None]] = {}
        self._event_fd = -1

    def start(self) -> None:
        """Begin, and follow the configuration from now on."""
        self._event_fd = self._supervisor.running.engine.event_fd
        self._loop.add_reader(self._event_fd, self._supervisor.take_events)
        self._end_notices = self._supervisor.when_changed(self._changed)
        self._look_at_ports_later()
        self.follow()

    def _look_at_ports_later(self) -> None:
        self._ports = self._loop.call_later(source_ports.INTERVAL, self._look_at_ports)

    def _look_at_ports(self) -> None:
        with contextlib.suppress(Refused):
            self._supervisor.running.look_at_source_ports()
        self._look_at_ports_later()

    def _changed(self) -> None:
        # From whichever thread made the change; the loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.follow)

    def follow(self) -> None:
        """Start and end tasks so that they are those that the configuration in force wants."""
        wanted = set(chores(self._supervisor.running.in_force.config))
        for chore in self._tasks.keys() - wanted:
            self._tasks.pop(chore).cancel()
        for chore in wanted - self._tasks.keys():
            self._tasks[chore] = self._loop.create_task(self._repeat(chore), name=_named(chore))

    async def stop(self) -> None:
        """End all tasks and wait until they have."""
        self._end_notices()
        self._ports.cancel()
        self._loop.remove_reader(self._event_fd)
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _repeat(self, chore: Chore) -> None:
        interval, one_round = self._rounds(chore)
        told = ""
        while True:
            try:
                await one_round()
                told = ""
            except Exception as error:  # noqa: BLE001 - the last net: traffic goes on, and so do later rounds
                said = f"{type(error).__name__}: {error}"
                if said != told:
                    self._supervisor.running.chronicle.record("warning", _named(chore), said, by="background")
                told = said
            await self._sleep(interval)

    def _rounds(self, chore: Chore) -> tuple[float, Callable[[], Awaitable[None]]]:
        running = self._supervisor.running
        match chore:
            case Names(cluster, interval):
                return interval, lambda: resolve_round(running, cluster)
            case Checks(cluster, settings):
                return settings.interval, lambda: check_round(running, cluster, settings)
            case Certificates():
                return LOOK_AT_FILES_EVERY, FilesRound(self._supervisor).look
            case Rate(cluster, settings):
                rates = rater(cluster, settings)
                return settings.interval, lambda: rating_round(running, cluster, rates)


def rater(cluster: str, settings: LoadRating) -> Rater:
    """Where a cluster's ratings come from, other than the engine's own expression."""
    if settings.function is not None:
        return FunctionRater(cluster, settings.function, settings.timeout)
    if settings.agent is not None:
        return AgentRater(settings.agent, settings.timeout)
    raise AssertionError(f"{cluster} is rated by the engine itself")  # `chores` leaves it out


class FilesRound:
    """Looks at the files of certificates. Renewed ones are read once they have stayed the same for a
    round: a certificate is of no use while its key is still being written."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._read = self._seen = self._now()

    def _now(self) -> Signature:
        return signature(self._supervisor.running.in_force.config)

    async def look(self) -> None:
        """One round."""
        seen, self._seen = self._seen, self._now()
        if self._seen == seen and seen != self._read:
            self._read = seen
            # Waits for the workers: not in the event loop.
            await asyncio.to_thread(self._supervisor.renew_certificates)


async def resolve_round(running: Running, cluster_name: str) -> None:
    """Resolve a cluster's names once."""
    names = running.surroundings.names
    hosts = sorted(hostnames(_cluster(running, cluster_name)))
    moved = await asyncio.gather(*(names.refresh(host) for host in hosts))
    changed = [host for host, is_new in zip(hosts, moved, strict=True) if is_new]
    running.tell_of_names()
    if changed:
        # Waits for the workers: not in the event loop.
        await asyncio.to_thread(running.addresses_changed, changed)


async def rating_round(running: Running, cluster_name: str, rates: Rater) -> None:
    """Rate a cluster's nodes once."""
    reports = next(
        (cluster.nodes for cluster in running.engine.snapshot().clusters if cluster.name == cluster_name), []
    )
    nodes = {report.name: NodeStats.of(report) for report in reports if not report.removed}
    running.rated(cluster_name, rates.source, await rates.rate(nodes))


async def check_round(running: Running, cluster_name: str, settings: Check) -> None:
    """Connect once to each node of a cluster that is not offline, and report how that went."""
    in_force, names = running.in_force, running.surroundings.names
    cluster = _cluster(running, cluster_name)

    async def one(node: str, address: str) -> None:
        failure = await check(address, settings.timeout, HEADERS[cluster.send_proxy_protocol])
        if failure is not None:
            running.engine.report_check(cluster_name, node, failure)

    await asyncio.gather(
        *(
            one(node.name, address)
            for node in cluster.nodes.values()
            if in_force.admin_state(cluster, node) != "offline" and (address := names.node_address(node))
        )
    )


def _named(chore: Chore) -> str:
    kind = type(chore).__name__.lower()
    return kind if isinstance(chore, Certificates) else f"{kind} of {chore.cluster}"


def _cluster(running: Running, name: str) -> Cluster:
    return running.in_force.config.clusters[name]
