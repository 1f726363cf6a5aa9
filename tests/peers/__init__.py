"""Real servers for tests: each starts on free ports in a folder of its own, is ready when it is handed over,
and is gone, folder and all, when its `with` ends.

`process` starts and ends them; `nginx`, `postfix`, `dovecot` and `redis` know one server each; `pbload` the
load tool of this repository, both its nodes and its clients.
"""
