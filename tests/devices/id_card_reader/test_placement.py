"""Whether a card was put down anew is concluded from what was seen, and never from a card that lies there."""

from __future__ import annotations

import pytest

from devices.id_card_reader import placement
from devices.id_card_reader.placement import EMPTY_LOOKS, Placement
from devices.id_card_reader.status import MEANINGS, Remedy, meaning
from devices.vocabulary import Completion


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time = [100.0]
    monkeypatch.setattr(placement.time, "monotonic", lambda: time[0])
    return time


def emptied() -> Placement:
    place = Placement()
    for _ in range(EMPTY_LOOKS):
        place.empty()
    return place


def test_card_that_lies_there_from_the_beginning_is_not_new(now: list[float]) -> None:
    place = Placement()
    place.found()
    assert not place.is_new(0.0)
    place.found()
    assert not place.is_new(0.0)


def test_card_after_an_empty_place_is_new_since_the_moment_it_was_found(now: list[float]) -> None:
    place = emptied()
    now[0] = 105.0
    place.found()
    assert place.is_new(104.9)
    assert not place.is_new(105.0), "what was put down at that very moment belongs to what was before"
    now[0] = 110.0
    place.found()
    assert not place.is_new(106.0), "that it still lies there makes it no newer"


def test_one_failed_look_is_a_disturbance_and_two_are_an_empty_place(now: list[float]) -> None:
    place = Placement()
    place.found()
    place.empty()
    assert not place.is_empty
    place.found()
    assert not place.is_new(0.0)
    place.empty()
    place.empty()
    assert place.is_empty
    place.found()
    assert place.is_new(99.0)


def test_found_in_between_begins_the_count_of_empty_looks_anew(now: list[float]) -> None:
    place = Placement()
    place.empty()
    place.found()
    place.empty()
    assert not place.is_empty


def test_other_chip_was_put_down_in_between_and_the_same_one_was_not(now: list[float]) -> None:
    place = Placement()
    place.chip(b"first")
    assert place.knows_chip
    assert not place.is_new(0.0)
    now[0] = 105.0
    place.chip(b"first")
    assert not place.is_new(0.0)
    place.chip(b"second")
    assert place.is_new(104.0)
    now[0] = 110.0
    place.chip(b"second")
    assert not place.is_new(106.0)


def test_empty_place_forgets_the_chip_and_a_reset_forgets_everything(now: list[float]) -> None:
    place = Placement()
    place.chip(b"first")
    place.empty()
    place.chip(b"first")
    assert not place.is_empty, "a chip that answers lies there"
    place.empty()
    place.empty()
    assert not place.knows_chip
    now[0] = 105.0
    place.found()
    assert place.is_new(0.0)
    place.forget()
    assert (place.is_new(0.0), place.is_empty, place.knows_chip) == (False, False, False)


def test_number_of_a_chip_is_kept_only_as_a_digest_with_a_salt_of_its_own() -> None:
    one, other = Placement(), Placement()
    one.chip(b"0123456789abcdef")
    other.chip(b"0123456789abcdef")
    assert b"0123456789abcdef" not in one._chip
    assert one._chip != other._chip


@pytest.mark.parametrize(
    ("sw3", "error", "completion", "remedy"),
    [
        (0x10, "bad_checksum", Completion.HARDWARE_ERROR, Remedy.REPEAT),
        (0x11, "bad_length", Completion.HARDWARE_ERROR, Remedy.REPEAT),
        (0x21, "bad_command", Completion.UNSUPPORTED, Remedy.SERVICE),
        (0x23, "not_permitted", Completion.HARDWARE_ERROR, Remedy.LIFT),
        (0x41, "read_failed", Completion.USER_ERROR, Remedy.LIFT),
        (0x60, "self_test_failed", Completion.HARDWARE_ERROR, Remedy.SERVICE),
        (0x66, "not_authorised", Completion.HARDWARE_ERROR, Remedy.SERVICE),
        (0x80, "no_card", Completion.USER_ERROR, Remedy.LIFT),
        (0x81, "select_failed", Completion.USER_ERROR, Remedy.LIFT),
        (0x40, "unknown_card", Completion.USER_ERROR, Remedy.OTHER_CARD),
        (0x5A, "unknown_status_5a", Completion.USER_ERROR, Remedy.LIFT),
    ],
)
def test_status_byte_of_the_module(sw3: int, error: str, completion: Completion, remedy: Remedy) -> None:
    means = meaning(sw3)
    assert (means.error, means.completion, means.remedy) == (error, completion, remedy)


def test_no_two_status_bytes_share_a_code_and_only_the_module_s_own_need_service() -> None:
    codes = [means.error for means in MEANINGS.values()]
    assert len(codes) == len(set(codes))
    needing = {means.error for means in MEANINGS.values() if means.remedy is Remedy.SERVICE}
    assert needing == {"bad_command", "self_test_failed", "not_authorised"}
