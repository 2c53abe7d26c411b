"""Who comes without a card: what the hub tells of the register, how often, and which cases it takes."""

from __future__ import annotations

import msgspec
import pytest

from kiosk.messages import content
from kiosk.messages.encoding import from_text
from tests.hub.fixtures import ROOT, Machine, RunningHub, case_form, number_of
from tests.waiting import eventually


def test_the_register_tells_what_the_last_card_said_and_showed(machine: Machine) -> None:
    said = machine.ask("register", id_number=number_of("zhao"))
    assert (said.known, said.name, said.birth, said.valid_to) == (True, "赵德福", "19580317", "")
    assert from_text(said.picture) == (ROOT / "hub/people/zhao.webp").read_bytes()


@pytest.mark.attack(3)
def test_numbers_are_not_tried_out(hub: RunningHub) -> None:
    """A stranger, and somebody whom the department has no picture of, look alike; and nobody is asked for often."""
    machine = hub.machine()
    assert machine.ask("register", id_number="990101190001010003") == machine.ask(
        "register", id_number=number_of("smith")
    )
    answers = [machine.ask("register", id_number=number_of("li")) for _ in range(11)]
    assert [each.known for each in answers] == [True] * 10 + [False]
    assert answers[-1].wait_s > 0


@pytest.mark.attack(3)
@pytest.mark.parametrize(
    ("service", "bundle", "is_for_it"),
    [("H05", "", True), ("H13", "", False), ("H13", "B03", False), ("T02", "B03", True)],
)
def test_only_what_is_for_a_lost_card_is_taken_without_one(
    machine: Machine, service: str, bundle: str, is_for_it: bool
) -> None:
    number = f"{service}{bundle}-{machine.kiosk_id}"
    form = msgspec.json.decode(case_form("li", service, number))
    form["identity"]["without_card"] = True
    form |= {"bundle": number, "bundle_key": bundle} if bundle else {}
    machine.deliver(machine.envelope("case", content.encode_content(msgspec.convert(form, content.CaseForm))))
    machine.wait_for(number, "not_accepted" if not is_for_it else "delivered")
    if not is_for_it:
        case = machine.case(number)
        assert case
        assert case.states[-1].reasons == ["card_needed"]
        return
    reasons = hub_word(machine, number)
    assert "card_needed" not in reasons


def hub_word(machine: Machine, number: str) -> list[str]:
    """The reasons of the department's first word."""
    case = eventually(
        lambda: (found := machine.case(number)) and len(found.states) > 1 and found, f"{number} is decided"
    )
    return case.states[-1].reasons
