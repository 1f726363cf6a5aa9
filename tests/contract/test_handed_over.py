"""Listening sockets that outlive an engine: whoever waits in a queue is served by the next one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from contract.test_live_engine import plan
from peers import pbload
from peers.joined import PATIENCE
from peers.process import Address, address_of, text_of
from protobalance.control.engine_port import EnginePort, HandedOver, start_engine

CLIENTS = 200  # enough that the kernel gives each queue some


@contextmanager
def engine(workers: int, handed_over: list[HandedOver]) -> Iterator[EnginePort]:
    started = start_engine(workers, 0, handed_over)
    try:
        yield started
    finally:
        started.stop()


def kept(running: EnginePort) -> list[HandedOver]:
    """What a keeper would have of it."""
    return [
        (report.listener, os.dup(descriptor))
        for report in running.listening_sockets()
        for descriptor in report.descriptors
    ]


def address(running: EnginePort) -> Address:
    (listener,) = running.snapshot().listeners
    return address_of(listener.addresses[0])


@pytest.mark.parametrize(("before", "after"), [(3, 1), (3, 2), (2, 3), (1, 4)])
def test_every_queue_of_a_group_is_read_whatever_the_number_of_workers(before: int, after: int) -> None:
    with pbload.nodes("greet", name="n") as nodes, ExitStack() as stack:
        (node,) = map(text_of, nodes.values())
        with engine(before, []) as first:
            first.apply(plan(node))
            at, handed_over = address(first), kept(first)
            assert len(handed_over) == before
        clients = [
            stack.enter_context(socket.create_connection(at, timeout=PATIENCE)) for _ in range(CLIENTS)
        ]
        with engine(after, handed_over) as second:
            second.apply(plan(node))
            assert address(second) == at
            kept_by_second = kept(second)
            assert len(kept_by_second) == max(before, after)
            assert {client.recv(2) for client in clients} == {b"n\n"}
            later = pbload.connect(at, CLIENTS)
            assert later["errors"] == {}
        for _, descriptor in kept_by_second:
            os.close(descriptor)


def test_a_port_that_the_kernel_chose_is_found_again_by_its_listener() -> None:
    with pbload.nodes("greet", name="n") as nodes:
        (node,) = map(text_of, nodes.values())
        with engine(1, []) as first:
            first.apply(plan(node))
            at, handed_over = address(first), kept(first)
        strangers = [("other", descriptor) for _, descriptor in handed_over]
        with engine(1, strangers) as second:
            second.apply(plan(node))
            assert address(second) != at
