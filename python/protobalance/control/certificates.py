"""What the files of certificates, keys and authorities hold. They are read each time a plan is made, and
looked at in between, so that a renewed certificate is served by itself.

The law: what cannot serve is refused, with the file, the reason and what to do, and what was in force stays
so. A certificate that has run out is refused where one is in force; at a start it is served all the same,
with a warning, since no certificate would help nobody. Nothing that a file holds is ever told.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from protobalance.config import Config, ConfigError
from protobalance.config import Problem as ConfigProblem
from protobalance.config.plan_tls import authorities, certificates, pair
from protobalance.control.answers import Change
from protobalance.control.engine_port import CertificateReport, inspect

LONGEST = 1 << 20  # bytes of a file: the authorities of a whole system are a quarter of that
WARN_BEFORE = 14 * 86400  # seconds: renewal fails quietly, and a fortnight leaves time to see to it

Signature = tuple[tuple[str, int, int, int], ...]


class Material(msgspec.Struct, frozen=True):
    """What the files held when they were read, and what that is worth."""

    files: Mapping[str, str] = {}
    valid: Mapping[str, CertificateReport] = {}  # by the certificate's file

    def __repr__(self) -> str:
        return f"Material(of {', '.join(self.files)})"

    def warnings(self, now: float) -> list[str]:
        """What an operator should know of before clients do."""
        return [
            f"{file}: {_running_out(report, now)}"
            for file, report in self.valid.items()
            if report.not_after - now < WARN_BEFORE or now < report.not_before
        ]

    def changes_to(self, other: Material) -> list[Change]:
        """Files that are in both and hold something else now."""
        return [
            Change("changed", f"file {file}", _described(self, file), _described(other, file))
            for file, held in other.files.items()
            if file in self.files and self.files[file] != held
        ]


def read(config: Config, source: str, now: float, before: Material | None = None) -> Material:
    """What the configuration's files hold. Raises `ConfigError` with everything that is wrong with them."""
    named = [(key, path) for key, each in certificates(config) for path in (each.certificate, each.key)]
    named += authorities(config)
    if not named:
        return Material()
    files: dict[str, str] = {}
    problems: list[ConfigProblem] = []
    for key, file in named:
        if file not in files:
            try:
                files[file] = _text(file)
            except OSError as error:
                problems.append(_problem(source, key, f"{file}: cannot be read: {error.strerror or error}"))
    if problems:
        raise ConfigError(tuple(problems))
    pairs = {each.certificate: each for _, each in certificates(config)}
    found = inspect(
        [pair(each, files) for each in pairs.values()],
        [{"file": file, "pem": files[file]} for _, file in authorities(config)],
    )
    places = {file: key for key, file in reversed(named)}
    problems = [_problem(source, _place(problem, places), problem) for problem in found.problems]
    material = Material(files, {report.file: report for report in found.certificates})
    problems += _not_in_their_time(material, before, source, places, now)
    if problems:
        raise ConfigError(tuple(problems))
    return material


def signature(config: Config) -> Signature:
    """Changes when a file does; what is missing counts as empty."""
    named = {path for _, each in certificates(config) for path in (each.certificate, each.key)}
    named |= {file for _, file in authorities(config)}
    return tuple(map(_seen, sorted(named)))


def _seen(file: str) -> tuple[str, int, int, int]:
    try:
        seen = os.stat(file)  # noqa: PTH116 - one call, as cheap as it gets
    except OSError:
        return file, 0, 0, 0
    return file, seen.st_mtime_ns, seen.st_size, seen.st_ino


def _text(file: str) -> str:
    with Path(file).open("rb") as opened:
        held = opened.read(LONGEST + 1)
    if len(held) > LONGEST:
        raise OSError(0, f"longer than {LONGEST} bytes: not what certificates or keys look like")
    # PEM is ASCII; comments around it may be anything.
    return held.decode("ascii", errors="replace")


def _not_in_their_time(
    material: Material, before: Material | None, source: str, places: Mapping[str, str], now: float
) -> list[ConfigProblem]:
    in_force = {} if before is None else before.files
    return [
        _problem(
            source,
            places[file],
            f"{file}: {_running_out(report, now)}; give one that is valid now. "
            "The one read before stays in force",
        )
        for file, report in material.valid.items()
        if file in in_force and material.files[file] != in_force[file]
        if not report.not_before <= now < report.not_after
    ]


def _problem(source: str, key: str, message: str) -> ConfigProblem:
    return ConfigProblem(source, 0, 0, key, message)


def _place(problem: str, places: Mapping[str, str]) -> str:
    return next((key for file, key in places.items() if problem.startswith(file)), "")


def _running_out(report: CertificateReport, now: float) -> str:
    if now < report.not_before:
        return f"is not valid before {_day(report.not_before)}: clients will refuse it until then"
    if now >= report.not_after:
        return f"expired on {_day(report.not_after)}: clients will refuse it"
    return f"expires on {_day(report.not_after)}, in {int((report.not_after - now) // 86400)} days: renew it"


def _described(material: Material, file: str) -> str:
    report = material.valid.get(file)
    if report is None:
        return "other contents"
    names = ", ".join(report.names) or "no host name"
    return f"for {names}, valid until {_day(report.not_after)}"


def _day(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return "a day that no calendar has"
