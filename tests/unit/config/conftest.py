"""Whole configurations at random, valid by construction."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from protobalance.config.model import (
    AdminConfig,
    Affinity,
    Check,
    Cluster,
    Config,
    EngineConfig,
    Listener,
    LoadRating,
    LogConfig,
    Node,
)

NAMES = st.text("abzAZ09_.-", min_size=1, max_size=6)
PORTS = st.integers(1, 65_535)
HOSTS = st.sampled_from(["10.0.0.1", "127.0.0.1", "[2001:db8::1]", "[::1]"])
ADDRESSES = st.one_of(
    st.builds("{}:{}".format, HOSTS | st.sampled_from(["db.internal", "localhost", "a_b-c.example."]), PORTS),
    st.sampled_from(["unix:/run/app.socket", 'unix:/run/with space, "quotes" and \\ slash']),
)
TEXTS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
EXPRESSIONS = st.sampled_from(["sessions", "max(1e3, -2.5 * connect_ms) / (weight + 1)"])
COUNTS = st.integers(0, 10_000_000)
POLICIES = ["round-robin", "random", "connection-rate", "traffic-rate", "client-hash", "least-sessions"]


def spans(least: int, most: int) -> st.SearchStrategy[float]:
    return st.integers(least, most).map(lambda milliseconds: milliseconds / 1_000)


@st.composite
def ratings(draw: st.DrawFn) -> LoadRating:
    form, value = draw(
        st.sampled_from([("function", "a.b:c"), ("agent", "tcp://{host}:1")])
        | st.tuples(st.just("expression"), EXPRESSIONS)
    )
    spans_of_it = {"interval": draw(spans(100, 3_600_000)), "ttl": draw(spans(100, 86_400_000))}
    # Drawn to fit each other, which types do not show.
    return LoadRating(**{form: value}, **draw(st.sampled_from([{}, spans_of_it])))  # type: ignore[arg-type]  # see above


@st.composite
def clusters(draw: st.DrawFn, name: str) -> Cluster:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    nodes = {}
    for index, node in enumerate(names):
        others = [other for other in names if other != node]
        nodes[node] = Node(
            node,
            draw(ADDRESSES),
            weight=draw(st.integers(0 if index else 1, 256)),
            fallbacks=tuple(draw(st.lists(st.sampled_from(others), unique=True))) if others else (),
            admin_state=draw(st.sampled_from(["available", "draining", "offline"])),
            max_sessions=draw(COUNTS),
        )
    rating = draw(st.none() | ratings())
    affinity = st.builds(
        Affinity, idle=spans(1_000, 10**10), prefix_v6=st.integers(1, 128), on_failover=st.just("move")
    )
    return Cluster(
        name,
        nodes,
        policy="minimum-load" if rating else draw(st.sampled_from(POLICIES)),
        hash_key=draw(st.just("") | TEXTS),
        load_rating=rating,
        connect_timeout=draw(spans(1, 3_600_000)),
        early_close_window=draw(spans(0, 3_600_000)),
        replay_unanswered=draw(st.booleans()),
        affinity=draw(st.none() | st.just(Affinity()) | affinity),
        check=draw(st.none() | st.just(Check()) | st.builds(Check, interval=spans(100, 86_400_000))),
    )


@st.composite
def valid_configs(draw: st.DrawFn) -> Config:
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    listeners = {
        name: Listener(
            name,
            # A host for each listener, so that no two want one port.
            tuple(f"10.1.{index}.{entry}:{draw(PORTS)}" for entry in range(draw(st.integers(1, 3)))),
            draw(st.sampled_from(names)),
            idle_timeout=draw(spans(0, 10**10)),
            backlog=draw(st.integers(1, 65_535)),
        )
        for index, name in enumerate(draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)))
    }
    return Config(
        listeners,
        {name: draw(clusters(name)) for name in names},
        draw(
            st.builds(
                EngineConfig, workers=st.integers(0, 256), state_dir=st.none() | TEXTS, grace=spans(0, 10**8)
            )
        ),
        draw(st.builds(AdminConfig, socket=st.none() | TEXTS)),
        draw(
            st.builds(
                LogConfig, st.sampled_from(["off", "stderr", "/var/log/x"]), st.sampled_from(["text", "json"])
            )
        ),
    )


@pytest.fixture(scope="session")
def configs() -> st.SearchStrategy[Config]:
    return valid_configs()
