"""What is valid and yet probably not meant. Said once, by `check`, `plan` and `apply`; refused by nobody."""

from __future__ import annotations

from collections.abc import Iterator

from protobalance.config.addresses import parse_ports, split_bind
from protobalance.config.loops import loops
from protobalance.config.model import Cluster, Config, Listener
from protobalance.config.quantities import write_duration
from protobalance.config.writing import write_path


def advise(config: Config) -> list[str]:
    """One sentence each, beginning with the key that it is about."""
    sentences = [sentence for listener in config.listeners.values() for sentence in _listener(listener)]
    sentences += loops(config)
    for cluster in config.clusters.values():
        path = write_path(("clusters", cluster.name))
        found = (*_cluster(cluster), *_nodes(cluster), *_ports(cluster, config))
        sentences += [f"{path}.{sentence}" for sentence in found]
        if cluster.affinity and config.engine.state_dir is None:
            sentences.append(
                f"{path}.affinity: is forgotten at a restart, unless engine.state_dir names a folder"
            )
    return sentences


def _listener(listener: Listener) -> Iterator[str]:
    path = write_path(("listeners", listener.name))
    if listener.new_session_burst_per_client and not listener.new_sessions_per_second_per_client:
        yield (
            f"{path}.new_session_burst_per_client: has no effect without new_sessions_per_second_per_client"
        )
    for key in ("max_sessions", "new_sessions_per_second"):
        own, all_of_them = getattr(listener, f"{key}_per_client"), getattr(listener, key)
        if own and all_of_them and own >= all_of_them:
            yield (
                f"{path}.{key}_per_client: is {own}, so one client can have all of the {all_of_them} of {key}"
            )
    everybody = [prefix for prefix in listener.proxy_protocol_from if prefix.endswith("/0")]
    if everybody:
        yield f"{path}.proxy_protocol_from: {everybody[0]} believes anybody who says that it is somebody else"


def _cluster(cluster: Cluster) -> Iterator[str]:
    if cluster.tls and not cluster.tls.verify:
        yield "tls.verify: is false: whoever is between here and the nodes can read and change everything"
    if cluster.hash_key and cluster.policy != "client-hash":
        yield f'hash_key: has no effect with policy "{cluster.policy}"'
    if cluster.failover_timeout < cluster.connect_timeout:
        all_attempts, one = map(write_duration, (cluster.failover_timeout, cluster.connect_timeout))
        yield f"failover_timeout: {all_attempts} is shorter than {one}, the connect_timeout of one attempt"
    if all(node.admin_state != "available" for node in cluster.nodes.values()):
        yield "nodes: none is available, so its clients would be refused"


def _ports(cluster: Cluster, config: Config) -> Iterator[str]:
    """Of a cluster that nobody feeds nothing is said: it may wait for a redirect."""
    feeding = [listener for listener in config.listeners.values() if listener.cluster == cluster.name]
    bound = [split_bind(bind) for listener in feeding for bind in listener.bind]
    covered = {port for ports in bound for port in range(ports.first, ports.last + 1)}
    for node in cluster.nodes.values():
        first, last = parse_ports(node.ports) if node.ports else (0, -1)
        if feeding and not covered.issuperset(range(first, last + 1)):
            path = write_path(("nodes", node.name))
            yield f"{path}.ports: no listener of this cluster binds all of {node.ports}: add them to its bind"


def _nodes(cluster: Cluster) -> Iterator[str]:
    wanted = {fallback for node in cluster.nodes.values() for fallback in node.fallbacks}
    for node in cluster.nodes.values():
        path = write_path(("nodes", node.name))
        if node.weight == 0 and node.name not in wanted:
            yield f"{path}.weight: is 0 and it is nobody's fallback: it takes clients only when no other can"
        offline = [name for name in node.fallbacks if cluster.nodes[name].admin_state != "available"]
        if offline:
            yield f"{path}.fallbacks: not available: {', '.join(offline)}"
