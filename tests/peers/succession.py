"""A balancer that is replaced again and again while clients come, go and stay."""

from __future__ import annotations

from pathlib import Path

from peers import pbload
from peers.command import running
from peers.process import text_of, wait_until
from peers.wish import wish

BYTES = 64


def upgraded_under_load(folder: Path, times: int) -> int:
    """So many upgrades in a row, under new sessions all the time and old ones that go on: how many sessions
    were served meanwhile. No client may notice anything.
    """
    with (
        pbload.nodes("echo", 3, name="n", close_after=BYTES) as nodes,
        pbload.nodes("echo", name="held") as held_nodes,
    ):
        config = wish(nodes) | {"engine": {"state_dir": str(folder / "state")}}
        config["clusters"]["held"] = {"nodes": {"held": {"address": text_of(held_nodes["held"])}}}
        config["listeners"]["held"] = {"bind": "127.0.0.1:0", "cluster": "held"}
        with running(config, folder) as command:
            target, held_target = text_of(command.address()), text_of(command.address("held"))
            with (
                pbload.started("hold", target=held_target, connections=100, bytes=1000) as held,
                pbload.started("churn", target=target, parallel=32, bytes=BYTES, ending="node") as churn,
            ):
                assert held.line() == {"open": 100, "errors": False}
                balancers = {command.balancer()}
                for number in range(1, times + 1):
                    command.ask("upgrade")
                    balancers.add(command.balancer())
                    assert churn.mark() == number
                result, held_result = churn.result(), held.result()
                assert len(balancers) == times + 1
                wait_until(lambda: not command.status().predecessors, "the processes before have ended")
    assert result["errors"] == {}, result["first_error"]
    assert result["ok"] > times
    assert (held_result["errors"], held_result["ok"]) == ({}, 100), held_result
    served: int = result["ok"]
    return served
