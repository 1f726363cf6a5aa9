"""What a measurement gives."""

from __future__ import annotations

Sample = dict[str, float]
"""A value for each metric, by name."""


class MeasureError(Exception):
    """No number came of it; the text says why, for the table."""
