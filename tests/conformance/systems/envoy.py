"""Envoy: listeners and clusters from files that it watches, changed by moving new ones into their place.

A connect that fails is tried again (`max_connect_attempts`), and outlier detection leaves a failing node
alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from conformance.ends import until
from conformance.system import Running, System
from conformance.systems.version import line_of
from conformance.wish import Wish
from peers.process import Address

ENVOY = os.environ.get("ENVOY", shutil.which("envoy") or ".make/envoy/bin/envoy")
TYPES = "type.googleapis.com/envoy"
SOL_SOCKET, SO_KEEPALIVE = 1, 9
IPPROTO_TCP, KEEPIDLE, KEEPINTVL, KEEPCNT, USER_TIMEOUT = 6, 4, 5, 6, 18

Json = dict[str, Any]


class _Running(Running):
    def command(self) -> list[str]:
        (self.folder / "watched").mkdir(exist_ok=True)
        self._write()
        (self.folder / "envoy.json").write_text(json.dumps(bootstrap(self.folder / "watched")))
        options = ["--disable-hot-restart", "--concurrency", "2", "--log-level", "info"]
        return [str(Path(ENVOY).absolute()), "-c", "envoy.json", *options]

    def reload(self, wish: Wish) -> None:
        self.wish = wish
        loaded = self._said("cds: add")
        self._write()
        until(lambda: self._said("cds: add") > loaded, "Envoy did not reload")

    def reload_nonsense(self) -> None:
        said = self._said("update failure")
        self._put("listeners", {"resources": [{"@type": f"{TYPES}.config.listener.v3.Listener", "name": 7}]})
        until(lambda: self._said("update failure") > said, "Envoy did not look at its file")

    def _said(self, words: str) -> int:
        return self.log.read_text().count(words)

    def _write(self) -> None:
        self._put("clusters", {"resources": [cluster(self.wish)]})
        self._put("listeners", {"resources": [listener(self.wish)]})

    def _put(self, name: str, content: Json) -> None:
        new = self.folder / name
        new.write_text(json.dumps(content))
        new.rename(self.folder / "watched" / f"{name}.json")


def bootstrap(folder: Path) -> Json:
    """What it starts with: where the rest is."""

    def watched(name: str) -> Json:
        source = {"path": f"{folder}/{name}.json", "watched_directory": {"path": str(folder)}}
        return {"resource_api_version": "V3", "path_config_source": source}

    return {
        "node": {"id": "one", "cluster": "one"},
        "dynamic_resources": {"lds_config": watched("listeners"), "cds_config": watched("clusters")},
    }


def listener(wish: Wish) -> Json:
    """Where clients connect."""
    proxy = {
        "@type": f"{TYPES}.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "in",
        "cluster": "c",
        "max_connect_attempts": 4,
        "idle_timeout": f"{wish.idle_timeout:g}s",
    }
    return {
        "@type": f"{TYPES}.config.listener.v3.Listener",
        "name": "in",
        "address": _address(wish.listen),
        "tcp_backlog_size": wish.backlog,
        "socket_options": _keepalive(wish),
        "filter_chains": [{"filters": [{"name": "proxy", "typed_config": proxy}]}],
    }


def cluster(wish: Wish) -> Json:
    """The nodes."""
    if wish.socket_path:
        addresses: list[Json] = [{"pipe": {"path": str(wish.socket_path)}}]
    else:
        addresses = list(map(_address, wish.nodes))
    endpoints = [{"endpoint": {"address": address}} for address in addresses]
    names: Json = {"type": "STATIC"}
    if wish.name_server:
        resolver = {
            "@type": f"{TYPES}.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
            "resolvers": [_address(wish.name_server)],
        }
        names = {
            "type": "STRICT_DNS",
            "dns_refresh_rate": "1s",
            "dns_lookup_family": "V4_ONLY",
            "typed_dns_resolver_config": {
                "name": "envoy.network.dns_resolver.cares",
                "typed_config": resolver,
            },
        }
    return {
        "@type": f"{TYPES}.config.cluster.v3.Cluster",
        "name": "c",
        **names,
        "connect_timeout": f"{wish.connect_timeout:g}s",
        "lb_policy": "ROUND_ROBIN",
        "outlier_detection": {
            "consecutive_5xx": 1,
            "base_ejection_time": f"{wish.retry_interval:g}s",
            "max_ejection_percent": 50,
        },
        "upstream_connection_options": {
            "tcp_keepalive": {
                "keepalive_probes": 4,
                "keepalive_time": round(wish.keepalive),
                "keepalive_interval": max(1, round(wish.keepalive / 8)),
            }
        },
        "upstream_bind_config": {
            "source_address": {"address": "0.0.0.0", "port_value": 0},
            "socket_options": [_option(IPPROTO_TCP, USER_TIMEOUT, round(wish.user_timeout * 1000))],
        },
        "load_assignment": {"cluster_name": "c", "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _keepalive(wish: Wish) -> list[Json]:
    return [
        _option(SOL_SOCKET, SO_KEEPALIVE, 1),
        _option(IPPROTO_TCP, KEEPIDLE, round(wish.keepalive)),
        _option(IPPROTO_TCP, KEEPINTVL, max(1, round(wish.keepalive / 8))),
        _option(IPPROTO_TCP, KEEPCNT, 4),
        _option(IPPROTO_TCP, USER_TIMEOUT, round(wish.user_timeout * 1000)),
    ]


def _option(level: int, name: int, value: int) -> Json:
    return {"level": level, "name": name, "int_value": value, "state": "STATE_PREBIND"}


def _address(address: Address) -> Json:
    return {"socket_address": {"address": address[0], "port_value": address[1]}}


class Envoy(System):
    name = "envoy"

    def version(self) -> str | None:
        line = line_of([ENVOY, "--version"])
        number = re.search(r"/(\d+\.\d+\.\d+)/", line or "")
        return number and f"Envoy {number[1]}"

    def serve(self, wish: Wish, folder: Path) -> Running:
        return _Running(wish, folder)

    def configuration(self, wish: Wish) -> str:
        return json.dumps({"listener": listener(wish), "cluster": cluster(wish)}, indent=1)
