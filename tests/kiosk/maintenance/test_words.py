"""How long something takes, in the two largest units that a person counts in."""

from __future__ import annotations

import pytest

from kiosk.maintenance.words import duration
from kiosk.text import text


@pytest.mark.parametrize(
    ("seconds", "key", "values"),
    [
        (0.2, "seconds", {"s": 1}),
        (59, "seconds", {"s": 59}),
        (59.5, "minutes", {"m": 1, "s": 0}),
        (3599, "minutes", {"m": 59, "s": 59}),
        (3600, "hours", {"h": 1, "m": 0}),
        (7680, "hours", {"h": 2, "m": 8}),
        (90_000, "hours", {"h": 25, "m": 0}),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, key: str, values: dict[str, int]) -> None:
    assert duration(seconds) == text(f"maintenance.{key}", **values)
