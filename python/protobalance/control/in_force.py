"""What is in force: one configuration and the overrides on top of it, immutable.

A change makes a new one, compiles it, and lets the engine carry it out; only then does it replace the old.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import msgspec

from protobalance.config.model import AdminState, Cluster, Config, Listener, Node
from protobalance.config.plan import compile_plan
from protobalance.control.certificates import Material
from protobalance.control.names import Names
from protobalance.control.overrides import Overrides


class InForce(msgspec.Struct, frozen=True):
    """A configuration with its overrides. `state_dir`: that of the start, whatever the configuration says by
    now.
    """

    config: Config
    source: str
    overrides: Overrides
    material: Material = msgspec.field(default_factory=Material)
    state_dir: str | None = None

    def cluster_of(self, listener: Listener) -> str:
        """The cluster that the listener feeds, redirects included."""
        return self.overrides.value("cluster", listener.name) or listener.cluster

    def admin_state(self, cluster: Cluster, node: Node) -> str:
        """What the operator wants of the node, run-time states included."""
        return self.overrides.value("admin_state", f"{cluster.name}/{node.name}") or node.admin_state

    def weight(self, cluster: Cluster, node: Node) -> int:
        """The node's share, run-time weights included."""
        override = self.overrides.value("weight", f"{cluster.name}/{node.name}")
        return node.weight if override is None else int(override)

    def nodes(self) -> Iterator[tuple[Cluster, Node]]:
        """Every node with its cluster."""
        for cluster in self.config.clusters.values():
            for node in cluster.nodes.values():
                yield cluster, node

    def digest(self) -> str:
        """Names the configuration by its content: comments and order of keys do not matter."""
        import hashlib  # noqa: PLC0415 - OpenSSL with it, for a question

        content = msgspec.json.encode(self.config, order="deterministic")
        return hashlib.sha256(content).hexdigest()[:12]

    def _as_started(self) -> Config:
        """Affinity's files are where the rest of the state is."""
        if self.config.engine.state_dir == self.state_dir:
            return self.config
        engine = msgspec.structs.replace(self.config.engine, state_dir=self.state_dir)
        return msgspec.structs.replace(self.config, engine=engine)

    def plan(self, names: Names) -> bytes:
        """The plan for the engine, with the addresses that `names` knows now."""
        return compile_plan(
            self._as_started(),
            redirects=self.overrides.values("cluster"),
            admin_states=cast("dict[str, AdminState]", self.overrides.values("admin_state")),
            weights={subject: int(weight) for subject, weight in self.overrides.values("weight").items()},
            addresses=names.known(),
            files=self.material.files,
        )
