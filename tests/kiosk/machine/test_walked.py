"""The short form of ``make walk``: a service within its budget of pages, and one by real touches on the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kiosk.citizen import Script
from kiosk.planning.toil import budgets
from tests.kiosk.machine.conftest import World
from tests.matrix.walk.__main__ import VALUES
from tests.matrix.walk.touching import Touching
from tests.matrix.walk.walking import Walker, by_script, walk

WAY = 2
"""Pages before a service begins: what is due, and the page of its line."""


@pytest.mark.parametrize(("key", "person", "by"), [("H03", "zhao", by_script), ("T07", "wang", Touching)])
async def test_a_service_is_walked_to_its_slip_within_its_budget(
    world: World, key: str, person: str, by: Callable[[Script], Walker]
) -> None:
    values: dict[str, Any] = VALUES["all"]
    row = await walk(world, key, person, values, by)
    allowed = budgets().get(key)
    assert row.result == "accepted x1", (row, world.pages())
    assert row.slip, "the paper is in the hand"
    if allowed:
        assert (row.pages + WAY <= allowed.pages, row.taps + WAY <= allowed.taps) == (True, True), row
