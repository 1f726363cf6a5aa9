"""Hosts and cables that fail without a word, ports that run out, names that change."""

from __future__ import annotations

import random
import time
from pathlib import Path

from conformance.clients import Speaks, crowd, unserved
from conformance.ends import PATIENCE, End, until
from conformance.hosts import PORT, Host, Network
from conformance.name_server import NameServer
from conformance.nodes import Speaker
from conformance.scenario import scenario
from conformance.stage import Stage
from conformance.verdict import expect

ATTENTIVE = {"keepalive": 1.0, "user_timeout": 3.0}
NOTICED = 15.0  # seconds; probes at these settings take five
MUCH = random.Random(2).randbytes(20_000_000)
MANY = 20
PORTS = 20


@scenario()
def vanished_client_is_noticed(stage: Stage) -> None:
    """A client's host loses its cable while all is quiet: probed each second, the node's session ends."""
    network = _attentive_network(stage)
    _, node = stage.session_on(network.one, **ATTENTIVE)
    network.client.cable(plugged=False)
    node.hears_any_end(NOTICED)


@scenario()
def vanished_client_that_is_owed_data_is_noticed(stage: Stage) -> None:
    """The same in the middle of a download: unacknowledged for 3 s, the session ends for the node."""
    network = _attentive_network(stage)
    client, node = stage.session_on(network.one, **ATTENTIVE)
    node.say_aside(MUCH)
    client.hears(MUCH[:1000])
    network.client.cable(plugged=False)
    node.hears_any_end(NOTICED)


@scenario()
def power_loss_of_a_node_is_no_clean_end(stage: Stage) -> None:
    """A node's host loses power: its client hears of it, and not by a clean end."""
    network = _attentive_network(stage)
    client, _ = stage.session_on(network.one, **ATTENTIVE)
    network.one.cable(plugged=False)
    _hears_reset_within(client, NOTICED)


@scenario()
def power_loss_of_a_node_amid_an_upload_is_no_clean_end(stage: Stage) -> None:
    """The same while the client is sending to it."""
    network = _attentive_network(stage)
    client, node = stage.session_on(network.one, **ATTENTIVE)
    client.say_aside(MUCH)
    node.hears(MUCH[:1000])
    network.one.cable(plugged=False)
    _hears_reset_within(client, NOTICED)


@scenario()
def power_loss_of_a_node_is_passed_over(stage: Stage) -> None:
    """One of two nodes' hosts has lost power: 20 new clients are all served by the other."""
    network = stage.network()
    stage.balance(stage.speaker("one", host=network.one), stage.speaker("two", host=network.two))
    network.one.cable(plugged=False)
    for _ in range(2):
        clients = crowd(network.entry, MANY, Speaks.NODE_FIRST, new=network.client.new_socket)
        lost = unserved(clients)
        expect(not lost, lost)


@scenario()
def flapping_link_of_a_client_is_survived(stage: Stage) -> None:
    """The client's cable is out for a second, twice, amid a download of 20 MB: all of it arrives."""
    network = stage.network()
    client, node = stage.session_on(network.one)
    node.say_aside(MUCH, node.finish)
    _hears_while_flapping(client, network.client)


@scenario()
def flapping_link_of_a_node_is_survived(stage: Stage) -> None:
    """The node's cable is out for a second, twice, amid an upload of 20 MB: all of it arrives."""
    network = stage.network()
    client, node = stage.session_on(network.one)
    client.say_aside(MUCH, client.finish)
    _hears_while_flapping(node, network.one)


@scenario()
def running_out_of_ports_is_survived(stage: Stage) -> None:
    """20 sessions use up the 20 ports there are to the only node; five more clients come in vain. When the 20
    have ended, ten clients are served, at once: the shortage was not the node's fault.
    """
    network = stage.network()
    network.balancer.set("net.ipv4.ip_local_port_range", f"40000 {40000 + PORTS - 1}")
    listening = stage.node(network.one)
    stage.balance(listening)
    held = [stage.joined(listening) for _ in range(PORTS)]
    crowd(network.entry, 5, Speaks.NODE_FIRST, limit=1.5, new=network.client.new_socket)
    for client, node in held:  # the node's side keeps the port in TIME_WAIT, as it ends first
        node.close()
        client.hears_end()
        client.close()
    began = time.monotonic()
    for _ in range(10):
        client, _ = stage.joined(listening)
    expect(time.monotonic() - began < 2.0, "the next clients had to wait")


@scenario()
def new_address_of_a_node_is_noticed(stage: Stage) -> None:
    """A node's name comes to mean another address: within 15 s clients are served there."""
    names, _, two = _named_node(stage)
    names.answer = two.address[0]
    until(lambda: stage.greeting() == two.line, "no client was served at the new address", 3 * PATIENCE)


@scenario()
def failing_names_harm_nobody(stage: Stage) -> None:
    """The name server fails for 20 s, longer than a new address may go unnoticed: every client is served at
    the address known last.
    """
    names, one, _ = _named_node(stage)
    names.answer = None
    for _ in range(40):
        expect(stage.greeting() == one.line, "a client was not served")
        time.sleep(0.5)


def _attentive_network(stage: Stage) -> Network:
    """Where the balancer's kernel, too, notices what is gone: for systems that leave it to the kernel."""
    network = stage.network()
    settings = {"keepalive_time": 1, "keepalive_intvl": 1, "keepalive_probes": 4, "retries2": 4}
    for setting, value in settings.items():
        network.balancer.set(f"net.ipv4.tcp_{setting}", str(value))
    return network


def _named_node(stage: Stage) -> tuple[NameServer, Speaker, Speaker]:
    """A system whose only node is a name, which means the first of two hosts."""
    network = stage.network()
    folder = stage.folder()
    one, two = (
        stage.enter_context(Speaker(name, "greets", host.listening(PORT)))
        for name, host in (("one", network.one), ("two", network.two))
    )
    names = stage.enter_context(NameServer(network.balancer.name_socket(), one.address[0]))
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    stage.balance(
        ("node.test", PORT),
        name_server=("127.0.0.1", 53),
        within=(*network.balancer.command, *_with_resolver(resolver)),
    )
    until(lambda: stage.greeting() == one.line, "no client was served at the first address")
    return names, one, two


def _with_resolver(file: Path) -> tuple[str, ...]:
    script = f'mount --bind {file} /etc/resolv.conf && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, "sh")


def _hears_reset_within(client: End, limit: float) -> None:
    client.socket.settimeout(limit)
    client.hears_reset()


def _hears_while_flapping(reader: End, host: Host) -> None:
    part = len(MUCH) // 4
    for nth in range(4):
        reader.hears(MUCH[nth * part : (nth + 1) * part])
        if nth in (0, 2):
            host.cable(plugged=False)
            time.sleep(1.0)
            host.cable(plugged=True)
    reader.hears_end()
