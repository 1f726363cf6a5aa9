"""What pages say in commands, configurations, numbers and links is so."""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protobalance.cli import parser
from protobalance.config import Config, from_mapping, loads
from protobalance.config.advice import advise
from protobalance.config.cluster import Affinity, Cluster
from protobalance.config.model import EngineConfig, Listener
from protobalance.config.quantities import write_duration
from unit.docs.pages import ROOT, blocks, console_commands, source_of, tables, text_of

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "changelog").glob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
COMMANDS = [(name, line) for name in NAMES for line in console_commands(text_of(name))]
ENGINE = source_of("engine")
README, OPERATIONS = text_of("README.md"), text_of("docs/operations.md")
NODES = {"a": "127.0.0.1:8001", "b": "127.0.0.1:8002"}


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_every_command_is_one(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    if ">" in words:
        words = words[: words.index(">")]
    parser.parse(words)


def test_the_tour_shows_these_commands() -> None:
    verbs = {line.split()[1] for page, line in COMMANDS if page == "README.md"}
    assert verbs == {"check", "run", "status", "explain", "node", "sessions", "plan", "apply", "forward"}


@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_is_one(name: str) -> None:
    """A block that shows only a cluster gets nodes and a listener."""
    for block in blocks(text_of(name), "toml"):
        config = _whole(block)
        assert advise(config) == []


def _whole(block: str) -> Config:
    table: dict[str, Any] = tomllib.loads(block)
    if "listeners" in table:
        return loads(block, "page")
    for cluster in table["clusters"].values():
        cluster.setdefault("nodes", NODES)
        if "load_rating" in cluster:
            cluster["policy"] = "minimum-load"
    return from_mapping(
        {**table, "listeners": {"x": {"bind": ":8080", "cluster": next(iter(table["clusters"]))}}}
    )


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(name)):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / name).parent / path if path else ROOT / name
        assert found.exists(), target
        if anchor:
            assert anchor in _anchors(found), target


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_named_are_there(name: str) -> None:
    """Pages about the code name its files, wherever in it they are."""
    there = {
        path.name
        for folder in ("crates", "python", "examples", "tests")
        for path in (ROOT / folder).rglob("*.*")
    }
    named = re.findall(r"(?<![\w*])(\w+\.(?:rs|py|pyi))\b", re.sub(r"https?:\S+", "", text_of(name)))
    assert [file for file in named if file not in there] == []


def _anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_index_knows_every_document() -> None:
    listed = {
        (ROOT / "docs" / target).resolve()
        for target in re.findall(r"\]\(([^)#]+)\)", text_of("docs/README.md"))
    }
    documents = {path.resolve() for path in (ROOT / "docs").rglob("*.md") if path.name != "README.md"}
    assert {path for path in documents if not listed & {path, *path.parents}} == set()


def test_the_index_of_services_knows_every_page() -> None:
    pages = {path.name for path in (ROOT / "docs/services").glob("*.md")} - {"README.md"}
    assert pages <= set(re.findall(r"\]\(([^)#]+)\)", text_of("docs/services/README.md")))


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("docs/services/")])
def test_an_example_that_is_shown_is_the_one_that_is_run(name: str) -> None:
    """Known by its first line."""
    examples = {path.read_text().partition("\n")[0]: path for path in (ROOT / "examples").glob("*.toml")}
    for block in blocks(text_of(name), "toml"):
        if file := examples.get(block.partition("\n")[0]):
            assert block == file.read_text(), file


def test_the_readme_can_be_read_at_once() -> None:
    assert len(README.splitlines()) < 200
    assert README.index("make demo") < README.index("make test") < 1000


@pytest.mark.parametrize("row", tables(OPERATIONS, "key"), ids=lambda row: row[0])
def test_defaults_are_as_told(row: list[str]) -> None:
    key = row[0].strip("`")
    defaults: dict[str, Any] = {
        field.name: field.default
        for section in (Cluster, EngineConfig, Listener)
        for field in msgspec.structs.fields(section)
    }
    assert row[1] == write_duration(defaults[key])


def test_every_timeout_is_told() -> None:
    told = {row[0].strip("`") for row in tables(OPERATIONS, "key")}
    for section in (Cluster, Listener):
        named = {name for name in section.__struct_fields__ if re.search("timeout|window|interval", name)}
        assert named - told <= {"rate_window"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("RESERVED: u64 = 320", "(descriptor limit - 320) / 2"),
        ("LISTENING: u64 = 128", "listening sockets beyond 128"),
        ("PER_SESSION: u64 = 2", "(descriptor limit - 320) / 2"),
        ("PAUSE: Duration = Duration::from_millis(20)", "after 20 ms"),
        ("CALM: Duration = Duration::from_secs(1)", "no longer reached for a second"),
        ("ACCEPTS_PER_TURN: usize = 512", "512 connections taken in at a time per listener"),
        ("OPENS_PER_TURN: usize = 64", "64 sessions opened at a time"),
        ("TABLE: u64 = 1 << 16", "65,536 descriptors"),
        ("READS_PER_TURN: usize = 8", "8 reads at a time"),
        ("BUFFER: usize = 256 * 1024", "never more than 256 KiB"),
        ("SMALL_READ: usize = 16 * 1024", "typically 16 KiB"),
        ("FRUGAL_READ: usize = 4 * 1024", "in steps of 4 KiB"),
        ("REPLAY_LIMIT: usize = 64 * 1024", "up to 64 KiB a session"),
        ("HELD_BUDGET: usize = 64 * 1024 * 1024", "more than 64 MiB"),
        ("CAPACITY: usize = 8192", "8192 waiting records"),
        ("CAPACITY: usize = 1024", "events to the control plane: 1024"),
        ("CAPACITY: usize = 1024", "decisions for `explain`: 1024 per worker"),
    ],
)
def test_limits_are_as_told(code: str, said: str) -> None:
    assert code in ENGINE
    assert said in OPERATIONS


def test_the_size_of_affinity_files_is_as_told() -> None:
    capacity = Affinity().capacity
    assert "HEADER_WORDS: usize = 512;" in ENGINE
    assert "NAME_WORDS: usize = 32 * 1024;" in ENGINE
    assert (512 + 32 * 1024) * 8 == 260 * 1024
    assert f"{capacity * 32 // 10**6} MB for the default million" in OPERATIONS


def test_the_unit_file_says_what_it_promises() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.read_string(text_of("examples/protobalance.service"))
    service = unit["Service"]
    parsed = parser.parse(shlex.split(service["ExecStart"])[1:])
    assert str(parsed.socket) == f"/run/{service['RuntimeDirectory']}/admin.sock"
    assert int(service["TimeoutStopSec"]) > EngineConfig().grace
    descriptors = int(service["LimitNOFILE"])
    assert f"= {(descriptors - 320) // 2} sessions" in text_of("examples/protobalance.service")
    assert service["Type"] == "notify"


@pytest.mark.parametrize("path", sorted((ROOT / "changelog").glob("*.md")), ids=lambda path: path.stem)
def test_a_fragment_is_a_few_plain_sentences(path: Path) -> None:
    lines = path.read_text().splitlines()
    if path.name == "README.md":
        assert len(lines) <= 7
        return
    assert len(lines) == 1
    assert 1 <= len(re.findall(r"[.](?=\s|$)", lines[0])) <= 3
    assert not lines[0].startswith(("#", "-"))
