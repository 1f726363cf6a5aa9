"""msgspec, without what it asks of `typing_extensions` and Python has had since 3.11: that would import
`inspect` and half a compiler, 5 ms of a start. To be imported before anything that imports msgspec; whoever
wants `typing_extensions` later gets it.
"""

from __future__ import annotations

import sys

if "typing_extensions" not in sys.modules:
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # "there is none" (import system, 5.3.1)
    try:
        import msgspec  # noqa: F401 - now, and for all who come later
    finally:
        del sys.modules["typing_extensions"]
