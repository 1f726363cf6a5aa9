"""Files, as read: the first one and those it includes, merged table by table. Nothing is read from outside
the first one's folder. A document is asked for places only when there is an error to place.
"""

# pathlib would cost milliseconds of every start.
# ruff: noqa: PTH112, PTH113, PTH117, PTH118, PTH123, PTH207

from __future__ import annotations

import os
import tomllib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from protobalance.config.findings import Finding, Findings
from protobalance.config.model import INCLUDED_FILES
from protobalance.config.problem import ConfigError, Problem
from protobalance.config.reading import read_array
from protobalance.config.writing import Path, write_path, write_text

if TYPE_CHECKING:
    from protobalance.config.positions import Places

Raw = dict[str, Any]


class Document:
    """One TOML text and what it says. A document made of a mapping has no text and no places."""

    def __init__(self, file: str, text: str | None, data: Raw) -> None:
        self.file = file
        self.text = text
        self.data = data

    @cached_property
    def places(self) -> Places:
        from protobalance.config.positions import scan  # noqa: PLC0415 - only to place an error

        return scan(self.text or "")

    def knows(self, path: Path) -> int:
        """How much of the path this document has: the number of its parts found."""
        return max((n for n in range(len(path), 0, -1) if path[:n] in self.places), default=0)

    def locate(self, path: Path, at: str) -> tuple[int, int]:
        """Line and column of the path, or of the nearest table around it."""
        if self.text is None:
            return 0, 0
        found = self.knows(path)
        if not found:
            return 1, 1
        place = self.places[path[:found]]
        offset = place.key if at == "key" and found == len(path) else place.value
        return line_and_column(self.text, offset)


def parse(text: str, file: str) -> Document:
    """One document; ConfigError where it is not TOML."""
    text = text.removeprefix("\ufeff")
    try:
        return Document(file, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        if twice := _twice(str(error), text, file):
            raise ConfigError((twice,)) from None
        message, line, column = _syntax_error(str(error), text)
    except (ValueError, OverflowError):
        # A number of thousands of digits, which Python refuses to read.
        message, line, column = "a number or date is out of bounds", 1, 1
    except RecursionError:
        message, line, column = "arrays or tables are nested too deeply", 1, 1
    raise ConfigError((Problem(file, line, column, "", message),))


def _twice(told: str, text: str, file: str) -> Problem | None:
    """What is wrong, if a key stands there twice: tomllib names neither it nor the other place."""
    if not told.startswith(("Cannot overwrite", "Cannot declare", "Duplicate")):
        return None
    from protobalance.config.positions import scan_for_twice  # noqa: PLC0415 - only to place an error

    found = scan_for_twice(text)
    if found is None:
        return None
    line, column = line_and_column(text, found.first)
    message = f"set twice: already at {file}:{line}:{column}"
    return Problem(file, *line_and_column(text, found.second), write_path(found.path), message)


def _syntax_error(told: str, text: str) -> tuple[str, int, int]:
    """tomllib tells the place within its sentence: "… (at line 1, column 5)" or "… (at end of document)"."""
    message, _, place = told.rpartition(" (at ")
    digits = "".join(c if c.isdigit() else " " for c in place).split()
    if len(digits) == 2:
        line, column = int(digits[0]), int(digits[1])
    else:
        line, column = line_and_column(text, len(text))
    return f"not TOML: {message[:1].lower()}{message[1:]}", line, column


def read(path: str) -> Document:
    """One file; ConfigError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError((Problem(path, 0, 0, "", f"cannot be read: {reason}"),)) from None
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        line, column = line_and_column(before, len(before))
        message = f"not UTF-8: byte 0x{content[error.start]:02x}"
        raise ConfigError((Problem(path, line, column, "", message),)) from None
    return parse(text, path)


class Documents:
    """All documents of one configuration, and their merged data."""

    def __init__(self, first: Document, folder: str | None) -> None:
        self.all = [first]
        self.findings = Findings()
        self.remarks: list[str] = []
        self.data = dict(first.data)
        patterns = self.data.pop("include", None)
        if patterns is not None:
            for path in self._included(patterns, folder):
                self._add(read(path))

    def problems(self, findings: Findings) -> tuple[Problem, ...]:
        """Everything found wrong, each with its place, by file and then by line."""
        found = [(self._document_of(finding), finding) for finding in [*self.findings.all, *findings.all]]
        problems = [(index, self._problem(self.all[index], finding)) for index, finding in found]
        return tuple(problem for _, problem in sorted(problems, key=lambda p: (p[0], p[1].line, p[1].column)))

    def _document_of(self, finding: Finding) -> int:
        if finding.document is not None:
            return finding.document
        knowing = [document.knows(finding.path) for document in self.all]
        return knowing.index(max(knowing))

    def _problem(self, document: Document, finding: Finding) -> Problem:
        line, column = document.locate(finding.path, finding.at)
        key = write_path(finding.path)
        return Problem(document.file, line, column, key, finding.message, finding.suggestion)

    def _add(self, document: Document) -> None:
        self.all.append(document)
        data = dict(document.data)
        if data.pop("include", None) is not None:
            message = "an included file cannot include others, expected this in the first file alone"
            self.findings.all.append(Finding(("include",), message, at="key", document=len(self.all) - 1))
        self.data = self._merged(self.data, data, ())

    def _merged(self, ours: Raw, theirs: Raw, path: Path) -> Raw:
        merged = dict(ours)
        for key, value in theirs.items():
            here = (*path, key)
            before = merged.get(key)
            if isinstance(before, dict) and isinstance(value, dict):
                merged[key] = self._merged(before, value, here)
            elif key in merged:
                self._twice(here)
            else:
                merged[key] = value
        return merged

    def _twice(self, path: Path) -> None:
        first = next(document for document in self.all if document.knows(path) == len(path))
        line, column = first.locate(path, "key")
        message = f"set twice: already at {first.file}:{line}:{column}"
        self.findings.all.append(Finding(path, message, at="key", document=len(self.all) - 1))

    def _included(self, patterns: object, folder: str | None) -> list[str]:
        """The files to include, each once, the first one never."""
        if folder is None:
            message = "nothing can be included here, expected the configuration to be a file"
            self.findings.add(("include",), message, at="key")
            return []
        found: dict[str, str] = {}
        for index, pattern in enumerate(
            read_array(INCLUDED_FILES, patterns, ("include",), self.findings) or ()
        ):
            for path in self._matches(pattern, folder, ("include", index)):
                found.setdefault(os.path.realpath(path), path)
        found.pop(os.path.realpath(self.all[0].file), None)
        return list(found.values())

    def _matches(self, pattern: str, folder: str, path: Path) -> list[str]:
        import glob  # noqa: PLC0415 - few configurations include others

        if os.path.isabs(pattern) or ".." in pattern.split("/"):
            message = (
                f"got {write_text(pattern)}, expected a path relative to this file's folder and inside it"
            )
            self.findings.add(path, message)
            return []
        names = sorted(glob.glob(pattern, root_dir=folder or "."))
        if not names and not glob.has_magic(pattern):
            self.findings.add(path, f"there is no file {write_text(pattern)}")
        files = []
        for name in names:
            file = os.path.join(folder, name)
            if not _inside(file, folder):
                self.findings.add(path, f"{write_text(name)} leads outside of the configuration's folder")
            elif os.path.isfile(file):
                files.append(file)
            elif not glob.has_magic(pattern):
                near = write_text(os.path.join(pattern, "*.toml")) if os.path.isdir(file) else None
                self.findings.add(path, f"{write_text(name)} is no file", near)
        if not files:
            own = self.all[0].file
            self.remarks.append(f"{write_path(path)}: {write_text(pattern)} of {own} matches no file")
        return files


def _inside(path: str, folder: str) -> bool:
    root = os.path.realpath(folder or ".")
    return os.path.commonpath((root, os.path.realpath(path))) == root


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Both from 1; columns in characters."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
