"""What a configuration changes, as lines: values, what becomes of overrides, what it does to sessions."""

from __future__ import annotations

from collections.abc import Sequence

from protobalance.cli.screen.ink import Ink, harmless
from protobalance.control.answers import ApplyResult, Change, Impact, OverrideNote, PlanResult
from protobalance.control.counted import plural


def plan_page(plan: PlanResult, ink: Ink) -> list[str]:
    """What applying would do."""
    head = f"{harmless(plan.source)} against generation {plan.generation}: "
    if not plan.changes and not plan.overrides:
        return [f"{head}nothing would change", *warning_lines(plan.warnings, ink)]
    lines = [f"{head}{plural(len(plan.changes), 'change')}"]
    lines += [*_changes(plan.changes, ink), *_overrides(plan.overrides, ink), *impact(plan.impact, ink)]
    if plan.sessions_ended:
        lines.append(ink.red(f"{plural(plan.sessions_ended, 'session')} would be ended"))
    else:
        lines.append(ink.green("no session would be ended"))
    return lines + warning_lines(plan.warnings, ink)


def apply_page(result: ApplyResult, ink: Ink) -> list[str]:
    """What applying did."""
    done = (
        f"applied {harmless(result.source)}"
        if result.changed
        else f"{harmless(result.source)}: nothing to change"
    )
    lines = [f"{ink.green(done)}; generation {result.generation}"]
    lines += [*_changes(result.changes, ink), *_overrides(result.overrides, ink), *impact(result.impact, ink)]
    return lines + warning_lines(result.warnings, ink)


def impact(impacts: Sequence[Impact], ink: Ink) -> list[str]:
    """What happens to sessions; the lines where some are ended stand out."""
    return [
        ink.red(f"  ! {harmless(one.sentence)}") if one.ended else f"  · {harmless(one.sentence)}"
        for one in impacts
    ]


def warning_lines(warnings: Sequence[str], ink: Ink) -> list[str]:
    """Warnings, each on its line."""
    return [ink.yellow(f"  ! {harmless(warning)}") for warning in warnings]


def _changes(changes: Sequence[Change], ink: Ink) -> list[str]:
    return [_change(change, ink) for change in changes]


def _change(change: Change, ink: Ink) -> str:
    path, before, after = harmless(change.path), harmless(change.before), harmless(change.after)
    if change.kind == "added":
        return ink.green(f"  + {path} = {after}" if after else f"  + {path}")
    if change.kind == "removed":
        return ink.red(f"  - {path} = {before}" if before else f"  - {path}")
    return f"  {ink.yellow('~')} {path}: {before} -> {after}"


def _overrides(notes: Sequence[OverrideNote], ink: Ink) -> list[str]:
    return [
        (ink.faint if note.outcome in {"kept", "same"} else ink.yellow)(
            f"  override {harmless(note.sentence)}"
        )
        for note in notes
    ]
