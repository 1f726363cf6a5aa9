"""From a command line to an exit code. Whatever happens, the user sees a sentence and not a traceback,
unless the fault is ours. Interrupts are `cli.main`'s.
"""

from __future__ import annotations

import argparse
import datetime  # noqa: F401 - else msgspec imports it, overlooks an interrupt amid that, and crashes later
import sys
from collections.abc import Sequence

from protobalance.cli import parser, standard_streams
from protobalance.cli.failure import CommandFailed, error_json
from protobalance.control.outside_text import in_json, one_line
from protobalance.control.refusal import Refused

DONE, REFUSED, UNTOLD = 0, 1, 3  # argparse has 2


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code."""
    standard_streams.have_all()
    arguments = argparse.Namespace()
    with standard_streams.Output() as output:
        try:
            arguments = parser.parse(sys.argv[1:] if argv is None else argv)
            code: int = arguments.run(arguments)
            sys.stdout.flush()
        except (CommandFailed, Refused) as failure:
            _tell(failure, as_json=getattr(arguments, "json", False))
            return REFUSED
        except OSError as error:
            if error is not output.failure:
                raise
            standard_streams.forget_output()
            if isinstance(error, BrokenPipeError):
                return DONE  # the reader (`head`, a pager) has seen enough
            return _untold(error, carried_out=getattr(arguments, "carried_out", False))
    return code


def _untold(error: OSError, *, carried_out: bool) -> int:
    """The answer is lost. A change stands all the same, and whoever takes it for refused does it again."""
    said = f"standard output cannot be written: {error.strerror}"
    if not carried_out:
        print(f"protobalance: {said}", file=sys.stderr)
        return REFUSED
    print(f"protobalance: carried out, but its answer is lost: {said}", file=sys.stderr)
    print("to see what was done: protobalance history --limit 1", file=sys.stderr)
    return UNTOLD


def _tell(failure: CommandFailed | Refused, *, as_json: bool) -> None:
    """On stderr in either form, so that what stands on stdout is an answer and nothing else."""
    if not as_json:
        said = "\n".join(map(one_line, f"protobalance: {failure}".splitlines()))
    elif isinstance(failure, CommandFailed):
        said = in_json(failure.json().decode())
    else:
        said = in_json(error_json(failure.kind, failure.what, failure.where, failure.remedy).decode())
    print(said, file=sys.stderr)
