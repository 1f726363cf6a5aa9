"""How single values are written: durations, addresses, names, and the forms that a table may take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobalance.config import ConfigError, loads
from protobalance.config.address_kinds import Bind, NodeAddress, Prefix
from protobalance.config.addresses import hostname_of, parse_node_address, split_bind, split_host_port
from protobalance.config.cluster import Cluster
from protobalance.config.kinds import (
    STATISTICS,
    Duration,
    Expression,
    Function,
    Integer,
    Kind,
    LogTarget,
    Refused,
)
from protobalance.config.quantities import parse_duration, write_duration


def refused(kind: Kind, raw: object) -> Refused:
    with pytest.raises(Refused) as refusal:
        kind.read(raw)
    return refusal.value


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("500ms", 500),
        ("2s", 2_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
        ("30d", 2_592_000_000),
        ("1.5s", 1_500),
        ("0.001s", 1),
        ("0.5ms", None),
        ("0s", 0),
        ("5", None),
        ("s", None),
        ("-1s", None),
        ("1e3s", None),
        (" 1s", None),
        ("1 s", None),
        ("1S", None),
        (".5s", None),
        ("1.s", None),
        ("1sm", None),
        ("٣s", None),
        ("1h30m", None),
        ("9" * 5_000 + "s", None),
        ("", None),
    ],
)
def test_durations(text: str, milliseconds: int | None) -> None:
    assert parse_duration(text) == milliseconds


@given(st.integers(0, 10**12))
def test_a_duration_reads_back(milliseconds: int) -> None:
    assert parse_duration(write_duration(milliseconds / 1_000)) == milliseconds


@pytest.mark.parametrize(
    ("raw", "suggestion"),
    [
        (5, '"5s"'),
        ("5", '"5s"'),
        (0.25, '"0.25s"'),
        ("5 sec", '"5s"'),
        ("2 Hours", '"2h"'),
        ("10 MS", '"10ms"'),
        ("500 millis", '"500ms"'),
        ("400d", None),
        (True, None),
        (-5, None),
        ("soon", None),
        ([], None),
    ],
)
def test_a_duration_without_its_unit_is_refused(raw: object, suggestion: str | None) -> None:
    assert refused(Duration(), raw).suggestion == suggestion


def test_true_is_not_one() -> None:
    for raw in (True, 1.0):  # though Python says so
        refused(Integer(0, 256), raw)
    assert Integer(0, 256).read(1) == 1
    assert refused(Integer(0, 256), "1").suggestion == "1"


def test_zero_only_where_it_means_something() -> None:
    assert Duration(zero="never").read("0s") == 0
    refused(Duration(), "0s")


@pytest.mark.parametrize(
    ("text", "binds"),
    [
        ("0.0.0.0:8080", ("0.0.0.0:8080",)),
        ("[::]:8080", ("[::]:8080",)),
        (":8080", ("0.0.0.0:8080", "[::]:8080")),
        ("localhost:0", ("127.0.0.1:0",)),
        ("[0:0::1]:00080", ("[::1]:80",)),
        ("0.0.0.0:30000-30099", ("0.0.0.0:30000-30099",)),
        ("0.0.0.0:5-5", ("0.0.0.0:5",)),
    ],
)
def test_where_to_listen(text: str, binds: tuple[str, ...]) -> None:
    assert Bind().read(text) == binds
    assert tuple(str(split_bind(bind)) for bind in binds) == binds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8080",
        "0.0.0.0",
        "0.0.0.0:",
        "0.0.0.0:65536",
        "0.0.0.0:1-0",
        "0.0.0.0:0-5",
        "web:80",
        "*:80",
        "::1:80",
        "[::1]80",
        "[127.0.0.1]:80",
        "[::1%lo]:80",
        "0.0.0.0:+80",
        "0.0.0.0:٨٠",
        "0.0.0.0:8_0",
        "010.0.0.1:80",
        "[::1:80",
    ],
)
def test_where_one_cannot_listen(text: str) -> None:
    refused(Bind(), text)


@pytest.mark.parametrize(
    ("raw", "suggestion"), [(8080, '":8080"'), ("8080", '":8080"'), ("::1:80", '"[::1]:80"')]
)
def test_where_one_probably_meant_to_listen(raw: object, suggestion: str) -> None:
    assert refused(Bind(), raw).suggestion == suggestion


@pytest.mark.parametrize(
    ("text", "canonical", "name"),
    [
        ("10.0.0.1:80", "10.0.0.1:80", None),
        ("[2001:DB8::0:1]:80", "[2001:db8::1]:80", None),
        ("DB.internal:5432", "db.internal:5432", "db.internal"),
        ("db.internal.:5432", "db.internal.:5432", "db.internal."),
        ("a_b-c:1", "a_b-c:1", "a_b-c"),
        ("unix:/run/a b:80", "unix:/run/a b:80", None),
    ],
)
def test_where_a_node_is(text: str, canonical: str, name: str | None) -> None:
    assert parse_node_address(text) == canonical
    assert hostname_of(canonical) == name


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1",
        "10.0.0.1:0",
        "10.0.0.256:80",
        "10.0.0:80",
        "-a:80",
        "a-:80",
        "a..b:80",
        "bücher.example:80",
        ":80",
        "a b:80",
        "unix:",
        "unix:run/x",
        "unix:/" + "x" * 107,
        "unix:/a\0b",
        "a" * 64 + ":80",
        "\udc80:80",
        "db:http",
    ],
)
def test_where_no_node_can_be(text: str) -> None:
    refused(NodeAddress(), text)


def test_an_address_is_taken_apart() -> None:
    assert split_host_port("[::1]:80") == ("::1", 80)
    assert split_host_port("db.internal:5432") == ("db.internal", 5432)


def test_a_log_target_is_told_from_a_typing_error() -> None:
    assert LogTarget().read("./stdrr") == "./stdrr"
    assert refused(LogTarget(), "stdrr").suggestion == '"stderr"'
    assert refused(LogTarget(), "sessions.log").suggestion == '"./sessions.log"'


def test_a_function_is_told_from_an_attribute() -> None:
    assert Function().read("my.module:load") == "my.module:load"
    assert refused(Function(), "my.module.load").suggestion == '"my.module:load"'


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("::ffff:10.0.0.0/104", '"10.0.0.0/8"'),
        ("::ffff:10.0.0.1", '"10.0.0.1"'),
        ("10.0.0.1/8", '"10.0.0.0/8"'),
    ],
)
def test_a_network_that_would_have_nobody_in_it(text: str, suggestion: str) -> None:
    """An IPv4 client is one whichever way it comes."""
    assert refused(Prefix(), text).suggestion == suggestion


@pytest.mark.parametrize("text", ["::/0", "::ffff:0:0:0/96", "2001:db8::/32", "192.0.2.1"])
def test_networks(text: str) -> None:
    assert Prefix().read(text) == text


@pytest.mark.parametrize("text", ["sessions", "sessions / weight + 2 * max(connect_ms, .5)", "-1e3"])
def test_expressions(text: str) -> None:
    assert Expression().read(text) == text


@pytest.mark.parametrize("text", ["sessions; exit", "sessions ** two", "open('x')", "", "self.weight"])
def test_what_is_no_expression(text: str) -> None:
    refused(Expression(), text)


def test_a_statistic_is_told_from_a_typing_error() -> None:
    assert refused(Expression(), "2 * sesions").suggestion == '"2 * sessions"'


def test_the_statistics_are_the_engines() -> None:
    source = (Path(__file__).parents[3] / "crates/core/src/expression.rs").read_text()
    assert tuple(re.findall(r'\("(\w+)", Variable::', source)) == STATISTICS


def cluster(lines: str) -> Cluster:
    return loads(f'[listeners.l]\nbind = ":1"\ncluster = "c"\n[clusters.c]\n{lines}').clusters["c"]


def test_a_node_may_be_its_address_alone() -> None:
    assert cluster('nodes.a = "h:1"') == cluster('nodes = { a = { address = "h:1" } }')


def test_a_switch_may_be_a_table_or_a_boolean() -> None:
    on, table, off = (cluster(f'nodes.a = "h:1"\naffinity = {form}') for form in ("true", "{}", "false"))
    assert on == table
    assert on.affinity is not None
    assert off.affinity is None


@pytest.mark.parametrize("name", ["a b", "", "a/b", "é", "x" * 65])
def test_names_that_nothing_can_have(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot have this name"):
        cluster(f'nodes."{name}" = "h:1"\nnodes.a = "h:2"')


def test_an_address_and_its_wildcard_may_both_be_listened_on() -> None:
    text = '[listeners.{}]\nbind = "{}"\ncluster = "c"\n'
    rest = '[clusters.c]\nnodes.a = "h:1"'
    both = text.format("a", "0.0.0.0:80") + text.format("b", "10.0.0.1:80")
    chosen = text.format("c", "127.0.0.1:0") + text.format("d", "127.0.0.1:0")
    assert len(loads(both + chosen + rest).listeners) == 4
    with pytest.raises(ConfigError, match=r"10\.0\.0\.1:80 is already bound by listeners\.b"):
        loads(both + text.format("c", "10.0.0.1:80") + rest)


def test_a_name_may_lead_to_either_family() -> None:
    """So any source address may be of use to a node that has one."""
    text = '[listeners.l]\nbind = ":1"\ncluster = "c"\n[clusters.c]\nnodes.a = "db.internal:80"\n'
    config = loads(f'{text}source_addresses = ["10.0.0.7", "2001:db8::7"]\n')
    assert config.clusters["c"].source_addresses == ("10.0.0.7", "2001:db8::7")
