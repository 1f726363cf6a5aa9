"""What is said of a name that is not there."""

from __future__ import annotations

from collections.abc import Collection

from protobalance.control.refusal import nearest


def unknown(kind: str, name: str, known: Collection[str]) -> str:
    """With the one that was probably meant, and all that there are."""
    meant = nearest(name, list(known))
    guess = f"; did you mean {meant}?" if meant else ";"
    return f"no {kind} is called {name}{guess} there are: {', '.join(known)}"
