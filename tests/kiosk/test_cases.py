"""Receipt numbers and ids."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kiosk.cases import CaseState, grouped, is_receipt_number, new_id, receipt_number
from offline_cache.counters import Counters
from offline_cache.store import Store


def test_a_number_names_place_machine_day_and_sequence() -> None:
    number = receipt_number("990101", "hall-0042", date(2027, 1, 12), 7)
    assert number[:-1] == "990101" + "0042" + "20270112" + "00007"
    assert is_receipt_number(number)
    assert grouped(number) == "9901 0100 4220 2701 1200 007" + number[-1]


@given(st.integers(0, 99_999), st.integers(0, 23), st.integers(1, 9))
def test_every_single_wrong_digit_is_noticed(sequence: int, place: int, off: int) -> None:
    number = receipt_number("990101", "k-0001", date(2027, 1, 12), sequence)
    wrong = number[:place] + str((int(number[place]) + off) % 10) + number[place + 1 :]
    assert not is_receipt_number(wrong)


def test_numbers_never_repeat_over_restarts(tmp_path: Path) -> None:
    seen: list[int] = []
    for _ in range(4):
        store = Store.open(tmp_path / "s.sqlite", now=lambda: datetime.now(UTC), ballast_mb=1, free_floor_mb=1)
        counters = Counters(store)
        seen += [counters.take("receipt") for _ in range(30)]
        store.close()
    assert len(set(seen)) == len(seen)


def test_ids_are_uuid7_and_rise() -> None:
    ids = [new_id() for _ in range(50)]
    assert ids == sorted(ids)
    assert {i[14] for i in ids} == {"7"}


def test_a_machine_without_four_digits_still_has_a_number_of_24() -> None:
    assert receipt_number("990101", "east-7", date(2027, 1, 12), 1)[6:10] == "0007"


def test_before_acceptance_is_what_the_department_has_not_spoken_of() -> None:
    assert [s.value for s in CaseState if CaseState.before_acceptance(s)] == ["stored", "delivered"]
    assert not CaseState.before_acceptance("a state of a newer hub")
