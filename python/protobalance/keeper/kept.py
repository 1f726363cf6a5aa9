"""The balancer's end: what stands behind it, which is a keeper, or nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from protobalance.keeper.messages import (
    Answer,
    Channel,
    Declined,
    Drop,
    Failed,
    Hold,
    Order,
    Process,
    Ready,
    Request,
    Seal,
    Superseded,
    Tell,
    Upgrade,
    Upgraded,
    chunks,
    close_all,
    names_of,
)

NO_KEEPER = "it has no keeper (run --alone, or the keeper was killed): stop it, and start the new version"


class Occasion(msgspec.Struct, frozen=True):
    """Why a balancer is started. `how`: the death of the one before, in words."""

    why: Literal["start", "death", "upgrade"] = "start"
    how: str = ""
    by: str = ""
    transaction: str = ""
    before: Process = Process(0, "")


class Backing:
    """Nothing: what this process has ends with it."""

    occasion = Occasion()
    keeper_pid = 0

    def __init__(self) -> None:
        self.predecessors: list[Process] = []
        self.successors_names: frozenset[str] = frozenset()  # what a successor has of ours

    @property
    def held(self) -> frozenset[str]:
        """The names of what is kept for us."""
        return frozenset()

    def take(self, name: str) -> int | None:
        """A descriptor that the balancer before us left; ours from now on."""
        return None

    def close_untaken(self) -> None:
        """Close what nobody wanted of what was left to us."""

    def hold(self, descriptors: Mapping[str, int]) -> None:
        """Let these outlive us. They stay ours, too."""

    def seal(self) -> None:
        """Let nobody in our place change what is kept under sealed names: we are about to serve strangers."""

    def drop(self, names: Iterable[str]) -> None:
        """Let these go; they are closed once we close ours."""

    def ready(self, version: str) -> None:
        """Say that we serve."""

    def failed(self, reason: str) -> None:
        """Say why we do not."""

    def tell(self, states: Mapping[str, str]) -> bool:
        """Let the keeper tell the service manager; False if there is none to do it."""
        return False

    def upgrade(self, grace: float | None, by: str, transaction: str) -> Upgraded | Declined:
        """Let the program as it now is on disk take over; waits until it has, or has not."""
        return Declined(NO_KEEPER)

    def orders_fd(self) -> int | None:
        """Readable when there are orders, or the keeper is gone."""
        return None

    def take_orders(self) -> list[Order] | None:
        """The orders that came; None once the keeper is gone."""
        return None


ALONE = Backing()


class Kept(Backing):
    """A keeper. Every method may be called from any thread."""

    def __init__(
        self,
        requests: Channel[Answer],
        orders: Channel[Order],
        descriptors: dict[str, int],
        occasion: Occasion,
        predecessors: list[Process],
    ) -> None:
        super().__init__()
        self.occasion = occasion
        self.keeper_pid = os.getppid()
        self.predecessors = predecessors
        self._requests = requests
        self._orders = orders
        self._left = dict(descriptors)
        self._held = set(descriptors)
        self._one_at_a_time = threading.Lock()

    @property
    def held(self) -> frozenset[str]:
        return frozenset(self._held)

    def take(self, name: str) -> int | None:
        return self._left.pop(name, None)

    def close_untaken(self) -> None:
        close_all(list(self._left.values()))
        self._left.clear()

    def hold(self, descriptors: Mapping[str, int]) -> None:
        for part in chunks(descriptors):
            self._ask(Hold(list(part)), list(part.values()))
        self._held |= set(descriptors)

    def seal(self) -> None:
        self._ask(Seal())

    def drop(self, names: Iterable[str]) -> None:
        gone = self._held.intersection(names)
        for part in chunks(dict.fromkeys(sorted(gone), 0)):
            self._ask(Drop(list(part)))
        self._held -= gone

    def ready(self, version: str) -> None:
        self._requests.say(Ready(version))

    def failed(self, reason: str) -> None:
        self._requests.say(Failed(reason))

    def tell(self, states: Mapping[str, str]) -> bool:
        return self.keeper_pid > 0 and self._requests.say(Tell(dict(states)))

    def upgrade(self, grace: float | None, by: str, transaction: str) -> Upgraded | Declined:
        answer = self._ask(Upgrade(grace, by, transaction))
        return answer if isinstance(answer, Upgraded | Declined) else Declined(NO_KEEPER)

    def orders_fd(self) -> int | None:
        return self._orders.fileno()

    def take_orders(self) -> list[Order] | None:
        orders: list[Order] = []
        while True:
            try:
                heard = self._orders.hear()
            except BlockingIOError:
                return orders
            if heard is None:
                self.keeper_pid = 0
                return None
            order, beside = heard
            if isinstance(order, Superseded):
                # Where no descriptor was free for the names, it may have all that we left.
                self.successors_names = names_of(beside[0]) if beside else self.held
            close_all(beside)
            orders.append(order)

    def _ask(self, request: Request, descriptors: list[int] | None = None) -> Answer | None:
        """The keeper's answer; None if it is gone."""
        with self._one_at_a_time:
            if not self._requests.say(request, descriptors or ()):
                return None
            heard = self._requests.hear()
            return None if heard is None else heard[0]
