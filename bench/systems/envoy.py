"""Envoy. Default: a static listener, the TCP proxy filter and a cluster, a worker for each core. Tuned:
buffers of 4 MiB at both ends, where 1 MiB is its own choice.

Both lift the 1,024 connections at which its circuit breaker would stop, as its page on performance asks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.systems.system import SESSIONS, Setting, System
from conformance.systems.envoy import ENVOY
from conformance.systems.envoy import Envoy as Played
from peers.process import Address

TYPES = "type.googleapis.com/envoy"
TUNED = {"per_connection_buffer_limit_bytes": 4 << 20}

Json = dict[str, Any]


class Envoy(System):
    def __init__(self, *, tuned: bool) -> None:
        self.tuned = tuned
        self.name = "envoy-tuned" if tuned else "envoy"

    def version(self) -> str | None:
        return Played().version()

    def configuration(self, setting: Setting) -> str:
        listeners = [self._listener(f"in{number}", each) for number, each in enumerate(setting.listen)]
        resources = {"listeners": listeners, "clusters": [self._cluster(setting)]}
        return json.dumps({"static_resources": resources}, indent=1)

    def command(self, setting: Setting) -> Sequence[str]:
        (setting.folder / "envoy.json").write_text(self.configuration(setting))
        options = ["--disable-hot-restart", "--concurrency", str(setting.threads), "--log-level", "warning"]
        # The package's command starts a Python to start it.
        found = Path(ENVOY).absolute().parents[1].glob("lib/python*/site-packages/envoy/_bin/envoy")
        return [str(next(found, ENVOY)), "-c", "envoy.json", *options]

    def _listener(self, name: str, address: Address) -> Json:
        proxy = {
            "@type": f"{TYPES}.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": "in",
            "cluster": "c",
        }
        filters = [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]
        buffers = TUNED if self.tuned else {}
        return {"name": name, "address": _at(address), "filter_chains": [{"filters": filters}]} | buffers

    def _cluster(self, setting: Setting) -> Json:
        limits = {"max_connections": 2 * SESSIONS, "max_pending_requests": 2 * SESSIONS}
        limits |= {"max_requests": 2 * SESSIONS}
        cluster = {
            "name": "c",
            "type": "STATIC",
            "lb_policy": "ROUND_ROBIN",
            "connect_timeout": "5s",
            "circuit_breakers": {"thresholds": [limits]},
            "load_assignment": {
                "cluster_name": "c",
                "endpoints": [
                    {"lb_endpoints": [{"endpoint": {"address": _at(each)}} for each in setting.nodes]}
                ],
            },
        }
        return cluster | (TUNED if self.tuned else {})


def _at(address: Address) -> Json:
    return {"socket_address": {"address": address[0], "port_value": address[1]}}
