"""How sessions end: an end stays an end, a reset stays a reset, and what was said before either arrives."""

from __future__ import annotations

import random
import time

from conformance.ends import End
from conformance.scenario import Way, scenario
from conformance.stage import Stage
from conformance.verdict import expect

MUCH = random.Random(1).randbytes(8_000_000)  # more than all kernels between will hold
SOME = MUCH[:60_000]  # what kernels hold even if nobody reads


@scenario(each=Way)
def half_close_is_kept(stage: Stage, way: Way) -> None:
    """One side ends its direction; the other's answer, a second later, arrives whole and ends cleanly."""
    asker, answerer = way.ends(stage.session())
    asker.say(b"question")
    asker.finish()
    answerer.hears(b"question")
    answerer.hears_end()
    asker.hears_nothing(1.0)
    answerer.say_aside(MUCH, answerer.close)
    asker.hears(MUCH)
    asker.hears_end()


@scenario(each=Way)
def half_close_before_any_byte_is_kept(stage: Stage, way: Way) -> None:
    """A side that ends its direction having said nothing is still spoken to. (The node after three seconds:
    an earlier end of one that never spoke is a failure of its.)
    """
    quitter, talker = way.ends(stage.opened())
    if way is Way.TO_CLIENT:
        talker.hears_nothing(3.0)
    quitter.finish()
    talker.hears_end()
    talker.say(SOME)
    talker.finish()
    quitter.hears(SOME)
    quitter.hears_end()


@scenario(each=Way)
def close_is_a_clean_end(stage: Stage, way: Way) -> None:
    """After question and answer one side closes; the other sees a clean end, ends too, and that is all."""
    first, second = way.ends(stage.session())
    first.close()
    second.hears_end()
    second.close()


@scenario()
def client_that_closes_before_any_byte_is_a_clean_end(stage: Stage) -> None:
    """A client that connects and closes is a clean end for the node."""
    client, node = stage.opened()
    client.close()
    node.hears_end()


@scenario()
def node_that_closes_before_any_byte_is_a_clean_end(stage: Stage) -> None:
    """The only node there is closes without a word, at once: the client sees a clean end."""
    client, node = stage.opened()
    node.close()
    client.hears_end()


@scenario(each=Way)
def close_after_much_delivers_all(stage: Stage, way: Way) -> None:
    """8 MB and a close at once: every byte arrives, then a clean end."""
    sender, receiver = way.ends(stage.session())
    sender.say_aside(MUCH, sender.close)
    receiver.hears(MUCH)
    receiver.hears_end()


@scenario(each=Way)
def close_after_much_delivers_all_to_a_slow_reader(stage: Stage, way: Way) -> None:
    """The same where the reader begins only a second after the close, and reads in pieces with pauses."""
    sender, receiver = way.ends(stage.session())
    sender.say_aside(MUCH, sender.close)
    time.sleep(1.0)
    for start in range(0, len(MUCH), 1_000_000):
        receiver.hears(MUCH[start : start + 1_000_000])
        time.sleep(0.1)
    receiver.hears_end()


@scenario(each=Way)
def close_amid_the_others_talk(stage: Stage, way: Way) -> None:
    """One side ends while the other is in the middle of 8 MB: all of it still arrives."""
    quitter, talker = way.ends(stage.session())
    talker.say_aside(MUCH, talker.finish)
    quitter.hears(MUCH[:100_000])
    quitter.finish()
    quitter.hears(MUCH[100_000:])
    quitter.hears_end()
    talker.hears_end()


@scenario()
def simultaneous_ends_are_clean(stage: Stage) -> None:
    """Both sides end at the same moment, 20 times: both see a clean end."""
    listening = stage.node()
    stage.balance(listening)
    for _ in range(20):
        client = stage.client()
        node = stage.accepted(listening)
        client.say(b"?")
        node.hears(b"?")
        client.finish()
        node.finish()
        client.hears_end()
        node.hears_end()


@scenario(each=Way)
def reset_while_quiet_is_a_reset(stage: Stage, way: Way) -> None:
    """After question and answer one side resets; the other sees a reset, never a clean end."""
    breaker, other = way.ends(stage.session())
    breaker.reset()
    other.hears_reset()


@scenario()
def client_that_resets_before_any_byte_is_a_reset(stage: Stage) -> None:
    """A client that connects and resets is a reset for the node."""
    client, node = stage.opened()
    client.reset()
    node.hears_reset()


@scenario()
def node_that_resets_before_any_byte_is_a_reset(stage: Stage) -> None:
    """The only node there is resets without a word: the client sees a reset, never a clean end."""
    client, node = stage.opened()
    node.reset()
    client.hears_reset()


@scenario(each=Way)
def bytes_before_a_reset_arrive_before_it(stage: Stage, way: Way) -> None:
    """60 kB that the next kernel has acknowledged, then a reset: the bytes are read, then the reset seen."""
    breaker, other = way.ends(stage.session())
    breaker.say(SOME)
    breaker.delivered()
    other.hears(SOME[:1])
    breaker.reset()
    other.hears(SOME[1:])
    other.hears_reset()


@scenario(each=Way)
def reset_amid_ones_own_talk_is_a_reset(stage: Stage, way: Way) -> None:
    """A reset in the middle of a transfer: the reader gets a part, rightly, then a reset, no clean end."""
    breaker, other = way.ends(stage.session())
    breaker.say_aside(MUCH)
    other.hears(MUCH[:1_000_000])
    breaker.reset()
    _hears_beginning_then_reset(other, MUCH[1_000_000:])


@scenario(each=Way)
def reset_amid_the_others_talk_is_a_reset(stage: Stage, way: Way) -> None:
    """A side that resets while it is spoken to: the speaker sees a reset, and does not talk to nobody."""
    breaker, talker = way.ends(stage.session())
    talker.say_aside(MUCH + MUCH)
    breaker.hears(MUCH[:100_000])
    breaker.reset()
    talker.notices_reset()


@scenario(each=Way)
def reset_after_ones_own_end_is_a_reset(stage: Stage, way: Way) -> None:
    """A side that ended its direction and then resets, instead of hearing the rest: the other hears of it."""
    breaker, other = way.ends(stage.session())
    breaker.finish()
    other.hears_end()
    breaker.reset()
    other.notices_reset()


@scenario(each=Way)
def reset_after_the_others_end_is_a_reset(stage: Stage, way: Way) -> None:
    """A side that waits for an answer, its own direction ended, sees the other's reset as a reset."""
    breaker, waiting = way.ends(stage.session())
    waiting.finish()
    breaker.hears_end()
    breaker.reset()
    waiting.hears_reset()


@scenario(each=Way)
def reset_reaches_who_does_not_read(stage: Stage, way: Way) -> None:
    """A side that does not read what was sent learns of the sender's reset all the same, within 10 s."""
    breaker, deaf = way.ends(stage.session())
    breaker.say_aside(MUCH)
    time.sleep(0.5)
    breaker.reset()
    deaf.notices_reset(10.0)


def _hears_beginning_then_reset(end: End, rest: bytes) -> None:
    heard = bytearray()
    while True:
        try:
            more = end.socket.recv(1 << 16)
        except ConnectionResetError:
            break
        except TimeoutError:
            more = b""
            expect(more, f"{end.name} did not hear of the reset")
        expect(more, f"{end.name} saw a clean end amid the transfer")
        heard += more
    expect(rest.startswith(heard), f"{end.name} heard other bytes than were said")
