"""A case by its receipt number. The number can be guessed: the slip's code or the card opens it."""

from __future__ import annotations

from typing import Literal

import msgspec

from devices.id_card_reader.card import IdCard
from kiosk.card_reading import read_card
from kiosk.cases import SLIP_CODE_DIGITS, is_slip_code
from kiosk.hub_link.client import Answered, Refused, Unreachable
from kiosk.journey.asking import ask_receipt_number
from kiosk.journey.engine import Journey
from kiosk.journey.kept import Kept, has_slip, kept_by_number
from kiosk.messages.questions import CaseProgress, ProgressAnswer, ProgressQuestion
from kiosk.messages.typed import digits
from kiosk.pages import Action, Answer, CardPrompt, Field, Hero, Page
from kiosk.text import NOTHING, Text, text

Verdict = Literal["open", "closed", "unknown", "offline", "wait", "back"]


class ByNumber(msgspec.Struct, frozen=True, kw_only=True):
    """What a number led to. ``cases`` is the hub's answer, None without one; ``kept`` what only this machine has.

    Both are empty unless ``verdict`` is ``open``. ``offline``: nobody could tell; ``code`` is "" when none was typed.
    """

    number: str
    code: str
    verdict: Verdict
    cases: list[CaseProgress] | None = None
    kept: list[Kept] = []
    wait_s: int = 0
    unreadable: int = 0


async def by_number(
    journey: Journey, title: Text, error: Text = NOTHING, *, card_opens: bool = True
) -> ByNumber | None:
    """Asks for number and code until they open something, or nobody knows the number; None for back.

    ``closed``: the person has no code and uses the card, unless the card has been looked at (not ``card_opens``).
    """
    while number := await ask_receipt_number(journey, title, error):
        error = NOTHING
        found = await _with_code(journey, number, card_opens)
        if found is not None:
            return found
    return None


async def _with_code(journey: Journey, number: str, card_opens: bool) -> ByNumber | None:
    """The same for one number; None: another number."""
    wrong = NOTHING
    while (code := await _ask_code(journey, wrong)) is not None:
        wrong = NOTHING
        found = await _look_up(journey, number, code)
        if found.verdict == "wait":
            if await _told_to_wait(journey, found.wait_s, card_opens) == "card":
                return msgspec.structs.replace(found, verdict="closed")
        elif found.verdict != "closed":
            return None if found.verdict == "back" else found
        elif code:
            wrong = text("slip_code.wrong")
        elif (card_opens and journey.visit.card) or await _told_closed(journey, card_opens) == "card":
            return found
    return None


async def _ask_code(journey: Journey, error: Text) -> str | None:
    """The code with a right check digit, "" when the slip has none; None for back."""
    value = ""
    while True:
        field = Field(
            name="slip_code",
            label=text("slip_code.label"),
            keys="digits",
            value=value,
            error=error,
            hint=text("slip_code.hint"),
            max_length=SLIP_CODE_DIGITS,
        )
        exit_, back, go_on = journey.bar()
        without = Action(id="no_code", label=text("slip_code.none"), style="secondary")
        page = journey.page(
            "slip_code",
            text("slip_code.title"),
            field,
            lead=text("slip_code.lead"),
            actions=(exit_, back, without, go_on),
        )
        answer = await journey.visit.show(page)
        value = digits(str(answer.values.get("slip_code", "")))
        # It is asked for anew each time, never filled in from before.
        journey.visit.typed.get(journey.service.key, {}).pop("slip_code", None)
        if answer.action != "next":
            return "" if answer.action == "no_code" else None
        if is_slip_code(value):
            return value
        error = text("slip_code.wrong") if len(value) == SLIP_CODE_DIGITS else text("slip_code.length", n=len(value))


async def _look_up(journey: Journey, number: str, code: str) -> ByNumber:
    """What hub and machine say; a try that opens nothing is counted, and too many wait."""
    machine = journey.machine
    if wait_s := machine.slip_tries.wait_s():
        return ByNumber(number=number, code=code, verdict="wait", wait_s=wait_s)
    reply = await ask_city(journey, ProgressQuestion(receipt_number=number, slip_code=code or None))
    if isinstance(reply, Answer):
        return ByNumber(number=number, code=code, verdict="back")
    found = await _judged_reply(journey, number, code, reply.payload if isinstance(reply, Answered) else None)
    if found.verdict != "open":
        machine.slip_tries.miss()
    return found


async def _judged_reply(journey: Journey, number: str, code: str, told: ProgressAnswer | None) -> ByNumber:
    machine = journey.machine
    # A hub of before tells a case for its number alone: without the code that is none of ours.
    cases = [case for case in told.cases if case.receipt_number == number] if told and code else []
    kept = await kept_by_number(machine, number)
    if cases or (code and kept and await has_slip(machine, number, code)):
        waiting = [] if cases else kept
        shown = cases if told else None
        unreadable = told.unreadable if told else 0
        return ByNumber(number=number, code=code, verdict="open", cases=shown, kept=waiting, unreadable=unreadable)
    if told and told.wait_s:
        return ByNumber(number=number, code=code, verdict="wait", wait_s=told.wait_s)
    if kept or (told and (told.known or told.cases or told.unreadable)):
        return ByNumber(number=number, code=code, verdict="closed")
    return ByNumber(number=number, code=code, verdict="unknown" if told else "offline")


async def _told_closed(journey: Journey, card_opens: bool) -> str:
    """The number is known, and that is all that it tells; "card" or back."""
    lead = text("slip_code.known_lead" if card_opens else "slip_code.known_not_yours")
    hero = Hero(icon="lock-key", level="info", title=text("slip_code.known"), lead=lead)
    return await _tell_on_page(journey, "known", hero, card_opens)


async def _told_to_wait(journey: Journey, wait_s: int, card_opens: bool) -> str:
    lead = text("slip_code.wait_lead", minutes=-(-wait_s // 60))
    hero = Hero(icon="hourglass-medium", level="info", title=text("slip_code.wait"), lead=lead)
    return await _tell_on_page(journey, "slip_wait", hero, card_opens)


async def _tell_on_page(journey: Journey, kind: str, hero: Hero, card_opens: bool) -> str:
    card = Action(id="card", label=text("progress.by_card"), style="primary", icon="identification-card")
    actions = (*journey.bar(NOTHING), card) if card_opens else journey.bar(NOTHING)
    return (await journey.visit.show(journey.page(kind, journey.service.name, hero, actions=actions))).action


async def ask_city(journey: Journey, question: ProgressQuestion) -> Answer | Answered | Refused | Unreachable:
    """What the hub says, behind a page that shows that it is asked; the person's answer when they do not wait."""
    hero = Hero(icon="magnifying-glass", level="info", title=text("progress.asking"), busy=True)
    page = journey.page("checking", journey.service.name, hero, actions=journey.bar(NOTHING), timeout_s=0)
    return await journey.visit.show_while(page, lambda: journey.ask("progress", question))


async def ask_card(journey: Journey) -> IdCard | None:
    """The card of the person, kept for the visit; None for back."""
    if journey.visit.card is not None:
        return journey.visit.card
    card = await read_card(journey.visit, card_page(journey))
    if isinstance(card, Answer):
        return None
    journey.visit.take(card)
    return card


def card_page(journey: Journey) -> Page:
    """Asks for the card."""
    prompt = CardPrompt(title=text("card.title"), lead=text("card.lead"))
    return journey.page("card", text("card.title"), prompt, actions=journey.bar(NOTHING))
