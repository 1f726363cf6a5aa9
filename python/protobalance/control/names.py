"""Where named nodes are: the last good answer, for as long as no better one comes.

A name server that fails changes nothing for nodes that were resolved before. An answer of several
addresses keeps the one in use if it is among them, else takes the first: a rotation of the answer is no
change of the node.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable

from protobalance.config.model import Config, Node
from protobalance.config.plan import hostnames, numeric_address
from protobalance.control.lone_call import LoneCall, Outcome, Overdue

LookUp = Callable[[str], list[str]]

START_BOUND = 1.0  # seconds that a start or a change waits for names it does not know yet
REFRESH_TIMEOUT = 10.0  # seconds: the resolver's own default of two tries of 5 s


def look_up(host: str) -> list[str]:
    """The numeric addresses of `host`, in the system's order of preference (RFC 6724)."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def hosts_of(config: Config) -> set[str]:
    """The names that `config` needs resolved."""
    return {host for cluster in config.clusters.values() for host in hostnames(cluster)}


class Names:
    """Hosts and their last good addresses. The only writer is whoever resolves; reading takes no lock."""

    def __init__(self, look_up: LookUp = look_up) -> None:
        self._look_up = look_up
        self._addresses: dict[str, str] = {}
        self._problems: dict[str, str] = {}
        self._calls: dict[str, LoneCall[list[str]]] = {}

    def address(self, host: str) -> str | None:
        """The last good numeric address; `None` if there never was one."""
        return self._addresses.get(host)

    def problem(self, host: str) -> str:
        """Why the latest resolution failed; empty if it did not."""
        return self._problems.get(host, "")

    def known(self) -> dict[str, list[str]]:
        """Every host with the address in use."""
        return {host: [numeric] for host, numeric in self._addresses.copy().items()}

    def node_address(self, node: Node) -> str:
        """Where the node is, numeric; empty while its name does not resolve."""
        return numeric_address(node.address, self.known())

    def resolve_missing(self, hosts: Iterable[str], bound: float = START_BOUND) -> None:
        """Resolve the hosts that have no address yet, all at once, waiting at most `bound` seconds in all.

        What has not answered by then stays unresolved and is left to the refresh.
        """
        pending: dict[str, Outcome[list[str]]] = {}
        for host in sorted(set(hosts)):
            if host not in self._addresses:
                try:
                    pending[host] = self._start(host)
                except Overdue:
                    self._problems[host] = "no answer yet"
        deadline = time.monotonic() + bound
        for host, call in pending.items():
            self._note(host, call, max(0.0, deadline - time.monotonic()))

    async def refresh(self, host: str, bound: float = REFRESH_TIMEOUT) -> bool:
        """Resolve `host` anew; whether its address is now another."""
        try:
            found = await self._call(host).within(bound, lambda: self._look_up(host))
        except Overdue:
            self._problems[host] = "no answer"
            return False
        except (OSError, UnicodeError) as error:
            self._problems[host] = _words(error)
            return False
        return self._keep(host, found)

    def forget(self, except_for: set[str]) -> None:
        """Drop hosts that no configuration names any more."""
        for known in (self._addresses, self._problems, self._calls):
            for host in known.keys() - except_for:
                del known[host]

    def _call(self, host: str) -> LoneCall[list[str]]:
        return self._calls.setdefault(host, LoneCall(f"resolve {host}"))

    def _start(self, host: str) -> Outcome[list[str]]:
        return self._call(host).start(lambda: self._look_up(host))

    def _note(self, host: str, call: Outcome[list[str]], bound: float) -> None:
        try:
            self._keep(host, call.result(bound))
        except Overdue:
            self._problems[host] = "no answer yet"
        except (OSError, UnicodeError) as error:
            self._problems[host] = _words(error)

    def _keep(self, host: str, found: list[str]) -> bool:
        if not found:
            self._problems[host] = "it has no address"
            return False
        self._problems.pop(host, None)
        before = self._addresses.get(host)
        if before in found:
            return False
        self._addresses[host] = found[0]
        return True


def _words(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
