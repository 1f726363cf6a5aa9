"""Kinds of values; those of addresses stand in `address_kinds.py`. Each knows how its values are written in a
file: it reads them, writes them back, and describes them in words and as JSON Schema. A kind reads what TOML
gives, never text of the file itself.
"""

from __future__ import annotations

from typing import Any

from protobalance.config.quantities import UNITS, parse_duration, write_duration
from protobalance.config.writing import write_value

NAME_LIMIT = 64
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
NAME_PATTERN = f"^[a-zA-Z0-9_.-]{{1,{NAME_LIMIT}}}$"
NAME_WORDS = f"1 to {NAME_LIMIT} letters, digits, dots, hyphens or underscores"
Schema = dict[str, Any]


class Refused(Exception):  # noqa: N818 - an answer to the reader, which knows the place
    """The value is not of the kind: what came, what was expected, and the value that was probably meant."""

    def __init__(self, message: str, meant: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = None if meant is None else write_value(meant)


def what_came(raw: object) -> str:
    """A value in a message: short, whatever it is."""
    match raw:
        case dict():
            return "a table"
        case list():
            return "an array"
        case str() if len(raw) > 60:
            return f'{write_value(raw[:57])[:-1]}…"'
        case str() | bool() | float():
            return write_value(raw)
        case int():
            return str(raw) if abs(raw) < 10**18 else "a number out of bounds"
        case _:
            return f"the {type(raw).__name__} {raw}"


def nearest(word: str, known: tuple[str, ...], likeness: float = 0.6) -> str | None:
    """The known word that was probably meant; none that is less like it (0 to 1)."""
    import difflib  # noqa: PLC0415 - only to report an error: it costs 5 ms of a start

    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=likeness)
    return near[0] if near else None


class Kind:
    """One kind of value. `words` follow "expected"; `read` raises Refused; `blank` stands in for a required
    value that could not be read, while the rest is checked."""

    words: str
    blank: object = ""

    def read(self, raw: object) -> Any:
        raise NotImplementedError

    def write(self, value: Any) -> object:
        """The value as a file would have it."""
        return value

    def schema(self) -> Schema:
        raise NotImplementedError

    def refusal(self, raw: object, meant: object = None) -> Refused:
        return Refused(f"got {what_came(raw)}, expected {self.words}", meant)


WORDS_FOR_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Boolean(Kind):
    words = "true or false"

    def read(self, raw: object) -> bool:
        if isinstance(raw, bool):
            return raw
        word = raw.lower() if isinstance(raw, str) else ""
        raise self.refusal(raw, WORDS_FOR_BOOLEANS.get(word))

    def schema(self) -> Schema:
        return {"type": "boolean"}


class Integer(Kind):
    def __init__(self, least: int, most: int, *, zero: str = "") -> None:
        self.least = least
        self.most = most
        self.words = f"a whole number from {least} to {most:,}".replace(",", "_")
        if zero:
            self.words += f" (0: {zero})"

    def read(self, raw: object) -> int:
        if isinstance(raw, int) and not isinstance(raw, bool) and self.least <= raw <= self.most:
            return raw
        digits = raw.replace("_", "") if isinstance(raw, str) else ""
        meant = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else None
        raise self.refusal(raw, meant if meant is not None and self.least <= meant <= self.most else None)

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Duration(Kind):
    """Seconds, as a float. Written with a unit, because a bare number means seconds to one reader and
    milliseconds to the next."""

    def __init__(self, least: str = "1ms", most: str = "365d", *, zero: str = "") -> None:
        self.bounds = (parse_duration(least) or 0, parse_duration(most) or 0)
        self.words = f'a duration such as "500ms", "2s", "5m", "1h" or "30d", from "{least}" to "{most}"'
        self.zero = zero
        if zero:
            self.words += f' ("0s": {zero})'

    def read(self, raw: object) -> float:
        milliseconds = parse_duration(raw) if isinstance(raw, str) else None
        if milliseconds is not None and self._holds(milliseconds):
            return milliseconds / 1_000
        raise self.refusal(raw, self._meant(raw))

    def _holds(self, milliseconds: int) -> bool:
        least, most = self.bounds
        return least <= milliseconds <= most or (bool(self.zero) and milliseconds == 0)

    def _meant(self, raw: object) -> str | None:
        """Seconds for a bare number; the unit alone for one spelt out or in capitals."""
        text = str(raw).lower().replace(" ", "").replace("_", "")
        number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
        unit = text[len(number) :]
        if unit not in UNITS:
            unit = "ms" if unit.startswith(("ms", "milli")) else unit[:1] or "s"
        if isinstance(raw, bool) or unit not in UNITS:
            return None
        milliseconds = parse_duration(number + unit)
        return number + unit if milliseconds is not None and self._holds(milliseconds) else None

    def write(self, value: float) -> str:
        return write_duration(value)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"}


class Choice(Kind):
    def __init__(self, *options: str) -> None:
        self.options = options
        self.words = " or ".join(
            filter(None, [", ".join(map(write_value, options[:-1])), write_value(options[-1])])
        )

    def read(self, raw: object) -> str:
        if isinstance(raw, str) and raw in self.options:
            return raw
        raise self.refusal(raw, nearest(raw, self.options) if isinstance(raw, str) else None)

    def schema(self) -> Schema:
        return {"enum": list(self.options)}


class Text(Kind):
    """Printable characters: what reaches logs, paths and terminals."""

    def __init__(self, words: str, *, longest: int = 1024, least: int = 1) -> None:
        self.words = f"{words} ({least} to {longest} printable characters)"
        self.least = least
        self.longest = longest

    def read(self, raw: object) -> str:
        if isinstance(raw, str) and self.least <= len(raw) <= self.longest and raw.isprintable():
            return raw
        raise self.refusal(raw)

    def schema(self) -> Schema:
        return {"type": "string", "minLength": self.least, "maxLength": self.longest}


class LogTarget(Text):
    def __init__(self) -> None:
        super().__init__("a file's path")
        self.words = '"stderr", "off", or a file\'s path with a slash in it'

    def read(self, raw: object) -> str:
        target = super().read(raw)
        if target in {"stderr", "off"} or "/" in target:
            return target
        raise self.refusal(raw, nearest(target, ("stderr", "off")) or f"./{target}")


class SocketPath(Text):
    def __init__(self) -> None:
        super().__init__("a Unix socket's path", longest=107)  # sockaddr_un.sun_path (unix(7))
        self.words += ', or "off"'


class Name(Kind):
    """The name of a listener, cluster or node, as a value."""

    def __init__(self, of: str) -> None:
        self.words = f"the name of a {of}"

    def read(self, raw: object) -> str:
        if isinstance(raw, str) and is_name(raw):
            return raw
        raise self.refusal(raw)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": NAME_PATTERN}


def is_name(text: str) -> bool:
    """Whether a listener, cluster or node may be called so."""
    return 0 < len(text) <= NAME_LIMIT and NAME_CHARACTERS.issuperset(text)


STATISTICS = (
    "sessions",
    "opened",
    "failures",
    "weight",
    "connection_rate",
    "traffic_rate",
    "connect_ms",
    "bytes_to_node",
    "bytes_to_client",
)


class Expression(Text):
    """Arithmetic for the engine, which alone parses it. Words and characters are looked at here, so that a
    typing error is told with the file's place."""

    characters = NAME_CHARACTERS | frozenset("+*/(), ")

    def __init__(self) -> None:
        super().__init__("arithmetic over a node's statistics")

    def read(self, raw: object) -> str:
        text = super().read(raw)
        if strange := next((c for c in text if c not in self.characters), None):
            raise Refused(f"got {what_came(text)} with {write_value(strange)} in it, expected {self.words}")
        for word in "".join(c if c.isalnum() or c in "_." else " " for c in text).split():
            known = (*STATISTICS, "min", "max")
            if word not in known and not word.startswith(tuple(".0123456789")):
                near = nearest(word, known)
                listed = ", ".join(known)
                meant = text.replace(word, near) if near else None
                raise Refused(f"got {what_came(text)}: there is no {word}, expected one of: {listed}", meant)
        return text


class Function(Kind):
    """A Python function by its import path."""

    words = 'a Python function as "module:function"'

    def read(self, raw: object) -> str:
        if isinstance(raw, str):
            module, colon, function = raw.partition(":")
            if colon and _is_dotted(module) and _is_dotted(function):
                return raw
            path, dot, last = raw.rpartition(".")
            if not colon and dot and _is_dotted(raw):
                raise self.refusal(raw, f"{path}:{last}")
        raise self.refusal(raw)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^[^:]+:[^:]+$"}


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))
