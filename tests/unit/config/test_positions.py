"""The scanner against tomllib: every path that tomllib knows has a place, no other has, and the text at the
place is the key and the value.
"""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protobalance.config.positions import scan
from protobalance.config.writing import Path, write_text

BLANKS = st.sampled_from(["", "", " ", "\t", "  "])
ENDS = st.sampled_from(["\n", "\r\n", ' # a [comment] = "\n', "\n\n\t\n", "\n# 'x\n"])
GAPS = st.sampled_from(["", " ", "\n", " # ],}\n\t"])
COMMAS = st.sampled_from(["", ","])
STRINGS = st.text("ab\"'\\#]}=.,[{ \n\té\x7f😀", max_size=6)
SCALARS = STRINGS | st.integers(-99, 99) | st.booleans() | st.just(1.5)
DATA = st.dictionaries(
    STRINGS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def spellings(text: str, *, key: bool) -> list[str]:
    """All the ways to write it that we try."""
    ways = [write_text(text)]
    if "'" not in text and text.replace("\t", "").isprintable():
        ways.append(f"'{text}'")
    if key:
        bare = text.replace("-", "").replace("_", "")
        return [*ways, text] if bare.isascii() and bare.isalnum() else ways
    plain = write_text(text)[1:-1]
    ways += [f'"""{plain}"""', f'"""\n{plain}"""', f'"""\\\n  {plain}"""' if not text[:1].isspace() else '""']
    if "'''" not in text and "\x7f" not in text and not text.endswith("'"):
        ways.append(f"'''\n{text}'''")
    body = text.rstrip('"')
    ways.append(
        f'"""{write_text(body)[1:-1]}{text[len(body) :]}"""'
    )  # one or two quotes before the closing three
    return [way for way in ways if tomllib.loads(f"k={way}")["k"] == text]


class Writer:
    """Writes data as TOML in every style that TOML has, as drawn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def key(self, *names: str) -> str:
        parts = [self.draw(st.sampled_from(spellings(name, key=True))) for name in names]
        return f"{self.draw(BLANKS)}.{self.draw(BLANKS)}".join(parts)

    def value(self, value: Any) -> str:
        match value:
            case str():
                return self.draw(st.sampled_from(spellings(value, key=False)))
            case bool():
                return str(value).lower()
            case list():
                items = [f"{self.gap()}{self.value(item)}{self.gap()}" for item in value]
                comma = self.draw(COMMAS) if items else ""
                return f"[{','.join(items)}{comma}{self.gap()}]"
            case dict():
                return "{" + ",".join(f" {self.pair((k,), v)} " for k, v in value.items()) + "}"
            case _:
                return str(value)

    def pair(self, keys: tuple[str, ...], value: Any) -> str:
        # A dotted key stands for a table whose only key it is.
        while isinstance(value, dict) and len(value) == 1 and self.draw(st.booleans()):
            ((key, value),) = value.items()
            keys = (*keys, key)
        return f"{self.key(*keys)}{self.draw(BLANKS)}={self.draw(BLANKS)}{self.value(value)}"

    def gap(self) -> str:
        return self.draw(GAPS)

    def table(self, table: dict[str, Any], path: tuple[str, ...]) -> str:
        text, below = "", ""
        for key, value in table.items():
            here = (*path, key)
            if isinstance(value, dict) and self.draw(st.booleans()):
                below += self.header("[]", here) + self.table(value, here)
            elif value and isinstance(value, list) and all(isinstance(item, dict) for item in value):
                below += "".join(self.header("[[]]", here) + self.table(item, here) for item in value)
            else:
                text += f"{self.draw(BLANKS)}{self.pair((key,), value)}{self.draw(ENDS)}"
        return text + below

    def header(self, brackets: str, path: tuple[str, ...]) -> str:
        half = len(brackets) // 2
        inside = f"{self.draw(BLANKS)}{self.key(*path)}{self.draw(BLANKS)}"
        return f"{self.draw(BLANKS)}{brackets[:half]}{inside}{brackets[half:]}{self.draw(ENDS)}"


@st.composite
def documents(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    data = draw(DATA)
    return data, Writer(draw).table(data, ())


def paths_of(value: Any, path: Path = ()) -> dict[Path, Any]:
    found = {path: value} if path else {}
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        found |= paths_of(item, (*path, key))
    return found


@given(documents())
def test_every_path_has_its_place(document: tuple[dict[str, Any], str]) -> None:
    data, text = document
    assert tomllib.loads(text) == data, "the writer of this test is wrong"
    places = scan(text)
    assert places.keys() == paths_of(data).keys()
    for path, value in paths_of(data).items():
        place = places[path]
        key = path[-1]
        if isinstance(key, str):
            assert text.startswith(tuple(spellings(key, key=True)), place.key)
        if place.value_end > place.value and not is_header(text, place.value):
            assert tomllib.loads(f"k = {text[place.value : place.value_end]}")["k"] == value


def is_header(text: str, offset: int) -> bool:
    """Whether the value is a table's header: a bracket that nothing but blanks precedes on its line."""
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    return text[offset] == "[" and not line.strip()


@given(st.text() | st.text("[]{}=\"'\\#.,\na "))
def test_text_that_is_no_toml_does_no_harm(text: str) -> None:
    scan(text)


def test_places_that_an_operator_would_look_at() -> None:
    text = """\
top = 1
[[site]]
a."b c".d = [10, { e = "x" }]
[[site]]
[site.inner]
f = '''
multi'''   # comment
"""
    places = scan(text)

    def key_and_value(*path: str | int) -> tuple[str, str]:
        place = places[path]
        return text[place.key :][:3], text[place.value : place.value_end].strip()

    assert key_and_value("top") == ("top", "1")
    assert key_and_value("site") == ("sit", "[[site]]")
    assert places["site", 1].value == text.rindex("[[site]]")
    assert key_and_value("site", 0, "a", "b c", "d", 0) == ("10,", "10")
    assert key_and_value("site", 0, "a", "b c", "d", 1, "e") == ("e =", '"x"')
    assert key_and_value("site", 1, "inner") == ("inn", "[site.inner]")
    assert scan('a = """x"""""\nb = 1').keys() == {("a",), ("b",)}
    assert key_and_value("site", 1, "inner", "f") == ("f =", "'''\nmulti'''")
