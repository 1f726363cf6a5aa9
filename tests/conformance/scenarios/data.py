"""What is between question and end: urgent bytes, closed windows, tiny segments, slow speakers."""

from __future__ import annotations

import random
import socket
import threading
import time

from conformance.ends import PATIENCE, End
from conformance.scenario import Way, scenario
from conformance.stage import Stage
from conformance.verdict import expect

HUGE = 64 << 20  # bytes no balancer may take for a reader that does not read
BOUND = 24 << 20  # what the kernels of both connections may hold of them


@scenario(each=Way)
def urgent_byte_stays_urgent_at_its_place(stage: Stage, way: Way) -> None:
    """An urgent byte comes out of band with the mark at its place; the bytes around it come in order."""
    sender, receiver = way.ends(stage.session())
    sender.say(b"abc")
    sender.socket.send(b"!", socket.MSG_OOB)
    receiver.hears_urgent(b"abc", b"!")
    sender.say(b"def")
    receiver.hears(b"def")


@scenario(each=Way)
def urgent_bytes_come_again_and_again(stage: Stage, way: Way) -> None:
    """Urgent bytes one after the other, each answered, each come out of band at their place."""
    sender, receiver = way.ends(stage.session())
    for byte in (b"1", b"2", b"3", b"4", b"5"):
        sender.say(b"before")
        sender.socket.send(byte, socket.MSG_OOB)
        receiver.hears_urgent(b"before", byte)
        receiver.say(b".")
        sender.hears(b".")


@scenario(each=Way)
def urgent_byte_is_not_lost_in_line(stage: Stage, way: Way) -> None:
    """Who reads urgent bytes in line (`SO_OOBINLINE`) misses none, and none is doubled."""
    sender, receiver = way.ends(stage.session())
    receiver.socket.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    for _ in range(50):
        sender.say(b"abc")
        sender.socket.send(b"!", socket.MSG_OOB)
    sender.finish()
    expect(receiver.hears_out() == b"abc!" * 50, "the stream was not what was said")


@scenario(each=Way, alone=True)
def zero_window_is_borne(stage: Stage, way: Way) -> None:
    """64 MB for a reader that does not read: the sender is held back after at most 24 MB, the balancer's
    memory grows by at most 4 MB, and when the reader reads at last nothing is missing.
    """
    sender, receiver = way.ends(stage.session())
    before = stage.balancer.resident() if stage.balancer.child else 0
    block = random.Random(3).randbytes(1 << 20)
    sent = _sent_until_stalled(sender, block)
    expect(sent <= BOUND, f"{sent >> 20} MB were taken for a reader that did not read")
    grown = (stage.balancer.resident() if stage.balancer.child else 0) - before
    expect(grown < 4 << 20, f"memory grew by {grown >> 20} MB")
    rest = (-sent) % len(block)
    sender.socket.settimeout(PATIENCE)
    sender.say_aside(block[len(block) - rest :] if rest else b"", sender.finish)
    for _ in range((sent + rest) // len(block)):
        receiver.hears(block)
    receiver.hears_end()


def _sent_until_stalled(sender: End, block: bytes) -> int:
    sender.socket.settimeout(1.0)
    sent = 0
    try:
        while sent < HUGE:
            sent += sender.socket.send(block[sent % len(block) :])
    except TimeoutError:
        pass
    return sent


@scenario(each=Way)
def zero_windows_hold_up_nobody_else(stage: Stage, way: Way) -> None:
    """While 20 readers do not read, 100 other sessions come, are served at once, and go."""
    listening = stage.node()
    stage.balance(listening)
    for _ in range(20):
        speaker, _deaf = way.ends(stage.joined(listening))
        speaker.say_aside(bytes(8 << 20))
    time.sleep(0.5)
    began = time.monotonic()
    for _ in range(100):
        client, node = stage.joined(listening)
        client.close()
        node.hears_end()
        node.close()
    spent = time.monotonic() - began
    expect(spent < 5.0, f"they took {spent:.1f} s")


@scenario(each=Way)
def tiny_segments_arrive(stage: Stage, way: Way) -> None:
    """3,000 segments of one byte each, back to back: all arrive, in order."""
    data = random.Random(4).randbytes(3000)
    sender, receiver = way.ends(stage.session())
    sender.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in data:
        sender.say(bytes([byte]))
    sender.finish()
    expect(receiver.hears_out() == data, "the stream was not what was said")


@scenario()
def tiny_segments_are_not_held_back(stage: Stage) -> None:
    """A byte each way in turn, 500 times, takes less than 5 s: nobody waits for a fuller segment (40 ms
    each).
    """
    client, node = stage.session()
    for end in (client, node):
        end.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began = time.monotonic()
    for _ in range(500):
        client.say(b"a")
        client.say(b"b")
        node.hears(b"ab")
        node.say(b"c")
        node.say(b"d")
        client.hears(b"cd")
    spent = time.monotonic() - began
    expect(spent < 5.0, f"took {spent:.1f} s")


@scenario()
def both_ways_at_once(stage: Stage) -> None:
    """32 MB each way at the same time: nobody waits for the other, nothing is lost."""
    data = random.Random(5).randbytes(4 << 20)
    client, node = stage.session()
    client.say_aside(data * 8, client.finish)
    node.say_aside(data * 8, node.finish)
    failures: list[Exception] = []

    def listen(end: End) -> None:
        try:
            for _ in range(8):
                end.hears(data)
            end.hears_end()
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)

    threads = [threading.Thread(target=listen, args=(end,)) for end in (client, node)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        raise failure


@scenario(each=Way)
def slow_loris_is_served_and_harms_nobody(stage: Stage, way: Way) -> None:
    """100 sessions on which one side says a byte every 200 ms for 3 s: each byte arrives before the next is
    said, and other sessions come and go meanwhile.
    """
    listening = stage.node()
    stage.balance(listening)
    slow = [way.ends(stage.joined(listening)) for _ in range(100)]
    for byte in random.Random(6).randbytes(15):
        for speaker, _ in slow:
            speaker.say(bytes([byte]))
        client, _ = stage.joined(listening)
        client.close()
        time.sleep(0.2)
        for _, hearer in slow:
            hearer.hears(bytes([byte]))


@scenario()
def urgent_byte_for_a_unix_node_is_data(stage: Stage) -> None:
    """A node on a Unix-domain socket, where nobody expects urgent bytes, gets one in its place, as data."""
    client, node = stage.session_by_path()
    client.say(b"abc")
    client.socket.send(b"!", socket.MSG_OOB)
    client.say(b"def")
    node.hears(b"abc!def")


@scenario(each=Way)
def node_on_a_unix_socket_is_served(stage: Stage, way: Way) -> None:
    """With a node on a Unix-domain socket: 8 MB, an end, and the answer to it, each way."""
    data = random.Random(7).randbytes(8_000_000)
    sender, receiver = way.ends(stage.session_by_path())
    sender.say_aside(data, sender.finish)
    receiver.hears(data)
    receiver.hears_end()
    receiver.say(b"thanks")
    receiver.close()
    sender.hears(b"thanks")
    sender.hears_end()
