"""What is due is told as what it is: too late, soon, later, or nothing that has a day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import structs

from kiosk.catalogue.loader import load
from kiosk.lobby import Due, line_page, todo_page
from kiosk.messages.questions import DueFact
from kiosk.pages import DueItem, DueList, Settings, Tiles
from kiosk.visit import Visit

SOME = load().services["C01"]


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


def test_a_line_s_page_has_the_words_people_use_most_used_first_and_the_counter_apart(machine: Any) -> None:
    services = machine.catalogue.services
    services.clear()
    usual = machine.catalogue.lines["traffic"]
    made = [
        ("T08", 5, "machine"),
        ("T02", 30, "machine"),
        ("T01", 20, "machine"),
        ("T99", 1, "machine"),
        ("T04", 9, "window"),
    ]
    for key, order, where in made:
        services[key] = structs.replace(SOME, key=key, line=usual.key, order=order, handled_at=where)
    page = line_page(machine, Visit(machine, Settings()), "traffic")
    shown = [(b.title.zh, [t.action.id for t in b.tiles]) for b in page.blocks if isinstance(b, Tiles)]
    assert shown == [
        ("违法和罚款", ["service:T08"]),
        ("驾驶证", ["service:T01", "service:T02"]),
        ("其他", ["service:T99"]),
        ("需要到窗口办理（本机可看指南、先登记或预约）", ["service:T04"]),
    ]
    assert "back" in {action.id for action in page.actions}
    services.clear()
    empty = line_page(machine, Visit(machine, Settings()), "traffic")
    assert empty.blocks
    assert "back" in {action.id for action in empty.actions}, "no page without a way on"
