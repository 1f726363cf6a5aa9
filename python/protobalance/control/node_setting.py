"""What an operator may set of a node beside the file."""

from __future__ import annotations

from typing import get_args

import msgspec

from protobalance.config.model import AdminState
from protobalance.control.refusal import Refused

HIGHEST_WEIGHT = 256  # as in the file


class NodeSetting(msgspec.Struct, frozen=True):
    """A state, a weight, or both; or `clear` alone: the file's values again."""

    admin_state: str | None = None
    weight: int | None = None
    clear: bool = False

    def check(self, subject: str) -> None:
        """Refuse what cannot be set of `subject`, which is cluster/node."""
        where = f"node {subject}"
        if self.clear == (self.admin_state is not None or self.weight is not None):
            raise Refused(
                "invalid",
                "nothing to set" if not self.clear else "both to set and to clear",
                where,
                "give a state, a weight, or clear alone",
            )
        states = get_args(AdminState)
        if self.admin_state is not None and self.admin_state not in states:
            raise Refused(
                "invalid", f"{self.admin_state!r} is no admin state", where, f"use {', '.join(states)}"
            )
        if self.weight is not None and not 0 <= self.weight <= HIGHEST_WEIGHT:
            raise Refused(
                "invalid", f"weight {self.weight} is out of range", where, f"use 0 to {HIGHEST_WEIGHT}"
            )
