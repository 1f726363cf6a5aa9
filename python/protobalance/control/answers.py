"""What the supervisor answers: typed, frozen, and the same for the API, the command line and a program.

Spans in fields named `_ms` are milliseconds, `at` is Unix time in seconds. Where the file and an
override may differ, both stand side by side: `file_…` is the wish of the file, the plain name what is
in force.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from protobalance.control.report import AffinityReport, DecisionReport, SessionReport


class Problem(msgspec.Struct, frozen=True):
    """One error of a configuration, for the operator to repair."""

    source: str
    line: int  # from 1; 0 if the text has no lines
    column: int
    key: str
    message: str


class CheckResult(msgspec.Struct, frozen=True):
    ok: bool
    source: str
    problems: list[Problem]
    listeners: int = 0
    clusters: int = 0
    nodes: int = 0
    warnings: list[str] = []


class ListenerStatus(msgspec.Struct, frozen=True):
    name: str
    addresses: list[str]  # really bound, chosen ports filled in
    cluster: str
    file_cluster: str
    active: int
    opened: int
    closed: int
    unserved: int
    bad_prefaces: int  # sessions whose PROXY header or TLS handshake was wrong or did not come in time
    refused: int  # connections of clients at their limits
    untracked: int  # sessions not counted for their clients, for want of room
    server_names: dict[str, str] = {}  # clusters by the names that lead there


class NodeStatus(msgspec.Struct, frozen=True):
    cluster: str
    name: str
    address: str  # in use, numeric; empty while its name does not resolve
    file_address: str
    weight: int
    file_weight: int
    admin_state: str
    file_admin_state: str
    health: str
    retry_in_ms: int
    down_reason: str  # of the latest failure while down, as the engine reported it
    active: int
    opened: int
    failed: int
    bytes_to_node: int
    bytes_to_client: int
    connect_ms: float
    connection_rate: float
    traffic_rate: float
    load_rating: float | None
    removed: bool  # left the plan and still has sessions; the file_ fields are then empty


class ClusterStatus(msgspec.Struct, frozen=True):
    name: str
    policy: str
    affinity: AffinityReport | None
    nodes: list[NodeStatus]


class RatingProblem(msgspec.Struct, frozen=True):
    """A load rating that fails; its last value stays in force until `ttl`."""

    cluster: str
    source: str  # the function's or agent's name
    message: str
    since: float


class NameProblem(msgspec.Struct, frozen=True):
    """A node's name that does not resolve; the last good address stays in force."""

    cluster: str
    node: str
    host: str
    message: str


class Limit(msgspec.Struct, frozen=True):
    limit: str
    message: str
    since: float


class SessionLogCounts(msgspec.Struct, frozen=True):
    written: int
    dropped: int


class WorkerCounts(msgspec.Struct, frozen=True):
    configured: int
    alive: int
    accepting: int


class Predecessor(msgspec.Struct, frozen=True):
    """A balancer before an upgrade that still has sessions."""

    pid: int
    version: str


class Confinement(msgspec.Struct, frozen=True):
    """What the process can no longer do."""

    user: str
    group: str
    capabilities: list[str]  # that are left
    no_new_privs: bool
    landlock: int  # the version in force; 0 if none is
    seccomp: bool


class Status(msgspec.Struct, frozen=True):
    version: str
    pid: int  # of the process to signal: the keeper, if there is one
    uptime_ms: int
    generation: int
    draining: bool
    source: str
    digest: str  # SHA-256 of the configuration in force, first 12 hexadecimal digits
    workers: WorkerCounts
    active: int
    opened: int
    closed: int
    max_sessions: int
    listeners: list[ListenerStatus]
    clusters: list[ClusterStatus]
    rating_problems: list[RatingProblem]
    name_problems: list[NameProblem]
    limits: list[Limit]
    session_log: SessionLogCounts
    warnings: list[str]
    balancer_pid: int = 0
    predecessors: list[Predecessor] = []
    confinement: Confinement | None = None  # null where nothing was given up: in a program, or switched off


class Change(msgspec.Struct, frozen=True):
    """One difference between the configuration in force and the wished one."""

    kind: Literal["added", "removed", "changed"]
    path: str  # e.g. "clusters.web.nodes.a.weight"
    before: str
    after: str


class OverrideNote(msgspec.Struct, frozen=True):
    """What a configuration means for one override set at run time."""

    subject: str  # "web/a admin_state", "web/a weight" or "listener web cluster"
    value: str
    outcome: Literal["kept", "superseded", "dropped", "same"]
    sentence: str


class Impact(msgspec.Struct, frozen=True):
    """What a change does to the sessions of one node or listener."""

    subject: str  # "node web/a" or "listener web"
    ended: int
    finishing: int  # sessions that go on until they end by themselves
    sentence: str


class PlanResult(msgspec.Struct, frozen=True):
    source: str
    generation: int  # that the plan was compared with
    changes: list[Change]
    overrides: list[OverrideNote]
    impact: list[Impact]
    sessions_ended: int
    sessions_finishing: int
    warnings: list[str]


class ApplyResult(msgspec.Struct, frozen=True):
    """A carried-out configuration. `replayed`: the transaction was known and nothing was done again."""

    source: str
    generation: int
    changed: bool
    changes: list[Change]
    overrides: list[OverrideNote]
    impact: list[Impact]
    warnings: list[str]
    transaction: str = ""
    replayed: bool = False


class NodeChange(msgspec.Struct, frozen=True):
    """The answer to `set_node`. Not `changed`: it was so already, nothing was done."""

    generation: int
    cluster: str
    node: str
    admin_state: str
    file_admin_state: str
    weight: int
    file_weight: int
    impact: list[Impact]
    warnings: list[str]
    changed: bool = True
    transaction: str = ""
    replayed: bool = False


class RedirectChange(msgspec.Struct, frozen=True):
    """The answer to `redirect`. Not `changed`: it was so already, nothing was done."""

    generation: int
    listener: str
    cluster: str
    file_cluster: str
    warnings: list[str]
    changed: bool = True
    transaction: str = ""
    replayed: bool = False


class UpgradeResult(msgspec.Struct, frozen=True):
    """The answer to `upgrade`: another process serves now, this one ends with its sessions."""

    version_before: str
    version: str
    balancer_pid_before: int
    balancer_pid: int
    sessions: int  # that go on in the process before
    grace: float | None  # seconds that they may take; null: as long as they like
    transaction: str = ""
    replayed: bool = False


class SessionList(msgspec.Struct, frozen=True):
    sessions: list[SessionReport]
    active: int  # in all, matching or not


class ExplainedDecision(msgspec.Struct, frozen=True):
    sentence: str
    decision: DecisionReport


class Explanation(msgspec.Struct, frozen=True):
    """`recorded`: why sessions went where they went, newest first. `now`: where the client would go from
    each listener."""

    recorded: list[ExplainedDecision]
    now: list[ExplainedDecision]


class HistoryEntry(msgspec.Struct, frozen=True):
    """Something that changed. `kind` is one of: start, apply, apply-failed, node, redirect, node-down,
    node-up, limit-reached, limit-cleared, client-refused, worker-lost, warning, address, rating,
    overrides, drain, stop."""

    at: float
    generation: int
    kind: str
    subject: str
    summary: str
    by: str = ""  # who asked: "file", "api", "program", "engine", "SIGHUP"
    transaction: str = ""
    details: list[str] = []
