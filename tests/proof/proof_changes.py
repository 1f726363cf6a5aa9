"""Ten minutes of changes, a hundred a second, under full load: nobody refused, reset or misrouted."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import pytest

from peers.churn import may_answer, some_config, two_clusters, under_churn
from protobalance import Balancer

SECONDS = 600
PER_SECOND = 100


@pytest.mark.timeout(SECONDS * 2)
def proof_of_ten_minutes_of_changes() -> None:
    """Nodes come and go, change weights, drain, the listener is redirected; held sessions go on."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    choice = random.Random(seed)
    with two_clusters() as nodes:
        first = some_config(nodes, choice)
        with Balancer(first) as balancer:
            made = 0

            def change() -> set[str]:
                nonlocal made
                made += 1
                config = some_config(nodes, choice)
                balancer.apply(config)
                return may_answer(config)

            def paced() -> Iterator[Callable[[], set[str]]]:
                began = time.monotonic()
                for count in range(SECONDS * PER_SECOND):
                    time.sleep(max(0.0, began + count / PER_SECOND - time.monotonic()))
                    yield change
                print(f"{made} changes in {time.monotonic() - began:.0f} s")

            allowed = [may_answer(first)]
            served = under_churn(balancer, allowed, paced())
    print(f"{served} connections, no error")
