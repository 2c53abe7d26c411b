"""What is due is told as what it is: too late, soon, later, or nothing that has a day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from kiosk.lobby import Due, todo_page
from kiosk.messages.questions import DueFact
from kiosk.pages import DueItem, DueList, Settings
from kiosk.visit import Visit


def shown(machine: Any, *days: date | None) -> list[DueItem]:
    found = Due([DueFact("T01", {"expires_on": "2027-03-01"}, day) for day in days])
    page = todo_page(machine, Visit(machine, Settings()), found)
    (due,) = [block for block in page.blocks if isinstance(block, DueList)]
    return list(due.items)


@pytest.mark.parametrize(
    ("days", "urgency"),
    [(-365, "overdue"), (-1, "overdue"), (0, "soon"), (1, "soon"), (30, "soon"), (31, "later"), (400, "later")],
)
def test_a_day_is_overdue_when_it_has_passed_and_soon_for_a_month_before(machine: Any, days: int, urgency: str) -> None:
    (item,) = shown(machine, machine.clock.today() + timedelta(days=days))
    assert item.urgency == urgency
    if days:
        assert str(abs(days)) in item.urgency_label.zh
        assert str(abs(days)) in item.urgency_label.en


def test_what_has_no_day_is_only_told(machine: Any) -> None:
    (item,) = shown(machine, None)
    assert item.urgency == "info"


def test_the_most_urgent_stands_first_and_what_has_no_day_last(machine: Any) -> None:
    today = machine.clock.today()
    items = shown(machine, None, today + timedelta(days=90), today - timedelta(days=2), today)
    assert [item.urgency for item in items] == ["overdue", "soon", "later", "info"]
