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

DONE, REFUSED = 0, 1


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
            print(f"protobalance: standard output cannot be written: {error.strerror}", file=sys.stderr)
            return REFUSED
    return code


def _tell(failure: CommandFailed | Refused, *, as_json: bool) -> None:
    """On stderr in either form, so that what stands on stdout is an answer and nothing else."""
    if not as_json:
        said = "\n".join(map(one_line, f"protobalance: {failure}".splitlines()))
    elif isinstance(failure, CommandFailed):
        said = in_json(failure.json().decode())
    else:
        said = in_json(error_json(failure.kind, failure.what, failure.where, failure.remedy).decode())
    print(said, file=sys.stderr)
