"""What the engine reports, decoded. The Rust side is `crates/engine/src/report.rs`.

Spans are in milliseconds, counts since the engine's start.
"""

from __future__ import annotations

import msgspec


class WorkerReport(msgspec.Struct, frozen=True):
    alive: bool
    active: int
    opened: int
    buffered_bytes: int
    accepting: bool


class ListenerReport(msgspec.Struct, frozen=True):
    name: str
    addresses: list[str]
    cluster: str
    active: int
    opened: int
    closed: int
    unserved: int
    bad_prefaces: int
    refused: int
    untracked: int
    server_names: dict[str, str] = {}


class ListeningReport(msgspec.Struct, frozen=True):
    listener: str
    address: str
    descriptors: list[int]


class AffinityReport(msgspec.Struct, frozen=True):
    clients: int
    capacity: int
    persistent: bool


class NodeReport(msgspec.Struct, frozen=True):
    name: str
    address: str
    weight: int
    admin_state: str
    health: str
    retry_in_ms: int
    active: int
    opened: int
    failed: int
    bytes_to_node: int
    bytes_to_client: int
    connect_ms: float
    connection_rate: float
    traffic_rate: float
    load_rating: float | None
    removed: bool


class ClusterReport(msgspec.Struct, frozen=True):
    name: str
    policy: str
    affinity: AffinityReport | None
    nodes: list[NodeReport]


class Snapshot(msgspec.Struct, frozen=True):
    generation: int
    uptime_ms: int
    active: int
    opened: int
    closed: int
    max_sessions: int
    log_written: int
    log_dropped: int
    workers: list[WorkerReport]
    listeners: list[ListenerReport]
    clusters: list[ClusterReport]


class SessionReport(msgspec.Struct, frozen=True):
    client: str
    listener: str
    cluster: str
    node: str
    phase: str
    age_ms: int
    idle_ms: int
    bytes_to_node: int
    bytes_to_client: int
    attempts: int
    via: str | None = None
    server_name: str | None = None


class AttemptReport(msgspec.Struct, frozen=True):
    node: str
    why: str
    failure: str
    after_ms: int


class CandidateReport(msgspec.Struct, frozen=True):
    node: str
    value: float | None
    skipped: str


class DecisionReport(msgspec.Struct, frozen=True):
    age_ms: int
    client: str
    listener: str
    cluster: str
    policy: str
    node: str
    attempts: list[AttemptReport]
    candidates: list[CandidateReport]
    nodes: int
    home: str = ""
    home_skipped: str = ""
    server_name: str = ""
    server_pattern: str = ""


class NodeDown(msgspec.Struct, frozen=True, tag_field="event", tag="node-down"):
    cluster: str
    node: str
    reason: str
    retry_in_ms: int


class NodeUp(msgspec.Struct, frozen=True, tag_field="event", tag="node-up"):
    cluster: str
    node: str


class WorkerLost(msgspec.Struct, frozen=True, tag_field="event", tag="worker-lost"):
    worker: int
    message: str


class LimitReached(msgspec.Struct, frozen=True, tag_field="event", tag="limit-reached"):
    limit: str
    message: str


class LimitCleared(msgspec.Struct, frozen=True, tag_field="event", tag="limit-cleared"):
    limit: str


class ClientRefused(msgspec.Struct, frozen=True, tag_field="event", tag="client-refused"):
    listener: str
    client: str
    limit: str


class EngineWarning(msgspec.Struct, frozen=True, tag_field="event", tag="warning"):
    message: str


Event = NodeDown | NodeUp | WorkerLost | LimitReached | LimitCleared | ClientRefused | EngineWarning
