"""Load ratings for `minimum-load-python.toml`: how busy each node's processors are, from 0 to 1.

One query answers for the whole cluster. A node that Prometheus does not know is left out: it gets no new
rating and counts as an average one.
"""

import json
import os
from collections.abc import Mapping
from urllib.parse import urlencode
from urllib.request import urlopen

from protobalance import NodeStats

PROMETHEUS = os.environ.get("PROMETHEUS", "http://127.0.0.1:9090")
BUSY = '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m]))'


def cpu_use(nodes: Mapping[str, NodeStats]) -> dict[str, float]:
    """Each node's rating by the node's name; lower is less loaded."""
    with urlopen(f"{PROMETHEUS}/api/v1/query?{urlencode({'query': BUSY})}", timeout=2) as answer:  # noqa: S310 - ours
        samples = json.load(answer)["data"]["result"]
    # "10.0.0.1:9100" is where the exporter listens; the node's service has another port.
    busy = {_host(sample["metric"]["instance"]): float(sample["value"][1]) for sample in samples}
    return {name: busy[_host(node.address)] for name, node in nodes.items() if _host(node.address) in busy}


def _host(address: str) -> str:
    return address.rpartition(":")[0]
