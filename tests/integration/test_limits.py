"""Limits refuse by policy, not by accident (law 9), and back pressure is bounded (law 8)."""

from __future__ import annotations

import os
import resource
import select
import socket
from contextlib import ExitStack

import pytest

from peers import pbload
from peers.joined import PATIENCE
from peers.process import Address, text_of, wait_until
from peers.shortage import no_descriptors_left
from peers.wish import Config, wish
from protobalance import Balancer

LIMIT = 10


def limited(whose: str, nodes: dict[str, Address]) -> Config:
    """A configuration in which the listener or the engine has a limit."""
    config = wish(nodes)
    config["engine"] = {"workers": 2}
    owner = config["listeners"]["in"] if whose == "listener" else config["engine"]
    owner["max_sessions"] = LIMIT
    return config


@pytest.mark.parametrize("whose", ["listener", "engine"])
def test_who_does_not_fit_waits_and_is_served_when_there_is_room(whose: str) -> None:
    """Law 9: at the limit the listener stops accepting, and recovers by itself."""
    with pbload.nodes("greet", name="n") as nodes, Balancer(limited(whose, nodes)) as balancer:
        address = balancer.address("in")
        clients = [socket.create_connection(address, timeout=PATIENCE) for _ in range(LIMIT)]
        assert {client.recv(2) for client in clients} == {b"n\n"}
        waiting = socket.create_connection(address, timeout=PATIENCE)
        clients.pop().close()
        assert waiting.recv(2) == b"n\n"
        for client in [*clients, waiting]:
            client.close()
        wait_until(lambda: balancer.status().active == 0, "all sessions have ended")


@pytest.mark.parametrize("wanted", [7, 10_000_000])
def test_no_more_sessions_are_promised_than_there_are_descriptors_for(wanted: int) -> None:
    """Law 9: computed at start; a session has two."""
    config = wish({"n": ("127.0.0.1", 9)})
    config["engine"] = {"max_sessions": wanted}
    with Balancer(config) as balancer:
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        told = balancer.status().max_sessions
    assert told == wanted if wanted * 2 < descriptors else told * 2 < descriptors


@pytest.mark.parametrize(("whose", "word"), [("listener", "listener-sessions"), ("engine", "sessions")])
def test_a_limit_that_is_reached_is_told_until_it_is_not(whose: str, word: str) -> None:
    """Law 9: by policy, hence no secret; once, however many wait."""

    def limits() -> list[str]:
        return [limit.limit for limit in balancer.status().limits]

    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        config = limited(whose, nodes)
        config["engine"]["workers"] = 1
        balancer = stack.enter_context(Balancer(config))
        address = balancer.address("in")
        clients = [stack.enter_context(socket.create_connection(address, PATIENCE)) for _ in range(2 * LIMIT)]
        wait_until(lambda: limits() == [word], "the limit is told")
        for client in clients:
            client.close()
        wait_until(lambda: balancer.status().closed == 2 * LIMIT, "all sessions have ended")
        wait_until(lambda: limits() == [], "the limit is no longer reached")


def test_at_the_limit_no_listener_has_all_the_room() -> None:
    """Law 9: whoever waits has a turn, however many wait at another listener."""
    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        config = wish(nodes) | {"engine": {"workers": 1, "max_sessions": 1}}
        config["listeners"]["also"] = dict(config["listeners"]["in"])
        balancer = stack.enter_context(Balancer(config))
        waiting = {
            stack.enter_context(socket.create_connection(balancer.address(name), PATIENCE)): name
            for name in ("in", "also")
            for _ in range(LIMIT)
        }
        served = set()
        for _ in range(LIMIT // 2):
            (client,) = select.select(list(waiting), [], [], PATIENCE)[0]
            served.add(waiting.pop(client))
            client.close()
        assert served == {"in", "also"}


def test_at_the_limit_no_listener_has_more_turns_for_standing_behind_idle_ones() -> None:
    """Law 9: turns are of those at which somebody waits."""
    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        config = wish(nodes) | {"engine": {"workers": 1, "max_sessions": 1}}
        also = config["listeners"]["in"]
        config["listeners"] |= {f"idle{number}": dict(also) for number in range(LIMIT)} | {"also": dict(also)}
        balancer = stack.enter_context(Balancer(config))
        names = ("in", "also")
        waiting = {
            stack.enter_context(socket.create_connection(balancer.address(name), PATIENCE)): name
            for _ in range(LIMIT)
            for name in names
        }
        wait_until(lambda: balancer.status().limits != [], "they wait")
        served = []
        for _ in range(LIMIT):
            (client,) = select.select(list(waiting), [], [], PATIENCE)[0]
            served.append(waiting.pop(client))
            client.close()
        assert min(map(served.count, names)) >= LIMIT // 3, served


def test_limits_that_are_reached_together_are_told_of_once_each() -> None:
    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        config = limited("listener", nodes)
        config["engine"]["workers"] = 1
        config["listeners"]["paced"] = config["listeners"]["in"] | {"new_sessions_per_second": 1}
        balancer = stack.enter_context(Balancer(config))
        crowd = {
            name: [
                stack.enter_context(socket.create_connection(balancer.address(name), PATIENCE))
                for _ in range(LIMIT + 1)
            ]
            for name in config["listeners"]
        }
        assert {client.recv(2) for client in crowd["paced"][:2]} == {b"n\n"}
        told = [entry.subject for entry in balancer.history() if entry.kind == "limit-reached"]
        assert sorted(told) == ["limit listener-rate", "limit listener-sessions"]
        stack.pop_all().callback(balancer.stop)
        for client in [client for clients in crowd.values() for client in clients]:
            client.close()
        wait_until(lambda: balancer.status().limits == [], "no limit is reached any more")
        balancer.stop()


@pytest.mark.parametrize("chosen", ["gone", "kept"])
def test_who_waits_for_a_descriptor_goes_by_the_plan_that_has_come(chosen: str) -> None:
    """Its node may stand elsewhere in it, or nowhere."""
    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        ((_, address),) = nodes.items()
        config = wish({"gone": ("127.0.0.1", 9), "kept": address})
        for name, node in config["clusters"]["c"]["nodes"].items():
            node["weight"] = int(name == chosen)
        config["listeners"]["in"] |= {"proxy_protocol": "required", "proxy_protocol_from": ["127.0.0.1"]}
        balancer = stack.enter_context(Balancer(config))
        client = stack.enter_context(socket.create_connection(balancer.address("in"), PATIENCE))
        wait_until(lambda: balancer.status().active == 1, "the client is taken in")
        with no_descriptors_left(os.getpid()):
            client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
            wait_until(lambda: balancer.status().limits != [], "its attempt is put off")
            config["clusters"]["c"]["nodes"] = {"kept": {"address": text_of(address)}}
            balancer.apply(config)
        assert client.recv(2) == b"n\n"
        (node,) = balancer.status().clusters[0].nodes
        assert (node.name, node.active, node.failed) == ("kept", 1, 0)


@pytest.mark.parametrize("mode", ["greet", "echo"])
def test_clients_that_left_while_they_waited_leave_nothing_behind(mode: str) -> None:
    """Law 9: the queue is worked off, whoever is gone by then, and the node may speak to them in vain."""
    with pbload.nodes(mode, name="n") as nodes, Balancer(limited("listener", nodes)) as balancer:
        clients = [
            socket.create_connection(balancer.address("in"), timeout=PATIENCE) for _ in range(5 * LIMIT)
        ]
        wait_until(lambda: balancer.status().active == LIMIT, "the limit is reached")
        for client in reversed(clients):
            client.close()
        wait_until(lambda: balancer.status().closed == 5 * LIMIT, "all sessions have ended")


def test_a_full_node_is_passed_over_until_it_has_room() -> None:
    """Law 9, for a node's own limit."""
    with pbload.nodes("greet", name="n") as nodes, pbload.nodes("greet", name="r") as rest:
        config = wish(nodes | rest)
        config["clusters"]["c"]["nodes"]["n"]["max_sessions"] = LIMIT
        config["clusters"]["c"]["nodes"]["r"]["weight"] = 0
        with Balancer(config) as balancer, ExitStack() as open_clients:

            def answer() -> bytes:
                client = socket.create_connection(balancer.address("in"), timeout=PATIENCE)
                open_clients.enter_context(client)
                return client.recv(1)

            assert [answer() for _ in range(LIMIT + 3)] == [b"n"] * LIMIT + [b"r"] * 3
            open_clients.close()
            wait_until(lambda: balancer.status().active == 0, "all sessions have ended")
            assert answer() == b"n"


@pytest.mark.parametrize("whose", ["listener", "engine"])
def test_a_crowd_at_the_limit_is_served_in_turns(whose: str) -> None:
    """Law 9: never more than the limit, and nobody is refused."""
    options = {"kind": "server-first", "parallel": 100, "ending": "node", "connections": 5000}
    with (
        pbload.nodes("greet", name="n", close_after=64) as nodes,
        Balancer(limited(whose, nodes)) as balancer,
        pbload.started("connect", target=text_of(balancer.address("in")), **options) as crowd,
    ):
        most = 0
        while crowd.child.poll() is None:
            most = max(most, balancer.status().active)
        result = crowd.line()
        assert (result["errors"], result["ok"]) == ({}, 5000)
        assert 0 < most <= LIMIT


def test_a_slow_reader_does_not_hold_up_the_others() -> None:
    """Law 8: one side that does not read stops only its own session."""
    with pbload.nodes("echo", name="n", close_after=64) as short, pbload.nodes("echo", name="m") as endless:
        config = wish(endless)
        config["listeners"]["short"] = {"bind": "127.0.0.1:0", "cluster": "short"}
        config["clusters"]["short"] = wish(short)["clusters"]["c"]
        config["engine"] = {"workers": 1}
        with Balancer(config) as balancer:
            target = text_of(balancer.address("in"))
            with pbload.started("bulk", target=target, connections=4, bytes=120_000_000) as stuck:
                assert stuck.line()["standstill"] < 4 * 120_000_000
                result = pbload.connect(balancer.address("short"), 2000, ending="node")
                assert (result["errors"], result["ok"]) == ({}, 2000)
                done = stuck.result()
            assert (done["errors"], done["bytes_received"]) == ({}, 4 * 120_000_000)


def test_a_worker_that_holds_much_reads_little() -> None:
    """Law 8: what all sessions of a worker hold together has its limit too, beside each one's own."""
    readers, budget, read_meanwhile = 400, 64 << 20, 4 << 10
    # Small at the far ends, or the kernel's own limit for all TCP buffers together would be what is tested.
    small = {"socket_buffer": 65_536}
    with pbload.nodes("echo", **small) as nodes:
        config = wish(nodes)
        config["engine"] = {"workers": 1}
        with Balancer(config) as balancer:
            options = {"connections": readers, "bytes": 20_000_000, **small}
            with pbload.started("bulk", target=text_of(balancer.address("in")), **options) as stuck:
                stuck.line()
                (worker,) = balancer.supervisor.running.engine.snapshot().workers
    if worker.buffered_bytes < budget // 2:
        pytest.skip("this machine's kernel held all of it")
    assert worker.buffered_bytes < budget + 2 * readers * read_meanwhile
