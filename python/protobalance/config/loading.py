"""From a file, a text or a mapping to a configuration: complete and valid, or refused with every error."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from protobalance.config import cross_checks
from protobalance.config.beside import beside
from protobalance.config.documents import Document, Documents, parse, read
from protobalance.config.findings import Findings
from protobalance.config.model import Config
from protobalance.config.problem import ConfigError
from protobalance.config.reading import read_section


def load(path: str | os.PathLike[str]) -> Config:
    """The configuration in a file and those it includes."""
    return load_with_remarks(path)[0]


def load_with_remarks(path: str | os.PathLike[str]) -> tuple[Config, list[str]]:
    """The same, and what is no error in how its files were found, and yet probably not meant."""
    file = os.fspath(path)
    documents = Documents(read(file), os.path.dirname(file))  # noqa: PTH120 - as in documents.py
    return beside(_config_of(documents), file), documents.remarks


def loads(text: str, source: str = "<string>") -> Config:
    """The configuration in a text. `source` is what errors call it."""
    return _config_of(Documents(parse(text, source), None))


def from_mapping(mapping: Mapping[str, object], source: str = "<mapping>") -> Config:
    """The configuration in tables as TOML would give them; tuples and paths may stand for arrays and text."""
    return _config_of(Documents(Document(source, None, _plain(mapping)), None))


def _config_of(documents: Documents) -> Config:
    findings = Findings()
    config: Config = read_section(Config, {"listeners": {}, "clusters": {}} | documents.data, (), findings)
    cross_checks.check(config, findings)
    problems = documents.problems(findings) if findings or documents.findings else ()
    if problems:
        raise ConfigError(problems)
    return config


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case os.PathLike():
            return os.fspath(value)
        case _:
            return value
