"""The reference of commands, generated from the parser: `python -m protobalance.cli.reference`.

It prints Markdown; `docs/reference/commands.md` is that, and a test fails where the two differ.
"""

from __future__ import annotations

import argparse

from protobalance.cli.parser import DESCRIPTION, VERBS, actions, build, subparsers, verb_module

HEAD = f"""\
# Commands

<!-- Generated: python -m protobalance.cli.reference > docs/reference/commands.md -->

{DESCRIPTION}

Exit codes: 0 done, 1 refused (the reason is on stderr, with `--json` as JSON), 2 wrong usage, 3 done
but standard output could not be written, 130 interrupted. `NO_COLOR` turns colours off. Verbs that talk to a
running balancer find it at `--socket`, else `$PROTOBALANCE_SOCKET`, else `/run/protobalance/admin.sock` for
root, `$XDG_RUNTIME_DIR/protobalance/admin.sock`, or `/tmp/protobalance-UID/admin.sock`. """


def document() -> str:
    """The whole page."""
    parser = build(list(VERBS))
    verbs = subparsers(parser)
    contents = "\n".join(f"- [`{name}`](#{name}): {summary}" for name, summary in VERBS.items())
    return "\n".join([HEAD, contents, *(_verb(name, verbs[name]) for name in VERBS)])


def _verb(name: str, parser: argparse.ArgumentParser) -> str:
    summary = VERBS[name][0].upper() + VERBS[name][1:]
    lines = ["", f"## {name}", "", f"{summary}.", "", "```sh", verb_module(name).EXAMPLE, "```"]
    for title, sub in subparsers(parser).items() or [("", parser)]:
        arguments = [_Argument(action) for action in actions(sub)]
        usages = [argument.usage for argument in arguments]
        lines += ["", f"`{' '.join(['protobalance', name, *([title] if title else []), *usages])}`", ""]
        if arguments:
            lines += ["| argument | meaning |", "|---|---|"]
            lines += [f"| `{argument.name}` | {argument.meaning} |" for argument in arguments]
    return "\n".join(lines).rstrip() + "\n"


class _Argument:
    """One argument as the page shows it. Not as argparse does, whose wording differs between Pythons."""

    def __init__(self, action: argparse.Action) -> None:
        value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
        if action.choices is not None and action.metavar is None:
            value = "{" + ",".join(map(str, action.choices)) + "}"
        if action.option_strings:
            option = action.option_strings[-1]
            self.name = option if action.nargs == 0 else f"{option} {value}"
            self.usage = self.name if action.required else f"[{self.name}]"
        else:
            self.name = value
            more = {"?": f"[{value}]", "*": f"[{value} …]", "+": f"{value} [{value} …]"}
            self.usage = more.get(str(action.nargs), value)
        shows_default = action.nargs != 0 and isinstance(action.default, int | str) and action.default
        default = f" (default: {action.default})" if shows_default else ""
        self.meaning = f"{action.help or ''}{default}"


if __name__ == "__main__":
    print(document(), end="")
