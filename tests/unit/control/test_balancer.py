"""The balancer inside a program: any form of configuration, plain threads, a loop only if one is needed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import protobalance
from protobalance import Balancer, ConfigError, Refused
from protobalance import config as configuration
from unit.control.conftest import FILE, World
from unit.control.test_background import CHECKED

MAPPING = {
    "listeners": {"web": {"bind": "127.0.0.1:8080", "cluster": "web"}},
    "clusters": {"web": {"nodes": {"a": {"address": "10.0.0.1:80"}}}},
}


def loop_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "protobalance background"]


@pytest.mark.parametrize("form", ["text", "mapping", "config", "path"])
def test_every_form_of_configuration(world: World, form: str) -> None:
    world.path.write_text(FILE)
    wish = {"text": FILE, "mapping": MAPPING, "config": configuration.loads(FILE), "path": world.path}[form]
    with Balancer(wish, surroundings=world.surroundings()) as balancer:  # type: ignore[arg-type]  # each a Wish
        assert balancer.address("web") == ("127.0.0.1", 8080)
        assert balancer.addresses == {"web": [("127.0.0.1", 8080)]}
        assert loop_threads() == []
    assert world.engine.calls == ["stop"]


def test_what_is_wrong_is_told_and_nothing_started(world: World) -> None:
    with pytest.raises(ConfigError):
        Balancer("nonsense = 1", surroundings=world.surroundings())
    assert world.engines == []


@pytest.mark.parametrize(
    ("wish", "said"), [(None, "no configuration"), (8080, "no configuration"), ("web.toml", "pathlib.Path")]
)
def test_what_is_no_configuration_is_told_what_would_be(world: World, wish: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Balancer(wish, surroundings=world.surroundings())  # type: ignore[arg-type]  # that is the point


def test_a_wrong_name_is_refused_with_the_nearest(world: World) -> None:
    with Balancer(FILE, surroundings=world.surroundings()) as balancer:
        with pytest.raises(Refused, match="did you mean 'web'"):
            balancer.address("wep")
        with pytest.raises(Refused, match="CLUSTER/NODE"):
            balancer.set_node("a", "draining")


def test_changes_and_questions(world: World) -> None:
    with Balancer(FILE, surroundings=world.surroundings()) as balancer:
        assert balancer.set_node("web/a", "draining").admin_state == "draining"
        assert balancer.redirect("web", "green").cluster == "green"
        assert balancer.apply(MAPPING).changed
        assert balancer.status().clusters[0].name == "web"
        assert balancer.sessions().sessions == []
        assert balancer.explain("192.0.2.1").now[0].decision.client == "192.0.2.1"
        assert [entry.by for entry in balancer.history(3)] == ["program"] * 3


def test_a_loop_is_started_when_one_is_needed_and_ends_with_it(world: World) -> None:
    with Balancer(FILE, surroundings=world.surroundings()) as balancer:
        balancer.apply(CHECKED.replace("10.0.", "127.0."))
        assert len(loop_threads()) == 1
    assert loop_threads() == []


def test_stop_lets_sessions_end_within_grace(world: World) -> None:
    balancer = Balancer(FILE, surroundings=world.surroundings())
    world.engine.active = {"web/a": 1}
    ended = threading.Timer(0.0, world.engine.active.clear)
    ended.start()
    balancer.stop(grace=60.0)
    ended.join()
    assert world.engine.calls == ["drain", "stop"]
    balancer.stop(grace=60.0)


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = "import sys, protobalance; print([m for m in sys.modules if m.startswith('protobalance.')])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(protobalance.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
    assert set(protobalance.__all__) <= {name for name in protobalance.__all__ if getattr(protobalance, name)}
    with pytest.raises(AttributeError):
        _ = protobalance.nothing
