"""Where in a TOML text each key and value stands. tomllib does not tell, so a second, lenient look at text
that tomllib has accepted finds out: it checks nothing and never fails, and at worst knows fewer places.
It runs only when there is an error to place.
"""

from __future__ import annotations

import tomllib
from contextlib import suppress
from typing import NamedTuple

from protobalance.config.writing import Path

BLANK = " \t"
BLANK_LINES = " \t\r\n"
KEY_ENDS = frozenset(" \t=.]\r\n#")
VALUE_ENDS = frozenset(",]}#\r\n")


class Place(NamedTuple):
    """Offsets into the text. A table's value is its header, or the first key that implies it."""

    key: int
    value: int
    value_end: int


Places = dict[Path, Place]
Key = list[tuple[str, int]]  # the parts of a dotted key, each with its offset


class Twice(NamedTuple):
    """A key or table that stands in a text twice, and both offsets."""

    path: Path
    first: int
    second: int


def scan(text: str) -> Places:
    """The place of every key, table and array element, by path."""
    return _scanned(text).places


def scan_for_twice(text: str) -> Twice | None:
    """The first of those that tomllib refuses without naming it."""
    return next(iter(_scanned(text).twice), None)


def _scanned(text: str) -> _Scanner:
    scanner = _Scanner(text)
    with suppress(IndexError, ValueError, RecursionError):  # what was found until then is what there is
        scanner.document()
    return scanner


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: Places = {}
        self.written: dict[Path, int] = {}  # keys and tables that stand there, and are not only implied
        self.twice: list[Twice] = []
        self.tables_in: dict[Path, int] = {}  # arrays of tables, and how many each has so far

    def document(self) -> None:
        table: Path = ()
        while self._skip_to_content():
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        start = self.at
        is_array = self.text.startswith("[[", start)
        self.at += 2 if is_array else 1
        parts = self._key()
        self.at += 2 if is_array else 1  # the closing brackets
        path: Path = ()
        for name, offset in parts[:-1]:
            path = self._enter((*path, name), offset)
        name, offset = parts[-1]
        path = (*path, name)
        if is_array:
            index = self.tables_in.get(path, 0)
            self.tables_in[path] = index + 1
            self.places.setdefault(path, Place(offset, start, self.at))
            path = (*path, index)
        self.places[path] = Place(offset, start, self.at)
        self._note(path, offset)
        return path

    def _note(self, path: Path, offset: int) -> None:
        first = self.written.setdefault(path, offset)
        if first != offset:
            self.twice.append(Twice(path, first, offset))

    def _enter(self, path: Path, offset: int) -> Path:
        """A table on the way of a dotted key: into the last one, where it is an array of tables."""
        self.places.setdefault(path, Place(offset, offset, offset))
        count = self.tables_in.get(path)
        return path if count is None else (*path, count - 1)

    def _pair(self, table: Path) -> None:
        path = table
        parts = self._key()
        for name, offset in parts[:-1]:
            path = self._enter((*path, name), offset)
        name, offset = parts[-1]
        self._note((*path, name), offset)
        self._skip(BLANK)
        self.at += 1  # the equals sign
        self._skip(BLANK)
        self._value((*path, name), offset)

    def _key(self) -> Key:
        parts: Key = []
        while True:
            self._skip(BLANK)
            start = self.at
            parts.append((self._key_part(), start))
            self._skip(BLANK)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _key_part(self) -> str:
        start = self.at
        if self.text[start] in "\"'":
            self._string()
            name = tomllib.loads(f"k={self.text[start : self.at]}")["k"]
            return str(name)
        while self.text[self.at] not in KEY_ENDS:
            self.at += 1
        return self.text[start : self.at]

    def _value(self, path: Path, key: int | None = None) -> None:
        start = self.at
        self.places[path] = Place(start if key is None else key, start, start)
        match self.text[start]:
            case '"' | "'":
                self._string()
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case _:
                while self.at < len(self.text) and self.text[self.at] not in VALUE_ENDS:
                    self.at += 1
                if self.at == start:
                    raise IndexError  # no value at all: tomllib has not accepted this text
        self.places[path] = self.places[path]._replace(value_end=self.at)

    def _string(self) -> None:
        quote = self.text[self.at]
        fence = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(fence)
        while not self.text.startswith(fence, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
            if self.at >= len(self.text):
                raise IndexError
        self.at += len(fence)
        if len(fence) == 3:
            # Up to two quotes may stand inside, right before the closing three.
            for _ in range(2):
                if self.text.startswith(quote, self.at):
                    self.at += 1

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip_to_content() and self.text[self.at] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._value((*path, index))
            index += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self._skip_to_content() and self.text[self.at] != "}":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._pair(path)
        self.at += 1

    def _skip(self, characters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.at += 1

    def _skip_to_content(self) -> bool:
        """Past blanks, line ends and comments; False at the end of the text."""
        self._skip(BLANK_LINES)
        while self.text.startswith("#", self.at):
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
            self._skip(BLANK_LINES)
        return self.at < len(self.text)
