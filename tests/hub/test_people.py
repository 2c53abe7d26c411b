"""The synthetic people: right numbers that belong to nobody, and what the demonstration needs of them."""

from __future__ import annotations

import pytest
from stdnum.cn import ric

from kiosk.messages.content import Applicant
from tests.hub.fixtures import PEOPLE

KINDS = {"resident", "hk_macao_taiwan", "foreigner_2017", "foreigner_2023"}


@pytest.mark.parametrize("person", PEOPLE)
def test_numbers_are_right_and_of_no_real_division(person: str) -> None:
    card = PEOPLE[person]["card"]
    number = card["number"]
    if card["kind"] == "foreigner_2017":
        assert len(number) == 15
        return
    assert number.startswith("99")
    assert number[6:14] == card["birth"]
    assert ric.calc_check_digit(number) == number[17]
    assert int(number[16]) % 2 == int(card["sex"]) % 2


@pytest.mark.parametrize("person", PEOPLE)
def test_a_card_fits_its_chip(person: str) -> None:
    card = PEOPLE[person]["card"]
    assert len(card["name"].encode("utf-16-le")) <= 30
    assert len(card.get("address", "").encode("utf-16-le")) <= 70
    assert set(card) - {"version", "times_issued"} <= set(Applicant.__struct_fields__)


def test_everyone_that_is_needed_is_there() -> None:
    assert {"zhao", "li", "wang", "chen", "guide", "technician", "test"} <= set(PEOPLE)
    assert {person["card"]["kind"] for person in PEOPLE.values()} == KINDS
    assert {PEOPLE[name]["staff"] for name in ("guide", "technician")} == {"guide", "technician"}
    assert all(rare in PEOPLE["wang"]["card"]["name"] for rare in "𠮷䶮㛃")
    assert len({person["face"]["seed"] for person in PEOPLE.values()}) == len(PEOPLE)
