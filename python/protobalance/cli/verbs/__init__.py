"""One file per verb: `EXAMPLE`, `arguments(parser)` and `run(arguments) -> exit code`.

Only the verb that was asked for is ever imported, so a verb imports at its top what it needs.
"""
