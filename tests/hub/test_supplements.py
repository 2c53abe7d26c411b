"""补正 at the hub: into the case of that person alone, while its department waits, once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kiosk.messages import content
from tests.hub.fixtures import Machine, RunningHub, number_of
from tests.hub.test_hand_outs import service_has_ended
from tests.waiting import eventually


def supplement(number: str, person: str) -> bytes:
    return content.encode_content(
        content.Supplement(
            receipt_number=number,
            id_number=number_of(person),
            identity=content.Identity("face", "passed", 0.3, "test"),
            answers={"supplement": "1"},
            filed_at=datetime(2027, 1, 12, 3, tzinfo=UTC),
        )
    )


def refusals(hub: RunningHub, key: str) -> list[str]:
    return [why for (why,) in hub.sql("select refused from supplement where key = %s", key)]


def waiting_case(hub: RunningHub, machine: Machine, number: str, person: str) -> None:
    machine.file_case(person, "T01", number)
    machine.wait_for(number, "accepted")
    hub.demo("POST", "stage", department="traffic", receipt_number=number, state="needs_supplement", reasons=["x"])


def test_the_case_goes_on_from_whichever_machine_it_was_brought_to_and_once(hub: RunningHub, machine: Machine) -> None:
    waiting_case(hub, machine, "T-more", "zhao")
    other = hub.machine()
    sent = other.envelope("supplement", supplement("T-more", "zhao"))
    other.deliver(sent)
    machine.wait_for("T-more", "in_review")
    other.deliver(sent)
    assert refusals(hub, sent.key) == [""]
    assert hub.sql("select papers from traffic.case_supplement where key = %s", sent.key) == [([],)]
    late = other.envelope("supplement", supplement("T-more", "zhao"))
    other.deliver(late)
    eventually(lambda: refusals(hub, late.key), "its judgement")
    assert refusals(hub, late.key) == ["not_asked_for"]
    assert machine.states("T-more")[2:] == ["needs_supplement", "in_review"]


def test_a_case_whose_service_has_ended_meanwhile_goes_on(hub: RunningHub, machine: Machine) -> None:
    """What was brought was let go of, and the case waited for it for ever."""
    hub.demo("POST", "reset")
    waiting_case(hub, machine, "T-ended", "zhao")
    machine.wait_for("T-ended", "needs_supplement")
    service_has_ended(hub, "T-ended")
    machine.deliver(machine.envelope("supplement", supplement("T-ended", "zhao")))
    machine.wait_for("T-ended", "in_review")


@pytest.mark.attack(11)
@pytest.mark.parametrize(
    ("number", "person", "why"), [("T-mine", "li", "another_person"), ("T-none", "li", "unknown_case")]
)
def test_nobody_brings_anything_into_somebody_elses_case(
    hub: RunningHub, machine: Machine, number: str, person: str, why: str
) -> None:
    if number == "T-mine":
        waiting_case(hub, machine, number, "wang")
    stranger = hub.machine()
    sent = stranger.envelope("supplement", supplement(number, person))
    stranger.deliver(sent)
    eventually(lambda: refusals(hub, sent.key), "its judgement")
    assert refusals(hub, sent.key) == [why]
    if number == "T-mine":
        assert machine.states(number)[-1] == "needs_supplement"
    said = hub.sql("select data->>'why' from event where envelope_key = %s and kind = 'supplement_refused'", sent.key)
    assert said == [(why,)]


@pytest.mark.attack(11)
def test_a_case_that_was_filed_under_the_same_number_keeps_nothing_from_it(hub: RunningHub, machine: Machine) -> None:
    hub.machine().file_case("li", "T01", "T-guessed")
    eventually(lambda: hub.sql("select 1 from case_file where receipt_number = 'T-guessed'"), "the other one is opened")
    sent = machine.file_case("wang", "H13", "T-guessed")
    here = "select state from case_file where key = %s"
    eventually(lambda: hub.sql(here, sent.key) == [("accepted",)], "the person's own is accepted")
    wish = {"department": "household", "state": "needs_supplement", "reasons": ["x"]}
    hub.demo("POST", "stage", receipt_number=sent.key, **wish)
    brought = machine.envelope("supplement", supplement("T-guessed", "wang"))
    machine.deliver(brought)
    eventually(lambda: refusals(hub, brought.key), "its judgement")
    assert refusals(hub, brought.key) == [""]
    eventually(lambda: hub.sql(here, sent.key) == [("in_review",)], "the person's own goes on")
