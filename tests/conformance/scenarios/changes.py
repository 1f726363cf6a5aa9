"""What is changed, or dies, while clients come and sessions stand."""

from __future__ import annotations

import time

from conformance.load import Load
from conformance.scenario import scenario
from conformance.stage import Stage
from conformance.verdict import expect


@scenario(alone=True)
def storm_of_reloads_loses_nobody(stage: Stage) -> None:
    """While clients come all the time, the nodes are changed 15 times: every client is served."""
    stage.takes_a_balancer()
    nodes = [stage.speaker(name) for name in ("one", "two", "three")]
    balancer = stage.balance(*nodes[:2])
    with Load(balancer.wish.listen) as load:
        for number in range(15):
            time.sleep(0.1)
            balancer.reload(stage.wish(*nodes[number % 2 :][:2]))
        load.end()
    expect(not load.lost(), load.lost())


@scenario(alone=True)
def nonsense_is_refused_unnoticed(stage: Stage) -> None:
    """A configuration that makes no sense is put in place while clients come: all are served, before and
    after; a standing session goes on; and a sound one is taken afterwards.
    """
    stage.takes_a_balancer()
    nodes = [stage.speaker(name) for name in ("one", "two")]
    balancer = stage.balance(nodes[0])
    client, line = stage.client(), nodes[0].line
    client.hears(line)
    with Load(balancer.wish.listen) as load:
        time.sleep(0.3)
        balancer.reload_nonsense()
        time.sleep(0.5)
        balancer.reload(stage.wish(nodes[1]))
        load.end()
    expect(not load.lost(), load.lost())
    client.say(b"?\n")
    client.hears(line)
    expect(stage.greeting() == nodes[1].line, "the sound configuration was not taken")


@scenario()
def standing_session_survives_a_reload(stage: Stage) -> None:
    """A quiet session stands while its node is taken out of the configuration, three seconds long, and goes
    on.
    """
    stage.takes_a_balancer()
    old, new = stage.speaker("old"), stage.speaker("new")
    balancer = stage.balance(old)
    client = stage.client()
    client.hears(old.line)
    balancer.reload(stage.wish(new))
    expect(stage.greeting() == new.line, "the next client did not reach the new node")
    client.hears_nothing(3.0)
    client.say(b"?\n")
    client.hears(old.line)


@scenario(alone=True)
def killed_process_refuses_nobody(stage: Stage) -> None:
    """The process that serves is killed (kill -9) while clients come; where all is gone, it is started again
    after 100 ms, as a service manager would. Whoever comes after the kill is served, if late.
    """
    stage.takes_a_balancer()
    nodes = [stage.speaker(name) for name in ("one", "two")]
    balancer = stage.balance(*nodes)
    with Load(balancer.wish.listen) as load:
        time.sleep(0.5)
        killed = balancer.kill()
        time.sleep(2.0)
        load.end()
    stage.note(f"the slowest client waited {load.slowest:.2f} s; {len(load.failed)} of all lost")
    lost = load.lost(killed)
    expect(not lost, lost)
