"""A change worked out and not yet carried out: what `plan` tells of, and what `apply` begins with."""

from __future__ import annotations

import msgspec

from protobalance.config import Config
from protobalance.config.advice import advise
from protobalance.control import certificates, changes
from protobalance.control.answers import Change, Impact, OverrideNote, PlanResult
from protobalance.control.answers_of_config import differences
from protobalance.control.impact import impact
from protobalance.control.in_force import InForce
from protobalance.control.ports import refused_binds
from protobalance.control.running import Running


class Preview(msgspec.Struct, frozen=True):
    """What would be in force, and what comes of it."""

    after: InForce
    changes: list[Change]
    overrides: list[OverrideNote]
    impact: list[Impact]
    warnings: list[str]

    def told(self, running: Running) -> PlanResult:
        """As the answer to `plan`."""
        held = [text for listener in running.engine.snapshot().listeners for text in listener.addresses]
        return PlanResult(
            source=self.after.source,
            generation=running.generation,
            changes=self.changes,
            overrides=self.overrides,
            impact=self.impact,
            sessions_ended=sum(each.ended for each in self.impact),
            sessions_finishing=sum(
                each.finishing for each in self.impact if each.subject.startswith("node ")
            ),
            warnings=[*refused_binds(self.after.config, held), *self.warnings],
        )


def preview(running: Running, config: Config, source: str) -> Preview:
    """Raises `ConfigError` where a file that it names cannot serve."""
    before, now = running.in_force, running.surroundings.clock()
    material = certificates.read(config, source, now, before.material)
    after, notes = changes.with_config(before, config, source)
    after = msgspec.structs.replace(after, material=material)
    return Preview(
        after,
        [*differences(before.config, config), *before.material.changes_to(material)],
        notes,
        impact(before, after, running.engine.snapshot()),
        [*changes.warnings(running.started_with, after), *advise(config), *material.warnings(now)],
    )
