"""How a verb says that it was refused."""

from __future__ import annotations


class CommandFailed(Exception):  # noqa: N818 - the verb worked; what it asked for was refused
    """Ends the command with exit code 1 and these lines on stderr."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(line for line in lines if line))
