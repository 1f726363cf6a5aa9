"""The keeper: a small parent process that keeps what must not end with the balancer.

- The **balancer** is its child, forked before any thread exists. It serves; the keeper only waits.
- The **estate** is what the keeper holds for it: descriptors by name (listening sockets, the admin socket,
  the state folder's lock, the configuration in force). The keeper reads none of them and knows no name.
- A balancer that dies is followed by the next one at once, which finds the estate as the last one left it.
- An **upgrade** is a **rehearsal** (the new program is to show that it would start), after which the keeper
  executes itself anew as that program and starts a **successor** from it; once that is ready, the balancer
  before it is its **predecessor**, accepts nobody any more, and ends with its last session.

The way through: `keep` in `keeper.py` returns twice, once in each process; what the balancer may ask and is
told is in `messages.py`; `kept.py` is the balancer's end.
"""

from __future__ import annotations

from protobalance.keeper.kept import ALONE as ALONE
from protobalance.keeper.kept import Backing as Backing
from protobalance.keeper.kept import Kept as Kept
