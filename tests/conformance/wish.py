"""What a scenario wants of a system. The same for all; each system's adapter says it in its own language."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peers.process import Address


@dataclass(frozen=True)
class Wish:
    """One listener in front of some nodes, served in turn. Times in seconds."""

    listen: Address
    nodes: tuple[Address, ...]
    connect_timeout: float = 0.5
    idle_timeout: float = 600.0
    keepalive: float = 60.0
    user_timeout: float = 60.0
    retry_interval: float = 5.0
    backlog: int = 4096
    replay: bool = False
    """Whether a request without an answer may be sent to another node, by systems that can."""
    socket_path: Path | None = None
    """Where the only node listens instead, if it is one on a Unix-domain socket."""
    name_server: Address | None = None
    """Who resolves the nodes' hosts, where they are names."""
    within: tuple[str, ...] = ()
    """The command to run the system under: in a namespace, with a limit."""
