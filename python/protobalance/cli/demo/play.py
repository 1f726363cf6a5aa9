"""The demo's acts. What each shows is done to real processes, and through the same interface that an
operator uses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from protobalance.api.operations import set_node, status
from protobalance.cli.client import Client
from protobalance.cli.demo.nodes import WebNode
from protobalance.cli.demo.picture import Moment
from protobalance.cli.demo.stage import Stage
from protobalance.cli.demo.traffic import Traffic
from protobalance.cli.failure import CommandFailed
from protobalance.config.model import AdminState

CLUSTER = "web"


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays. `pace`: seconds an act lasts."""

    client: Client
    nodes: Mapping[str, WebNode]
    traffic: Traffic
    pace: float

    async def moment(self) -> Moment:
        """What is to be seen now; asks the balancer."""
        known = await asyncio.to_thread(self.client.ask, status.OPERATION, status.StatusQuestion())
        return Moment(
            nodes=[node for cluster in known.clusters for node in cluster.nodes],
            processes={name: node.pid for name, node in self.nodes.items()},
            rates=self.traffic.rates(),
            sent=self.traffic.sent,
            errors=len(self.traffic.failures),
        )

    async def set_state(self, node: str, admin_state: AdminState) -> None:
        """As `protobalance node set` does."""
        order = set_node.SetNodeOrder(cluster=CLUSTER, node=node, admin_state=admin_state)
        await asyncio.to_thread(self.client.ask, set_node.OPERATION, order)


async def play(cast: Cast, stage: Stage) -> None:
    """All acts, one after the other."""
    a, b, c = cast.nodes.values()
    stage.say("", stage.ink.bold("1. three nodes share the load"))
    await stage.show(cast.pace)

    async with cast.traffic.between_requests():
        await b.kill()
    stage.say(
        "", stage.ink.bold(f"2. node {b.name} is killed (kill -9): its clients go to {a.name} and {c.name}")
    )
    await stage.show(cast.pace)

    await b.start()
    stage.say("", stage.ink.bold(f"3. node {b.name} is back, and found again by itself"))
    await stage.show(cast.pace)
    if any(node.name == b.name and node.health != "up" for node in (await cast.moment()).nodes):
        raise CommandFailed(f"node {b.name} is back, but the balancer does not use it")

    await cast.set_state(c.name, "draining")
    stage.say("", stage.ink.bold(f"4. node {c.name} is drained: no new clients, nothing is cut"))
    await stage.show(cast.pace)


def verdict(cast: Cast) -> str:
    """What the clients saw in all. Raises `CommandFailed` if one of them saw an error."""
    failures = cast.traffic.failures
    if failures:
        shown = [f"  request {failure.request}: {failure.what}" for failure in failures[:10]]
        raise CommandFailed(f"{len(failures)} of {cast.traffic.sent} requests failed", *shown)
    if not cast.traffic.answered:
        raise CommandFailed("no request was answered")
    answers = ", ".join(f"{name} {cast.traffic.answered[name]}" for name in cast.nodes)
    return f"{cast.traffic.sent} requests, no error; answered by {answers}"
