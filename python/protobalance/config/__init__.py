"""The configuration: what the operator wishes, as text or as a mapping, and as frozen values.

- A *configuration* (`model.Config`) is complete and valid: it exists only when nothing is wrong with it.
- A *section* is one table of the file, a dataclass in `model.py` or `cluster.py`; a *key* is one field of it.
- A *kind* (`kinds.py`, `address_kinds.py`) is a way to write a value: a duration, an address, a name.
- The *schema* (`schema.py`) is each key's kind, meaning and default. Reader, writer (`rendering.py`), JSON
  Schema (`json_schema.py`) and reference page (`reference.py`) follow from it.
- A *problem* is one error with its place; all of them come at once, in a `ConfigError`.
- A *document* is one file; `documents.py` reads and merges them, `positions.py` finds places in them.
- A *change* (`changes.py`) is one difference between two configurations.
- A *plan* (`plan.py`) is what the engine is given: the configuration, what was overridden at run time, and
  the addresses that names resolved to.

The main path: `loading.py` -> `documents.py` -> `reading.py` -> `cross_checks.py`, and then `plan.py`.
"""

from protobalance.config.loading import from_mapping, load, load_with_remarks, loads
from protobalance.config.model import Config
from protobalance.config.problem import ConfigError, Problem

__all__ = ["Config", "ConfigError", "Problem", "from_mapping", "load", "load_with_remarks", "loads"]
