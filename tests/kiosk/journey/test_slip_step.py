"""Slip and portrait: the paper says what was filed, and with a case goes the picture that was compared, no other."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from kiosk.cases import CaseState, new_id
from kiosk.catalogue.model import Fee
from kiosk.journey.engine import Journey, Outcome, Record
from kiosk.journey.steps import file, slip, verify
from kiosk.messages.content import Identity
from kiosk.pages import Settings
from kiosk.text import text
from kiosk.visit import Visit
from tests.kiosk.journey.conftest import LI, ZHAO, Counter, words
from tests.kiosk.journey.test_engine import journeys, question

__all__ = ["journeys"]


@pytest.fixture
def sealed(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, bytes]]:
    """The parts of each case, before they are sealed."""
    found: list[dict[str, bytes]] = []
    file = counter.machine.filing.file

    async def filed(**what: Any) -> Any:
        found.append(dict(what["parts"]))
        return await file(**what)

    monkeypatch.setattr(counter.machine.filing, "file", filed)
    return found


async def to_the_result(counter: Counter) -> None:
    async with counter.doing("T01"):
        await counter.first("result")
        counter.last("leave")


async def test_what_was_compared_and_signed_is_filed(counter: Counter, sealed: list[dict[str, bytes]]) -> None:
    counter.visit.card = ZHAO
    counter.visit.identity, counter.visit.portrait = Identity("face", "pass", 0.3, "test"), b"a portrait"
    counter.steps("T01", "identify", "verify", "sign", "file")
    async with counter.doing("T01"):
        await counter.first("sign")
        await counter.touch("next", "result", signature=[[[0.1, 0.5], [0.9, 0.5]]])
        counter.last("leave")
    assert set(sealed[0]) == {"form", "face", "signature"}
    assert sealed[0]["face"] == b"a portrait"
    assert sealed[0]["signature"].startswith(b"\x89PNG")


async def test_nothing_is_filed_that_no_step_added(counter: Counter, sealed: list[dict[str, bytes]]) -> None:
    counter.visit.card = ZHAO
    counter.visit.identity, counter.visit.portrait = Identity("face", "pass", 0.3, "test"), b"a portrait"
    counter.steps("T01", "identify", "file")
    await to_the_result(counter)
    assert set(sealed[0]) == {"form"}, "no signature that is none, no picture that this service did not ask for"


async def test_who_was_confirmed_by_a_guide_has_no_picture(counter: Counter, sealed: list[dict[str, bytes]]) -> None:
    counter.visit.card, counter.visit.identity = ZHAO, Identity("guide", "confirmed", guide_ref="g")
    counter.steps("T01", "identify", "verify", "file")
    await to_the_result(counter)
    assert set(sealed[0]) == {"form"}


async def test_a_case_without_a_person_is_a_fault_and_nothing_is_filed(counter: Counter) -> None:
    for card, identity in ((None, Identity("face", "pass")), (ZHAO, None)):
        counter.visit.card, counter.visit.identity = card, identity
        counter.steps("T01", "file")
        counter.finger.history.clear()
        async with counter.doing("T01"):
            page = await counter.first("fault")
            assert "没有提交任何内容" in words(page)
            counter.last("continue")
    assert counter.filed("case") == []


async def test_the_answers_are_filed_as_they_were_said(
    counter: Counter, journeys: list[Journey], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms: list[Any] = []
    encode = file.encode_content
    monkeypatch.setattr(file, "encode_content", lambda form: forms.append(form) or encode(form))
    counter.visit.card, counter.visit.identity = ZHAO, Identity("guide", "confirmed", guide_ref="g")
    counter.steps("T01", "identify", question("way"), "file")
    async with counter.doing("T01"):
        await counter.first("choose")
        await counter.touch("next", "result", way="b")
        counter.last("leave")
    (form,) = forms
    assert (form.answers, form.service, form.applicant.name) == ({"way": "b"}, "T01", ZHAO.name)
    assert (form.receipt_number, form.slip_code) == (journeys[0].receipt_number, journeys[0].slip_code)
    assert (form.offline, form.language) == (False, "zh")
    assert [case.receipt_number for case in counter.visit.filed] == [journeys[0].receipt_number]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (CaseState.STORED, "offline"),
        (CaseState.NOT_ACCEPTED, "stopped"),
        (CaseState.NEEDS_SUPPLEMENT, "supplement"),
        (CaseState.ACCEPTED, "usual"),
        (CaseState.COLLECTED, "collected"),
        ("of_a_newer_hub", "other"),
    ],
)
def test_what_comes_next_is_said_by_what_is_true(counter: Counter, state: str, expected: str) -> None:
    service = counter.machine.catalogue.services["T01"]
    said = {
        "offline": service.what_next_offline,
        "usual": service.what_next,
        **{name: text(f"slip.next_{name}") for name in ("stopped", "supplement", "collected", "other")},
    }
    assert slip._what_next(service, state) == said[expected]
    assert len({each.zh for each in said.values()}) == len(said)


@pytest.mark.parametrize(
    ("state", "is_paid", "told"),
    [
        (CaseState.NOT_ACCEPTED, True, True),
        (CaseState.NOT_ACCEPTED, False, False),
        # What was taken and is refused later was worked on: nobody owes its fee back.
        (CaseState.REFUSED, True, False),
        (CaseState.ACCEPTED, True, False),
    ],
)
def test_who_has_paid_for_what_is_not_accepted_reads_that_the_money_goes_back(
    counter: Counter, state: CaseState, is_paid: bool, told: bool
) -> None:
    journey = Journey(counter.visit, counter.machine.catalogue.services["E01"], new_id())
    journey.state = state
    if is_paid:
        counter.visit.paid.add(journey.case_id)
    assert (text("slip.next_paid") in slip._next_of_all([journey])) is told
    assert (text("result.not_accepted_paid").zh in str(file._result_blocks(journey))) is told


def test_a_fee_is_the_sum_and_says_when(counter: Counter) -> None:
    service = counter.machine.catalogue.services["T01"]
    when = service.fees[0].when
    two = msgspec.structs.replace(service, fees=(*service.fees, Fee(amount_fen=250, basis="x", when=when)))
    assert slip.fee_words(two).zh == text("review.amount", yuan="12.5", when=when).zh
    assert slip.fee_words(msgspec.structs.replace(service, fees=())) == text("review.free")


async def test_the_slip_masks_the_person_and_has_number_and_code(counter: Counter, journeys: list[Journey]) -> None:
    counter.visit.card, counter.visit.identity = ZHAO, Identity("guide", "confirmed", guide_ref="g")
    counter.steps("T01", "identify", "file", "slip")
    async with counter.doing("T01"):
        await counter.first("result")
        page = await counter.touch("next", "slip")
        assert page.is_free
        counter.last("next")
    (paper,) = counter.papers
    assert journeys[0].receipt_number in paper.replace(" ", "").replace("\N{NO-BREAK SPACE}", "")
    assert "赵*福" in paper
    assert ZHAO.number not in paper
    assert "副本" not in paper


@pytest.mark.parametrize(("way", "said"), [("a", "到窗口领取"), ("b", "")])
async def test_the_slip_says_what_the_chosen_way_leads_to_and_no_other(counter: Counter, way: str, said: str) -> None:
    counter.visit.card, counter.visit.identity = ZHAO, Identity("guide", "confirmed", guide_ref="g")
    choice = question("way")
    choice["options"][0]["what_next"] = {"zh": "到窗口领取", "en": "At the counter"}
    counter.steps("T01", "identify", choice, "file")
    service = counter.machine.catalogue.services["T01"]
    journey = Journey(counter.visit, service, "case", records={1: Record({"way": way})}, state=CaseState.ACCEPTED)
    assert slip._next_of(journey).zh == (said or service.what_next.zh)


# -- the face -----------------------------------------------------------------------------------------------------


def at_verify(machine: Any) -> Journey:
    service = machine.catalogue.services["T01"]
    at = next(i for i, step in enumerate(service.steps) if step.kind == "verify")
    visit = Visit(machine, Settings())
    visit.card = LI
    return Journey(visit, service, "case", "9" * 24, position=at)


async def test_who_was_compared_in_this_visit_is_not_compared_again(machine: Any) -> None:
    journey = at_verify(machine)
    journey.visit.identity, journey.visit.portrait = Identity("face", "pass", 0.3, "test"), b"x"
    assert await verify.step(journey, journey.service.steps[journey.position]) is Outcome.SKIP  # type: ignore[arg-type]
    assert journey.parts == {"face": b"x"}, "it goes with this case too"


@pytest.mark.parametrize("lacks", ["models", "photo", "card"])
async def test_without_camera_or_photo_only_a_guide_confirms(
    machine: Any, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    told: list[str] = []

    async def confirm(_journey: Journey, reason: Any, *_others: Any) -> Outcome:
        told.append(reason.zh)
        return Outcome.LEAVE

    journey = at_verify(machine)
    monkeypatch.setattr("kiosk.journey.guide.confirm", confirm)
    machine.vision_ready = lambda: lacks != "models"
    portrait: Any = SimpleNamespace(png=lambda: b"")
    card = LI if lacks == "photo" else replace(LI, portrait=portrait)
    journey.visit.card = None if lacks == "card" else card
    assert await verify.step(journey, journey.service.steps[journey.position]) is Outcome.LEAVE  # type: ignore[arg-type]
    assert told == [text("face.unavailable").zh]
    assert (journey.visit.identity, journey.parts) == (None, {})
