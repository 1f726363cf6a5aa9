"""What outlives a balancer: descriptors by name.

Several estates may hold one descriptor; it is closed when the last of them lets it go. So a successor can be
given a copy, change it as it likes, and be forgotten without harm.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

MANAGER = "manager"  # a socket of the service manager's, and its number: what the first balancer finds


class Descriptor:
    """An open descriptor, closed when nobody refers to this object any more."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        if self.number >= 0:
            os.close(self.number)


class Estate:
    """Descriptors by name."""

    def __init__(self, descriptors: Mapping[str, int] | None = None) -> None:
        self._held = {name: Descriptor(number) for name, number in (descriptors or {}).items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def numbers(self) -> dict[str, int]:
        """The descriptors; they stay the estate's."""
        return {name: held.number for name, held in self._held.items()}

    def copy(self) -> Estate:
        """Another estate with the same descriptors."""
        other = Estate()
        other._held = dict(self._held)
        return other

    def hold(self, descriptors: Mapping[str, int]) -> None:
        """These belong to the estate from now on, instead of those that had their names."""
        self._held |= {name: Descriptor(number) for name, number in descriptors.items()}

    def drop(self, names: Iterable[str]) -> None:
        """Let these go; one that is not there is gone already."""
        for name in names:
            self._held.pop(name, None)

    def surrender(self) -> dict[str, int]:
        """The descriptors, which are the caller's from now on and in no estate."""
        numbers = self.numbers()
        for held in self._held.values():
            held.number = -1
        self._held.clear()
        return numbers
