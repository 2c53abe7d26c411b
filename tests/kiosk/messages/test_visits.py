"""A visit's own key: introduced by its machine, for one person, for about an hour."""

from __future__ import annotations

import pytest

from kiosk.messages.encoding import BadSignature
from kiosk.messages.seal import new_sign_key
from kiosk.messages.visits import VisitKey, check_introduction, introduce

MACHINE = new_sign_key()
READ_AT_S = 1_800_000_000


@pytest.fixture(scope="module")
def visit() -> VisitKey:
    return introduce("v-1", "990101195803170155", kiosk_id="K-1", machine_key=MACHINE.private, read_at_s=READ_AT_S)


def check(visit: VisitKey, now_s: int) -> str:
    check_introduction(visit.introduction, kiosk_id="K-1", public_key=MACHINE.public, now_s=now_s)
    return "is taken"


@pytest.mark.parametrize("hub_is_behind_s", [300, 60, 0, -60, -300, -3600, -3900])
def test_the_hub_takes_it_for_an_hour_whichever_clock_is_ahead(visit: VisitKey, hub_is_behind_s: int) -> None:
    assert check(visit, READ_AT_S - hub_is_behind_s) == "is taken"


@pytest.mark.attack(7)
@pytest.mark.parametrize("after_s", [-301, 3901, 86400, -86400])
def test_nothing_is_asked_with_what_is_left_of_a_visit(visit: VisitKey, after_s: int) -> None:
    with pytest.raises(BadSignature, match="over"):
        check(visit, READ_AT_S + after_s)


@pytest.mark.parametrize(
    ("after_s", "is_young"), [(0, True), (1800, True), (1801, False), (3600, False), (-1801, False)]
)
def test_the_machine_makes_a_new_one_long_before_the_hub_refuses_it(
    visit: VisitKey, after_s: int, is_young: bool
) -> None:
    assert visit.is_young(READ_AT_S + after_s) is is_young
