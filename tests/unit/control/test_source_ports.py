"""Ports of ours that run short are told of once, and once when they do no more."""

from __future__ import annotations

from pathlib import Path

from protobalance.config import loads
from protobalance.config.plan import compile_plan
from protobalance.control.chronicle import Chronicle
from protobalance.control.history import History
from protobalance.control.operator_log import OperatorLog
from protobalance.control.source_ports import SourcePorts, Use, ports_of_an_address, uses
from unit.control.fake_engine import FakeEngine

CONFIG = loads("""
[listeners.l]
bind = ":1"
cluster = "one"
[clusters.one]
nodes = { a = "10.0.0.1:80", b = "[2001:db8::1]:80", c = "unix:/run/c", d = "10.0.0.1:81" }
[clusters.pool]
source_addresses = ["10.0.0.7", "10.0.0.8", "10.0.0.9"]
nodes = { a = "10.0.0.1:80", b = "[2001:db8::1]:80" }
[clusters.other]
nodes.a = "10.0.0.1:80"
[clusters.clear]
transparent = true
nodes.a = "10.0.0.2:80"
""")


def test_sessions_are_counted_by_the_address_they_lead_to() -> None:
    engine = FakeEngine()
    engine.apply(compile_plan(CONFIG))
    engine.active = {"one/a": 3, "one/d": 7, "one/c": 9, "pool/a": 4, "pool/b": 1, "other/a": 2, "clear/a": 9}
    assert uses(CONFIG, engine.snapshot(), 100) == {
        "10.0.0.1:80": Use(9, 300, 3),
        "[2001:db8::1]:80": Use(1, 100, 1),
        "10.0.0.1:81": Use(7, 100, 1),
    }


def test_it_is_told_once_and_cleared_once() -> None:
    lines: list[str] = []
    log = OperatorLog(lambda level, line: lines.append(f"{level} {line}"))
    ports = SourcePorts(Chronicle(log, History(None, warn=lines.append), lambda: 1.0), lambda: 1.0)
    for sessions in (0, 79, 80, 85, 75, 81, 70):
        ports.look({"10.0.0.1:80": Use(sessions, 100, 1)})
    ((limit,),) = [ports.limits()]
    assert (limit.limit, limit.since) == ("source-ports", 1.0)
    assert limit.message.startswith(
        "80 sessions to 10.0.0.1:80 use 80 % of the 100 ports that one address of ours has there"
    )
    ports.look({"10.0.0.1:80": Use(69, 100, 1)})
    assert ports.limits() == []
    assert [line.split()[0] for line in lines] == ["warning", "info"]
    ports.look({"10.0.0.1:80": Use(800, 1000, 4)})
    assert "each of 4 addresses of ours" in ports.limits()[0].message
    ports.look({})
    assert ports.limits() == []


def test_the_kernel_says_how_many_ports_it_gives(tmp_path: Path) -> None:
    assert ports_of_an_address() > 0
    (tmp_path / "range").write_text("32768\t60999\n")
    assert ports_of_an_address(tmp_path / "range") == 28_232
    assert ports_of_an_address(tmp_path / "none") == 0
