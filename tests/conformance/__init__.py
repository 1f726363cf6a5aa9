"""What a TCP load balancer must keep true when its peers fail some: scenarios, written once, run against any.

A **scenario** plays both ends, clients and nodes, with raw sockets, and says what must be true. The measure
is what two ends see that speak to each other directly, and, where only a balancer can help (failover,
changes), the laws of docs/conformance.md. A **system** is what stands between the ends: a balancer, or
nothing at all (`direct`, which shows that a scenario asks of TCP no more than TCP gives). A **stage** is
where one scenario plays: it starts nodes, the system and clients, and clears all away. Its **verdict** is
pass, fail with a reason, or not applicable with a reason.

`scenarios/` has the scenarios by theme, `systems/` one system a file, `runner.py` brings them together,
`report.py` writes docs/conformance.md; `python -m conformance` is what `make conformance` runs.
"""
