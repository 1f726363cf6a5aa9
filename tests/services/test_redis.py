"""Redis behind the balancer: its own load tool, over a port and over a Unix-domain socket; and a replica that
takes over. docs/services/redis.md
"""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from peers.example import example
from peers.process import Address, accepts, wait_until
from peers.redis import Redis
from peers.redis import redis as run_redis
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


def _cli(address: Address, *words: str) -> str:
    command = ["redis-cli", "-h", address[0], "-p", str(address[1]), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def test_a_replica_is_read_when_the_first_is_gone() -> None:
    """Laws 2 and 3: a fallback of weight 0; that it takes no writes is Redis' word, not ours."""
    with run_redis() as first, run_redis() as replica:
        nodes = {"redis/first": first.address, "redis/replica": replica.address}
        with Balancer(example("redis", nodes)) as balancer:
            entry = balancer.address("redis")
            assert _cli(entry, "SET", "key", "kept") == "OK"
            _cli(replica.address, "REPLICAOF", "127.0.0.1", str(first.address[1]))
            wait_until(lambda: _cli(replica.address, "GET", "key") == "kept", "the replica has the key")
            os.kill(first.peer.pid, signal.SIGKILL)
            wait_until(lambda: not accepts(first.address), "nobody listens any more")
            assert _cli(entry, "GET", "key") == "kept"
            assert "READONLY" in _cli(entry, "SET", "key", "new")
