"""The scenarios there are: functions that were marked as such, in the modules of `scenarios/`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatch
from typing import Any

from conformance.ends import End
from conformance.stage import Stage

_known: list[Scenario] = []


class Way(Enum):
    """A direction of a session; scenarios of both take one."""

    TO_NODE = "to-node"
    TO_CLIENT = "to-client"

    def ends(self, both: tuple[End, End]) -> tuple[End, End]:
        """Of a client and a node: who sends that way, and who receives."""
        client, node = both
        return (client, node) if self is Way.TO_NODE else (node, client)


@dataclass(frozen=True)
class Scenario:
    """One question to a system."""

    name: str
    theme: str
    law: str
    """What must be true, in a sentence."""
    play: Callable[[Stage], None]
    alone: bool
    """Whether nothing else may run meanwhile, since it measures or needs the whole machine."""


def scenario(
    *, each: type[Enum] | None = None, alone: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Marks a function as a scenario; its docstring says what must be true. With `each` it is one for every
    member, which it takes as its second argument.
    """

    def mark(function: Callable[..., None]) -> Callable[..., None]:
        law = " ".join((inspect.getdoc(function) or "").split())
        theme = function.__module__.rpartition(".")[2]
        cases: list[Any] = list(each) if each else [None]
        for case in cases:
            name = function.__name__ if case is None else f"{function.__name__}[{case.value}]"
            _known.append(Scenario(name, theme, law, _bound(function, case), alone))
        return function

    return mark


def _bound(function: Callable[..., None], case: Any) -> Callable[[Stage], None]:
    return function if case is None else lambda stage: function(stage, case)


def scenarios(only: str = "") -> list[Scenario]:
    """All of them, or those whose name or theme is, starts with, or matches this."""
    package = importlib.import_module("conformance.scenarios")
    for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"conformance.scenarios.{module}")
    return [one for one in _known if not only or _matches(one, only)]


def _matches(one: Scenario, only: str) -> bool:
    return one.theme == only or one.name.startswith(only) or fnmatch(one.name, only)
