"""What remembering clients costs, from ten thousand to ten million of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from bench.case import Case, Metric, Workload
from bench.options import Options
from bench.pbcost import ask
from bench.sample import Sample
from peers.process import workplace

CLIENTS = (10_000, 100_000, 1_000_000, 10_000_000)


class Affinity(Workload):
    name = "affinity"
    rounds = 1
    about = (
        "By `pbcost affinity`: a table in a file, as the engine keeps it, filled to its capacity. Look-ups "
        "are of random clients, each waiting for the one before. Two slots of 16 bytes for each client make "
        "the bytes; up to the size of the processor's caches a look-up costs a hash and a comparison, above "
        "it one wait for memory, and more clients than a million add only what finding the page costs. A "
        "load looks at every slot once, so it grows in proportion."
    )
    metrics = (
        Metric("resident_bytes_per_client", "bytes per client", 1),
        Metric("known_ns", "look-up ns", 0),
        Metric("unknown_ns", "of a stranger", 0),
        Metric("seen_ns", "seen a day later", 0),
        Metric("first_ns", "just after a load", 0),
        Metric("settle_ns", "new client ns", 0),
        Metric("evict_ns", "evicting ns", 0),
        Metric("load_ms", "load ms", 1),
        Metric("load_cold_ms", "load ms, from disk", 1),
    )
    baseline = "10,000 clients"
    x_title = "clients"

    def cases(self, options: Options) -> Iterable[Case]:
        for clients in CLIENTS[:2] if options.quick else CLIENTS:
            measure = partial(self.measure, options, clients)
            yield Case(f"{clients:,} clients", measure, series="affinity", x=clients)

    def measure(self, options: Options, clients: int) -> Sample:
        """Once."""
        with workplace("bench-affinity") as folder:
            words = ("--folder", folder, "--clients", clients, "--rounds", 1, "--lookups", 300_000)
            (found,) = ask(options, "affinity", *words)["affinity"]
        return {
            metric.name: value["median"] if isinstance(value := found[metric.name], dict) else value
            for metric in self.metrics
        }


WORKLOADS = [Affinity()]
