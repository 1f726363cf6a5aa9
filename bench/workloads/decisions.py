"""What a decision costs, for each policy and number of nodes: no socket, no kernel."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from bench.case import Case, Metric, Workload
from bench.options import Options
from bench.pbcost import ask
from bench.sample import Sample

POLICIES = (
    "round-robin",
    "least-sessions",
    "minimum-load",
    "minimum-load-expression",
    "random",
    "two-choices",
    "connection-rate",
    "traffic-rate",
    "client-hash",
)
NODES = (3, 30, 300, 3000)


class Decisions(Workload):
    name = "decisions"
    rounds = 1
    about = (
        "By `pbcost decisions`: nodes of weights 1 to 16, four sessions open at each on the average, "
        "ratings published ten times a second. *Pick*: the policy's choice alone. *Session*: all that is "
        "decided and counted for one, from opening to end. A policy that keeps its nodes in a tree grows "
        "with the depth of that tree, and beyond 1,000 nodes with the cache lines that it no longer finds "
        "near; one that looks at every node grows in proportion."
    )
    metrics = (Metric("pick_ns", "pick ns", 0), Metric("session_ns", "session ns", 0))
    baseline = "3 nodes"
    x_title = "nodes"

    def cases(self, options: Options) -> Iterable[Case]:
        for policy in POLICIES:
            for nodes in (3, 300) if options.quick else NODES:
                measure = partial(self.measure, options, policy, nodes)
                yield Case(f"{nodes:,} nodes", measure, policy, x=nodes)

    def measure(self, options: Options, policy: str, nodes: int) -> Sample:
        """Once."""
        words = ("--policies", policy, "--nodes", nodes, "--rounds", 5)
        (found,) = ask(options, "decisions", *words)["decisions"]
        return {metric.name: found[metric.name]["median"] for metric in self.metrics}


WORKLOADS = [Decisions()]
