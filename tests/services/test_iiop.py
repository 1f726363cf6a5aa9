"""omniORB behind the balancer: references that name the balancer, one object that every node serves, and
what a client notices when its node goes. docs/services/iiop.md
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from peers.example import example
from peers.omniorb import Caller, naming, teller
from peers.process import Address, Peer, accepts, free_ports, text_of, wait_until
from protobalance import Balancer


@dataclass(frozen=True)
class Orders:
    """What the example sets up."""

    balancer: Balancer
    nodes: dict[str, Peer]
    places: dict[str, Address]

    @property
    def by_name(self) -> str:
        """The object as the naming service knows it."""
        return f"corbaname::{text_of(self.balancer.address('names'))}#teller"

    @property
    def by_place(self) -> str:
        """The object as whoever knows its key finds it."""
        return f"corbaloc::{text_of(self.balancer.address('orders'))}/teller"


@contextmanager
def _serving() -> Iterator[Orders]:
    """Where clients will connect is decided first, since nodes publish it."""
    ports: list[Address] = [("127.0.0.1", port) for port in free_ports(5)]
    names, a, b, public_names, public_orders = ports
    config = example("iiop", {"names/names1": names, "names/names2": names, "orders/a": a, "orders/b": b})
    config["listeners"]["names"]["bind"] = text_of(public_names)
    config["listeners"]["orders"]["bind"] = text_of(public_orders)
    with naming(names, public_names), ExitStack() as stack:
        nodes = {
            name: stack.enter_context(teller(name, at, public_orders, names))
            for name, at in {"a": a, "b": b}.items()
        }
        with Balancer(config) as balancer:
            yield Orders(balancer, nodes, {"a": a, "b": b})


@pytest.fixture(scope="module")
def orders() -> Iterator[Orders]:
    with _serving() as running:
        yield running


def test_references_name_the_balancer_and_are_the_same_from_every_node(orders: Orders) -> None:
    references = {peer.log.read_text().strip() for peer in orders.nodes.values()}
    (reference,) = references
    said = subprocess.run(["catior", reference], capture_output=True, text=True, check=True).stdout
    assert f'127.0.0.1 {orders.balancer.address("orders")[1]} "teller"' in said


def test_clients_find_the_object_by_name_and_by_place(orders: Orders) -> None:
    """And all over the nodes; a call of a megabyte arrives as it was (law 1)."""
    for reference in (orders.by_name, orders.by_place):
        with ExitStack() as stack:
            callers = [stack.enter_context(Caller(reference)) for _ in range(4)]
            homes = [caller.call() for caller in callers]
            assert sorted(homes) == ["a", "a", "b", "b"]
            for _ in range(20):
                assert [caller.call() for caller in callers] == homes
            assert callers[0].call("x" * 1_000_000) == homes[0]


def test_calls_go_on_while_their_node_drains(orders: Orders) -> None:
    """Law 5."""
    with Caller(orders.by_place) as caller:
        home = caller.call()
        orders.balancer.set_node(f"orders/{home}", "draining")
        with Caller(orders.by_place) as other:
            assert other.call() != home
        assert caller.call() == home
        orders.balancer.set_node(f"orders/{home}", clear=True)


@pytest.mark.parametrize("farewell", [True, False], ids=["ended", "killed"])
def test_the_next_call_after_a_nodes_end_succeeds(*, farewell: bool) -> None:
    """A node that ends takes leave, and the ORB calls again by itself. One that is killed cannot: whether
    the call may be made again is for the client to say, once, by an exception handler.
    """
    with _serving() as orders, ExitStack() as stack:
        options = [] if farewell else ["again"]
        callers = [stack.enter_context(Caller(orders.by_name, *options)) for _ in range(6)]
        assert {caller.call() for caller in callers} == {"a", "b"}
        _end(orders, "a", signal.SIGTERM if farewell else signal.SIGKILL)
        assert {caller.call() for caller in callers} == {"b"}


def test_without_a_handler_a_killed_node_costs_one_exception() -> None:
    """As the page says: the call in question fails once, and the next one succeeds."""
    with _serving() as orders, Caller(orders.by_place) as caller:
        home = caller.call()
        _end(orders, home, signal.SIGKILL)
        assert caller.call().startswith("COMM_FAILURE")
        (other,) = {"a", "b"} - {home}
        assert caller.call() == other


def _end(orders: Orders, name: str, by: signal.Signals) -> None:
    """Returns when the node listens no more."""
    os.kill(orders.nodes[name].pid, by)
    wait_until(lambda: not accepts(orders.places[name]), f"{name} is gone")
