"""The compiled boundary: few, coarse calls. Payloads are JSON (bytes of UTF-8)."""

from typing import final

__all__ = ["Engine", "EngineError", "confine", "inspect"]

class EngineError(Exception):
    """The engine refused. `kind` is one of: plan, bind, state, log, argument, confinement,
    stopped."""

    kind: str
    where: str
    message: str

def confine(request: bytes) -> bytes:
    """Give up for good what `request` (crates/engine/src/confine) says, before a second thread exists; what
    is in force then."""

def inspect(question: bytes) -> bytes:
    """What files of certificates, keys and authorities are worth (crates/engine/src/inspection.rs)."""

@final
class Engine:
    """Workers and their sockets. Every method releases the GIL while it waits."""

    def __new__(
        cls, workers: int = 0, max_sessions: int = 0, handed_over: list[tuple[str, int]] = ...
    ) -> Engine:
        """Start `workers` threads (0: one per core). `max_sessions` 0: what the descriptor limit
        allows. `handed_over`: listening descriptors, each with the listener that had it before
        (empty: the service manager's)."""
    @property
    def event_fd(self) -> int:
        """Readable while `take_events` has something."""
    def apply(self, plan: bytes) -> int:
        """Carry out a plan (crates/engine/src/spec.rs), all or nothing; its generation."""
    def set_load_ratings(self, cluster: str, ratings: dict[str, float]) -> None:
        """Publish load ratings by node name."""
    def report_check(self, cluster: str, node: str, failure: str) -> None:
        """The outcome of an active check; `failure` is empty on success."""
    def snapshot(self) -> bytes:
        """Counts and states of everything."""
    def listening_sockets(self) -> bytes:
        """The descriptors that each address listens on; they stay the engine's."""
    def sessions(self, listener: str, node: str, client: str, limit: int) -> bytes:
        """Open sessions that match (empty matches all; node as cluster/node), the oldest first."""
    def decisions(self, listener: str, client: str, limit: int) -> bytes:
        """The last recorded decisions that match, newest first."""
    def would_go(self, listener: str, client: str, server_name: str) -> bytes:
        """Where a client would go now, and why; changes nothing."""
    def take_events(self) -> bytes:
        """Events since the last call: node up and down, worker lost, limits reached."""
    def reopen_session_log(self) -> None:
        """Open the session log's file anew (after a rotation)."""
    def drain(self) -> None:
        """Accept what is queued, then close the listeners; sessions go on."""
    def stop(self) -> None:
        """End all sessions (resets), stop the workers. Idempotent."""
