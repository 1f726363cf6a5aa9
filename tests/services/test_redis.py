"""Redis behind the balancer, under its own load tool; over a port and over a Unix-domain socket."""

from __future__ import annotations

import subprocess

import pytest

from peers.redis import Redis
from peers.wish import wish
from protobalance import Balancer


@pytest.mark.parametrize("family", ["inet", "unix"])
@pytest.mark.parametrize("pipeline", [1, 50])
def test_redis_benchmark_sees_no_error(redis: Redis, family: str, pipeline: int) -> None:
    """Law 1; many small answers in flight at once."""
    config = wish({"r": redis.address})
    if family == "unix":
        config["clusters"]["c"]["nodes"]["r"]["address"] = f"unix:{redis.socket}"
    with Balancer(config) as balancer:
        host, port = balancer.address("in")
        command = ["redis-benchmark", "-h", host, "-p", str(port), "-n", "50000", "-c", "50"]
        command += ["-P", str(pipeline), "-t", "set,get,lpush,lrange_100", "--csv"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
        assert done.stderr == ""
        assert len(done.stdout.splitlines()) >= 5, done.stdout
        assert balancer.status().listeners[0].unserved == 0
