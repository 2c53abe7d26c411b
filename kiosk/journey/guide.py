"""A guide confirms a person: by the guide's own card, a PIN, and their own eyes. Nobody confirms themselves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import ceil

import trio

from devices.id_card_reader.card import IdCard
from kiosk.card_reading import read_card
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.content import Identity
from kiosk.messages.masking import mask_name
from kiosk.pages import Action, Answer, CardPrompt, Field, Hero, Page
from kiosk.staff import MAX_DIGITS, Staff, is_same_person
from kiosk.text import NOTHING, Text, same, text


async def confirm(journey: Journey, reason: Text, person: IdCard | None = None, *others: Action) -> Outcome:
    """NEXT when a guide has confirmed the person, LEAVE when it is another one, BACK when nobody waits any more.

    ``person``: who it should be, by default the one who acts. SKIP: one of the ``others`` was touched.
    """
    visit = journey.visit
    person = person or visit.acting
    concerned = [each for each in (person, visit.card) if each is not None]
    lead = reason or text("guide.lead")
    journey.machine.guide_calls.call(visit.id)
    while True:
        prompt = CardPrompt(title=text("guide.tap"), lead=text("guide.tap_lead"))
        page = journey.page("guide", text("guide.title"), prompt, lead=lead, actions=(*journey.bar(NOTHING), *others))
        card = await read_card(visit, page)
        if isinstance(card, Answer):
            return Outcome.SKIP if card.action in {each.id for each in others} else Outcome.BACK
        staff = await journey.machine.staff.find(card)
        lead = await _refused(journey, staff, card, concerned)
        del card
        if staff is not None and not lead:
            lead = await _pin_trouble(journey, staff)
            if not lead:
                return await _compared(journey, staff, person)


async def _refused(journey: Journey, staff: Staff | None, card: IdCard, concerned: Sequence[IdCard]) -> Text:
    """Why the one whose card this is confirms nobody here: neither themselves, nor who acts for them."""
    if staff is None or staff.role != "guide":
        return text("guide.not_a_guide")
    for each in concerned:
        own = await journey.machine.staff.find(each)
        if is_same_person(each, card) or (own is not None and own.ref == staff.ref):
            await journey.machine.audit("guide_refused_self", guide=staff.ref, case_id=journey.case_id)
            return text("guide.own_case")
    return text("guide.no_pin") if concerned and staff.pin_state == "none" else NOTHING


async def _pin_trouble(journey: Journey, staff: Staff) -> Text:
    """Nothing after the right PIN; else why the guide's card is asked for again."""
    book, error = journey.machine.staff, NOTHING
    while (left_s := await book.locked_for_s(staff)) <= 0:
        answer = await journey.visit.show(_pin_page(journey, error))
        if answer.action == "back":
            return text("guide.lead")
        error = text("maintenance.pin_missing")
        if pin := str(answer.values.get("guide_pin", "")):
            # A try that was begun is written down to its end.
            right: object = False
            with trio.CancelScope(shield=True):
                right = await journey.visit.show_while(_checking_page(journey), partial(book.check_pin, staff, pin))
            if right is True:
                return NOTHING
            await journey.machine.audit("guide_pin_failed", guide=staff.ref)
            error = text("maintenance.pin_wrong")
    return text("guide.locked", minutes=ceil(left_s / 60))


async def _compared(journey: Journey, staff: Staff, person: IdCard | None) -> Outcome:
    answer = await journey.visit.show(_confirm_page(journey, mask_name(person.shown_name) if person else ""))
    if answer.action != "next":
        return Outcome.LEAVE
    journey.visit.identity = Identity("guide", "confirmed", guide_ref=staff.ref)
    await journey.machine.audit("guide_confirmed", guide=staff.ref, case_id=journey.case_id)
    return Outcome.NEXT


def _pin_page(journey: Journey, error: Text) -> Page:
    label = text("maintenance.pin_label")
    field = Field(name="guide_pin", label=label, keys="pin", error=error, max_length=MAX_DIGITS)
    return journey.page("guide_pin", text("guide.pin_title"), field, lead=text("maintenance.pin_lead"))


def _checking_page(journey: Journey) -> Page:
    hero = Hero(icon="lock", level="info", title=text("staff.checking"), busy=True)
    return journey.page("guide_checking", text("guide.pin_title"), hero, actions=(), timeout_s=0)


def _confirm_page(journey: Journey, person: str) -> Page:
    actions = (
        Action(id="leave", label=text("guide.not_same"), style="exit", icon="x-circle"),
        Action(id="next", label=text("guide.same"), style="primary", icon="check-circle"),
    )
    hero = Hero(
        icon="identification-badge",
        level="info",
        title=text("guide.confirm_title"),
        lead=text("guide.confirm_lead", person=same(person)),
    )
    return journey.page("guide_confirm", text("guide.title"), hero, actions=actions)
