"""`completion`: a shell script made from the parser, so that it knows every verb and option there is."""

from __future__ import annotations

import argparse
import shlex

from protobalance.cli.parser import VERBS, actions, build, subparsers

EXAMPLE = 'eval "$(protobalance completion bash)"'

# bash(1), "Programmable Completion". Where no word fits, readline completes file names (-o default).
SCRIPT = """\
_protobalance() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" verb="${{COMP_WORDS[1]}}" words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        words={verbs}
    else
        case "$verb" in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _protobalance protobalance
"""
ZSH = "autoload -U +X bashcompinit && bashcompinit\n"  # zshcompsys(1): runs completions written for bash


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh"), help="for ~/.bashrc or ~/.zshrc, as in the example")


def run(arguments: argparse.Namespace) -> int:
    print(script(arguments.shell), end="")
    return 0


def script(shell: str) -> str:
    """The completion script for `bash` or `zsh`."""
    verbs = subparsers(build(list(VERBS)))
    cases = "\n".join(
        f"            {name}) words={shlex.quote(' '.join(_words(verbs[name])))} ;;" for name in VERBS
    )
    text = SCRIPT.format(verbs=shlex.quote(" ".join(VERBS)), cases=cases)
    return ZSH + text if shell == "zsh" else text


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """Options, then words that may stand in the place of an argument; those of sub-commands as well."""
    words = [option for action in actions(parser) for option in action.option_strings]
    for action in actions(parser):
        if action.choices is not None and not action.option_strings:
            words += [str(choice) for choice in action.choices]
    for sub in subparsers(parser).values():
        words += [word for word in _words(sub) if word not in words]
    return words
