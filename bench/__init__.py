"""Measures us and other balancers in one interleaved run: `make bench`, or `bench/run.py --help`.

A **workload** (workloads/, one file each) asks one question and has **cases**, the rows of its table; a case
is mostly a **system** (systems/, one file each) in a **placement** (which cores the balancer has, and which
the load). Measuring a case once gives a **sample**: a number for each of the workload's **metrics**, or the
reason why there is none. Every case is measured once in each **round**, in an order that rotates from round
to round (rounds.py), so that what drifts drifts for all; progress.py tells how far it is. Each system has a
network of its own (stage.py) and stays up between its measurements (standing.py). Medians, ratios and spreads
(medians.py) become tables (report.py) and plots (plot.py).

The load comes from `bench/load` (Rust), told to be lean: `pbload serve` and `pbload rate`.
"""
