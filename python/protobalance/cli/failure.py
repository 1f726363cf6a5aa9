"""How a verb says that it was refused."""

from __future__ import annotations


class CommandFailed(Exception):  # noqa: N818 - the verb worked; what it asked for was refused
    """Ends the command with exit code 1 and these lines on stderr; with `--json`, one object of the API's
    error shape: the balancer's own `answer` where it gave one.
    """

    def __init__(self, *lines: str, answer: bytes = b"") -> None:
        said = [line for line in lines if line]
        super().__init__("\n".join(said))
        self._said = said
        self._answer = answer

    def json(self) -> bytes:
        """What was wrong, as a program reads it."""
        what, hint = self._said[0], "\n".join(self._said[1:])
        return self._answer or error_json("command", what, "", hint)


def error_json(error: str, what: str, where: str, hint: str) -> bytes:
    """The API's error shape, for an error that no API gave."""
    import msgspec  # noqa: PLC0415 - only to report an error

    return msgspec.json.encode({"error": error, "what": what, "where": where, "hint": hint, "problems": []})
