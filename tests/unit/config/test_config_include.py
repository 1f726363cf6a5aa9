"""Included files: merged table by table, from inside the configuration's folder and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from protobalance.config import ConfigError, load, load_with_remarks, loads

MAIN = """
include = ["conf.d/*.toml", "main.toml", "conf.d/a.toml"]
[listeners.web]
bind = "127.0.0.1:80"
cluster = "web"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "etc"
    (root / "conf.d").mkdir(parents=True)
    (root / "main.toml").write_text(MAIN)
    return root


def refusal(folder: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        load(folder / "main.toml")
    return str(refused.value).replace(f"{folder}/", "")


def test_tables_are_merged(folder: Path) -> None:
    (folder / "conf.d/a.toml").write_text('[clusters.web.nodes]\na = "10.0.0.1:80"')
    (folder / "conf.d/b.toml").write_text('[clusters.web]\npolicy = "random"\nnodes.b = "10.0.0.2:80"')
    (folder / "conf.d/.c.toml").write_text("an editor's backup")
    config = load(folder / "main.toml")
    assert list(config.clusters["web"].nodes) == ["a", "b"]
    assert config.clusters["web"].policy == "random"


def test_a_pattern_that_matches_no_file_is_remarked(folder: Path) -> None:
    main = folder / "main.toml"
    main.write_text(MAIN.replace('"main.toml", "conf.d/a.toml"', '"conf.d/*.tml", "*.toml"'))
    (folder / "conf.d/b.toml").write_text('[clusters.web.nodes]\na = "10.0.0.1:80"')
    (folder / "conf.d/folder.tml").mkdir()
    _, remarks = load_with_remarks(main)
    assert remarks == [f'include[1]: "conf.d/*.tml" of {main} matches no file']


def test_an_error_is_told_in_its_own_file(folder: Path) -> None:
    (folder / "conf.d/a.toml").write_text('[clusters.web]\nnodes.a = "10.0.0.1:80"')
    (folder / "conf.d/b.toml").write_text("# more\n[clusters.web]\npolicy = 1")
    assert refusal(folder).startswith("conf.d/b.toml:3:10: clusters.web.policy: got 1")


def test_a_syntax_error_is_told_in_its_own_file(folder: Path) -> None:
    (folder / "conf.d/a.toml").write_text("[clusters")
    assert refusal(folder).startswith("conf.d/a.toml:1:10: not TOML")


def test_a_link_that_leads_outside_is_refused(folder: Path) -> None:
    outside = folder.parent / "outside.toml"
    outside.write_text('[clusters.web]\nnodes.a = "10.0.0.1:80"')
    (folder / "conf.d/a.toml").symlink_to(outside)
    assert 'main.toml:2:12: include[0]: "conf.d/a.toml" leads outside' in refusal(folder)


def test_a_link_within_the_folder_is_followed(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data/real").write_text('[clusters.web]\nnodes.a = "10.0.0.1:80"')
    (folder / "conf.d/a.toml").symlink_to("../data/real")
    (folder / "conf.d/b.toml").symlink_to("a.toml")  # the same file again
    assert list(load(folder / "main.toml").clusters) == ["web"]


def test_a_folder_like_its_neighbour_is_outside(folder: Path) -> None:
    neighbour = folder.parent / "etc-other"
    neighbour.mkdir()
    (neighbour / "a.toml").write_text('[clusters.web]\nnodes.a = "10.0.0.1:80"')
    (folder / "conf.d/a.toml").symlink_to(neighbour / "a.toml")
    assert "leads outside" in refusal(folder)


def test_a_text_can_include_nothing() -> None:
    with pytest.raises(ConfigError, match="include: nothing can be included here"):
        loads(MAIN)


def test_a_folder_is_not_taken_for_its_files(folder: Path) -> None:
    (folder / "main.toml").write_text(MAIN.replace('"conf.d/*.toml"', '"conf.d"'))
    assert 'main.toml:2:12: include[0]: "conf.d" is no file; did you mean "conf.d/*.toml"?' in refusal(folder)
