"""What a machine has put into a hand: the case of that machine is collected, once; nobody else's is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kiosk.messages.content import HandOut, encode_content
from kiosk.messages.lockers import LockerAnswer
from tests.hub.fixtures import Machine, RunningHub, number_of
from tests.waiting import eventually


def key_of(hub: RunningHub, number: str) -> str:
    return hub.sql("select key::text from case_file where receipt_number = %s", number)[0][0]


def said(hub: RunningHub, key: str, kind: str) -> list[str]:
    return [
        why for (why,) in hub.sql("select data->>'why' from event where envelope_key = %s and kind = %s", key, kind)
    ]


def test_a_case_that_was_handed_out_is_collected_once_and_never_uncollected(hub: RunningHub, machine: Machine) -> None:
    machine.file_case("wang", "T01", "T-made")
    machine.wait_for("T-made", "accepted")
    sent = machine.envelope("hand_out", encode_content(HandOut(key_of(hub, "T-made"), "made", "collected")))
    machine.deliver(sent)
    machine.wait_for("T-made", "collected")
    again = machine.envelope("hand_out", encode_content(HandOut(key_of(hub, "T-made"), "made", "collected")))
    machine.deliver(again)
    eventually(lambda: said(hub, again.key, "opened"), "it is judged")
    assert machine.states("T-made") == ["delivered", "accepted", "decided", "collected"]
    assert hub.sql("select next_state from traffic.case_desk where case_key = %s", key_of(hub, "T-made")) == [(None,)]


def service_has_ended(hub: RunningHub, number: str) -> None:
    """As on the day after its ``valid_to``: the catalogue has it no more."""
    hub.sql("update case_file set service = 'T99' where receipt_number = %s returning 1", number)


def test_a_case_whose_service_has_ended_meanwhile_is_collected_all_the_same(hub: RunningHub, machine: Machine) -> None:
    """Its department never heard of it."""
    hub.demo("POST", "reset")
    machine.file_case("wang", "T01", "T-ended")
    machine.wait_for("T-ended", "accepted")
    service_has_ended(hub, "T-ended")
    said = HandOut(key_of(hub, "T-ended"), "made", "collected")
    machine.deliver(machine.envelope("hand_out", encode_content(said)))
    machine.wait_for("T-ended", "collected")


def test_what_was_not_taken_is_no_case_that_is_collected(hub: RunningHub, machine: Machine) -> None:
    machine.file_case("li", "H13", "H-kept")
    machine.wait_for("H-kept", "accepted")
    key = key_of(hub, "H-kept")
    machine.deliver(machine.envelope("hand_out", encode_content(HandOut(key, "made", "retained"))))
    eventually(lambda: said(hub, key, "hand_out"), "it is written down")
    assert "collected" not in machine.states("H-kept")


@pytest.mark.attack(11)
@pytest.mark.parametrize(("known", "why"), [(True, "another_machine"), (False, "unknown_case")])
def test_no_machine_says_that_another_ones_case_was_collected(
    hub: RunningHub, machine: Machine, known: bool, why: str
) -> None:
    if known:
        machine.file_case("zhao", "T01", "T-other")
        machine.wait_for("T-other", "accepted")
    key = key_of(hub, "T-other") if known else "01900000-0000-7000-8000-000000000001"
    stranger = hub.machine()
    sent = stranger.envelope("hand_out", encode_content(HandOut(key, "made", "collected")))
    stranger.deliver(sent)
    eventually(lambda: said(hub, sent.key, "hand_out_refused"), "its refusal")
    assert said(hub, sent.key, "hand_out_refused") == [why]
    if known:
        assert machine.states("T-other")[-1] == "accepted"


@pytest.mark.attack(11)
def test_a_door_is_told_to_its_machine_for_its_person_and_an_accepted_case_alone(hub: RunningHub) -> None:
    """The demonstration's own machine has ma's new card behind door 3; nobody else hears of it, and none twice."""
    here, elsewhere = hub.machine("demo-0001"), hub.machine()

    def asked(machine: Machine, number: str, person: str) -> int:
        answer = machine.ask("locker", id_number=number_of(person), key=key_of(hub, number))
        assert isinstance(answer, LockerAnswer)
        return answer.lock

    hub.sql("update household.id_case set paid_on = applied_on where id_number = %s returning 1", number_of("ma"))
    for machine, number, person in ((here, "L-here", "ma"), (elsewhere, "L-else", "ma"), (here, "L-other", "wang")):
        machine.file_case(person, "H07" if person == "ma" else "H13", number)
        machine.wait_for(number, "accepted")
    assert asked(here, "L-here", "ma") == 3
    assert asked(elsewhere, "L-else", "ma") == 0
    assert asked(here, "L-else", "ma") == 0, "a case of another machine opens nothing"
    assert asked(here, "L-other", "wang") == 0
    assert asked(here, "L-other", "ma") == 0, "a case of somebody else opens nothing"
    # In doubt: staff looks first. Then it is collected, by the one door, and the card is the person's.
    for end, state in (("in_doubt", [("in_doubt",)]), ("collected", [])):
        told = HandOut(key_of(hub, "L-here"), "locker", end, 3)
        here.deliver(here.envelope("hand_out", encode_content(told)))
        eventually(
            lambda state=state: hub.sql("select state from locker where lock = 3") == state, "the door is judged"
        )
        assert asked(here, "L-here", "ma") == 0
    here.wait_for("L-here", "collected")
    assert hub.sql("select state from household.id_case where id_number = %s", number_of("ma")) == [("collected",)]


@pytest.mark.attack(11)
@pytest.mark.parametrize("end", ["collected", "in_doubt"])
def test_a_late_word_on_a_door_does_not_touch_what_was_put_there_since(hub: RunningHub, end: str) -> None:
    here, number, other = hub.machine(), f"L-late-{end}", f"L-since-{end}"
    for each in (number, other):
        here.file_case("ma", "H07", each)
        here.wait_for(each, "delivered")
        eventually(lambda each=each: hub.sql("select 1 from case_file where receipt_number = %s", each), "it is opened")
    filled = "insert into locker select %s, 3, key, person_ref, 'household', 'filled', %s, 'chen' "
    filled += "from case_file where receipt_number = %s returning 1"
    late = here.envelope("hand_out", encode_content(HandOut(key_of(hub, number), "locker", end, 3)))
    hub.sql(filled, here.kiosk_id, here.clock.now() + timedelta(seconds=2), other)
    here.deliver(late)
    eventually(lambda: said(hub, late.key, "opened"), "it is judged")
    behind = "select state from locker where kiosk_id = %s"
    assert hub.sql(behind, here.kiosk_id) == [("filled",)]
    hub.sql("update locker set filled_at = %s where kiosk_id = %s returning 1", here.clock.now(), here.kiosk_id)
    again = here.envelope("hand_out", encode_content(HandOut(key_of(hub, other), "locker", end, 3)))
    here.deliver(again)
    eventually(lambda: said(hub, again.key, "opened"), "it is judged")
    assert hub.sql(behind, here.kiosk_id) == ([] if end == "collected" else [("in_doubt",)])
    hub.sql("delete from locker where kiosk_id = %s returning 1", here.kiosk_id)
