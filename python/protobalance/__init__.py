"""Proto Balance: a load balancer for any TCP service. Python decides, the Rust engine moves the bytes.

- A *listener* is a socket that clients connect to; it feeds one *cluster*, a set of interchangeable *nodes*.
- A *policy* chooses the next node by *weight*; *fallbacks* take over for a node that cannot; *affinity*
  brings the same client to the same node.
- A *session* is a client's connection and its node's, joined. `to_node` and `to_client` are its directions.
- An *admin state* is what the operator wants of a node (`available`, `draining`, `offline`), *health* what
  we observe of it (`up`, `down`). A *redirect* changes at run time which cluster a listener feeds.
- A *configuration* is the file's wish. With what was overridden at run time it is compiled into a *plan*,
  which the *engine* carries out as a whole; each accepted plan is a *generation*.

Where things are: `config` turns text into a plan, `control` runs the engine (its supervisor is the main
path), `api` is the registry of operations and its HTTP face, `cli` has one file per command, `testing` is
the pytest fixture.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, which a keeper need not import
if TYPE_CHECKING:
    from protobalance.config import Config, ConfigError
    from protobalance.control.balancer import Balancer
    from protobalance.control.load_ratings import NodeStats
    from protobalance.control.refusal import Refused

    __version__: str

__all__ = ["Balancer", "Config", "ConfigError", "NodeStats", "Refused", "__version__"]

_HOMES = {
    "Balancer": "protobalance.control.balancer",
    "Config": "protobalance.config",
    "ConfigError": "protobalance.config",
    "NodeStats": "protobalance.control.load_ratings",
    "Refused": "protobalance.control.refusal",
}


def __getattr__(name: str) -> object:
    """Loaded when first asked for: a command line that only prints help need not load the engine."""
    if name == "__version__":
        value: object = _version()
    elif name in _HOMES:
        from importlib import import_module  # noqa: PLC0415 - only for who asks

        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def _version() -> str:
    import os  # noqa: PLC0415 - only for who asks
    import sys  # noqa: PLC0415 - the same

    # By the name of what an installer leaves (PEP 376). So does `importlib.metadata`, which also imports a
    # parser of mail: 15 ms and half a megabyte.
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208 - `pathlib` is not needed else
        except OSError:
            continue
        for name in names:
            if name.startswith("protobalance-") and name.endswith(".dist-info"):
                return name.removeprefix("protobalance-").removesuffix(".dist-info")
    return "0+uninstalled"  # run from a checkout
