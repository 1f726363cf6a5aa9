"""Clients that come one after the other for as long as they are let, each wanting one greeting."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from conformance.ends import PATIENCE
from peers.process import Address

AT_A_TIME = 6


@dataclass
class Load:
    """Some threads of clients, and what became of those."""

    address: Address
    served: int = 0
    failed: list[tuple[float, str]] = field(default_factory=list)
    """When each client came that was not served, and why."""
    slowest: float = 0.0
    """Seconds that the most patient of those served had to wait."""
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._come) for _ in range(AT_A_TIME)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """No more clients come; back when the last has left."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def lost(self, since: float = 0.0) -> str:
        """Those that came since then and were not served, in words; empty if there are none."""
        reasons = Counter(reason.lower() for came, reason in self.failed if came >= since)
        words = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        return words and f"of {self.served + len(self.failed)} clients were not served: {words}"

    def _come(self) -> None:
        while not self._over.is_set():
            came = time.monotonic()
            try:
                with socket.create_connection(self.address, timeout=PATIENCE) as client:
                    greeting = client.recv(100)
            except OSError as error:
                self._fail(came, error.strerror or "no answer")
                continue
            if greeting:
                self.served += 1
                self.slowest = max(self.slowest, time.monotonic() - came)
            else:
                self._fail(came, "end")

    def _fail(self, came: float, reason: str) -> None:
        self.failed.append((came, reason))
        self._over.wait(0.01)  # whoever failed does not hammer
