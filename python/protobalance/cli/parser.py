"""Every verb with its summary, and a parser that imports a verb only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from types import ModuleType
from typing import NoReturn

from protobalance.control.refusal import instead_of, nearest

VERBS = {
    "run": "run a balancer in the foreground",
    "forward": "balance one port over some nodes, without a file",
    "demo": "show a balancer at work: three nodes, a failure, a drain",
    "check": "find every error in a configuration file, offline",
    "plan": "show what applying a configuration would change, sessions included",
    "apply": "put a configuration in force without losing a connection",
    "status": "show listeners, clusters, nodes and what is wrong",
    "node": "change a node's state or weight, on top of the file",
    "redirect": "feed a listener from another cluster, on top of the file",
    "upgrade": "let a new version of the program take over without losing a connection",
    "sessions": "list open sessions",
    "explain": "say why clients went where they went, and where one would go now",
    "history": "show what changed, when and by whom",
    "schema": "print the JSON Schema of the configuration, for editors",
    "completion": "print a shell's completion script",
}
# What other programs have commands for, or have by another name.
MEANT = {
    "stop": "SIGTERM to the pid that `protobalance status` shows ends a balancer, or Ctrl-C where it runs",
    "start": "it is: protobalance run FILE",
    "reload": "it is: protobalance apply",
    "drain": "it is: protobalance node set CLUSTER/NODE draining",
    "enable": "it is: protobalance node set CLUSTER/NODE available",
    "disable": "it is: protobalance node set CLUSTER/NODE offline",
}
OWN_OPTIONS = {"--help", "--version"}
DESCRIPTION = "A load balancer for any TCP service: Python decides, Rust moves the bytes."


def verb_module(name: str) -> ModuleType:
    """The module of one verb; this is where it gets imported."""
    return importlib.import_module(f"protobalance.cli.verbs.{name}")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments, `run` among them: the function to call with them. Exits with 2 on wrong usage."""
    wanted = next((word for word in argv if not word.startswith("-")), None)
    known = [wanted] if wanted in VERBS else []
    # Where the verb stands first, nobody can ask for a list of the others: 1 ms of a start.
    parser = build(known, listed=known if known and argv[0] == wanted else VERBS)
    if not argv:
        parser.print_help(sys.stderr)
        parser.exit(2)
    if wanted is not None and argv[0].startswith("--") and argv[0] not in OWN_OPTIONS:
        parser.error(f"{argv[0]} belongs behind the command: protobalance COMMAND {argv[0]}")
    if wanted is not None and wanted not in VERBS:
        parser.error(
            f"there is no command {wanted!r}; {MEANT.get(wanted) or instead_of(wanted, list(VERBS))}"
        )
    if wanted is not None:
        _refuse_unknown_action(subparsers(parser)[wanted], wanted, argv)
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        _refuse(unknown, _asked(parser, argv))
    return arguments


def _refuse_unknown_action(verb: argparse.ArgumentParser, name: str, argv: Sequence[str]) -> None:
    """argparse would list them without showing how."""
    known = subparsers(verb)
    action = next((word for word in argv[argv.index(name) + 1 :] if not word.startswith("-")), None)
    if known and action is not None and action not in known:
        verb.error(f"there is no action {action!r}; as in: {verb_module(name).EXAMPLE}")


def _asked(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the verb, and of its action if it has actions."""
    for word in argv:
        parser = subparsers(parser).get(word, parser)
    return parser


def _refuse(unknown: Sequence[str], parser: argparse.ArgumentParser) -> NoReturn:
    """By the verb that does not know them, which shows its own usage."""
    word = unknown[0].partition("=")[0]
    options = [option for action in actions(parser) for option in action.option_strings]
    meant = nearest(word, options) if word.startswith("-") else ""
    remedy = f"; did you mean {meant}?" if meant else ""
    parser.error(f"unrecognized arguments: {' '.join(unknown)}{remedy}")


def build(loaded: Sequence[str], listed: Iterable[str] = VERBS) -> argparse.ArgumentParser:
    """A parser that knows the `listed` verbs by name, and the arguments of the `loaded` ones."""
    plain = partial(argparse.HelpFormatter, width=_width())
    raw = partial(argparse.RawDescriptionHelpFormatter, width=_width())
    parser = argparse.ArgumentParser(
        prog="protobalance", description=DESCRIPTION, formatter_class=plain, allow_abbrev=False
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True, title="commands")
    for name in listed:
        summary = VERBS[name]
        if name in loaded:
            module = verb_module(name)
            verb = verbs.add_parser(
                name,
                help=summary,
                description=summary[0].upper() + summary[1:] + ".",
                epilog=f"example:\n  {module.EXAMPLE}",
                formatter_class=raw,
                allow_abbrev=False,
            )
            module.arguments(verb)
            verb.set_defaults(run=module.run)
        else:
            verbs.add_parser(name, help=summary, formatter_class=plain)
    return parser


def _width() -> int:
    """Of help texts. argparse would ask at each argument, by a module that loads three compressors."""
    try:
        columns = int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size().columns
    except (ValueError, OSError):
        columns = 0
    return (columns or 80) - 2


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """A parser's sub-commands by name."""
    for action in actions(parser):
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """A parser's arguments, without its --help. argparse has no public way to them."""
    return [action for action in parser._actions if action.dest != "help"]


class _Version(argparse.Action):
    """Prints the version; the package is asked only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:  # noqa: A002 - argparse's own name
        super().__init__(option_strings, dest=dest, nargs=0, help=help, default=argparse.SUPPRESS)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from protobalance import __version__  # noqa: PLC0415 - `run` need not look it up

        print(f"protobalance {__version__}")
        parser.exit(0)
