"""A telephone number that is proved by a code sent to it; without a way to send one it is kept as it was typed."""

from __future__ import annotations

import re

from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.fields.kinds import FormField, Wrong
from kiosk.journey.fields.numbers import PHONE
from kiosk.journey.fields.own_pages import OwnPages
from kiosk.messages.hall import CODE, CODE_DIGITS, PHONE_PROOF, CodeAnswer, CodeQuestion
from kiosk.messages.masking import mask_phone
from kiosk.messages.typed import digits
from kiosk.pages import Action, Answer, Field, Hero, Page
from kiosk.text import NOTHING, Text, same, text

_CODE = "sms_code"


async def _ask_phone(journey: Journey, title: Text, field: FormField) -> Outcome:
    """The number, then its code; "back" from the code goes to the number."""
    typed, error = journey.answers.get(field.name, ""), NOTHING
    while True:
        answer = await journey.visit.show(_number_page(journey, title, field, typed, error))
        typed = digits(str(answer.values.get(field.name, typed)))
        if answer.action == "back":
            return Outcome.BACK
        try:
            phone = PHONE.judge(field, typed, None)
        except Wrong as wrong:
            error = wrong.words
            continue
        if journey.answers.get(field.name) == phone and f"{field.name}{PHONE_PROOF}" in journey.answers:
            return Outcome.NEXT
        said = await _code_answer(journey, title, "send", phone)
        if isinstance(said, Outcome):
            return _unproved(journey, field, phone, said)
        if said.state == "unavailable":
            return _unproved(journey, field, phone, Outcome.NEXT)
        error = NOTHING if said.state == "sent" else text("code.wait", minutes=-(-said.wait_s // 60))
        if not error:
            outcome = await _prove(journey, title, field, phone)
            if outcome is not Outcome.BACK:
                return outcome


def _unproved(journey: Journey, field: FormField, phone: str, outcome: Outcome) -> Outcome:
    """Nobody could send a code: the department is told the number, and that nothing proves it."""
    if outcome is not Outcome.BACK:
        journey.keep(field.name, phone, text("code.unproved", phone=phone))
        journey.drop(f"{field.name}{PHONE_PROOF}")
    return outcome


async def _prove(journey: Journey, title: Text, field: FormField, phone: str) -> Outcome:
    error = NOTHING
    while True:
        answer = await journey.visit.show(_code_page(journey, title, phone, error))
        if answer.action == "back":
            return Outcome.BACK
        if answer.action == "again":
            said = await _code_answer(journey, title, "send", phone)
        else:
            typed = digits(str(answer.values.get(_CODE, "")))
            if not re.fullmatch(CODE, typed, re.ASCII):
                error = text("code.six")
                continue
            said = await _code_answer(journey, title, "check", phone, typed)
        if isinstance(said, Outcome):
            return _unproved(journey, field, phone, said)
        if said.state == "right":
            journey.keep(field.name, phone, text("code.proved", phone=phone))
            journey.keep(f"{field.name}{PHONE_PROOF}", said.proof, same(said.proof))
            return Outcome.NEXT
        error = _words(said)


def _words(said: CodeAnswer) -> Text:
    if said.state == "wrong":
        return text("code.wrong", n=said.left)
    if said.state == "wait":
        return text("code.wait", minutes=-(-said.wait_s // 60))
    known = {"sent": "code.sent_again", "spent": "code.spent", "late": "code.late"}
    return text(known.get(said.state, "code.late"))


async def _code_answer(journey: Journey, title: Text, action: str, phone: str, typed: str = "") -> CodeAnswer | Outcome:
    card = journey.visit.card
    question = CodeQuestion(action, phone, card.number if card else "", typed)  # pyright: ignore[reportArgumentType]
    hero = Hero(icon="device-mobile", level="info", title=text("code.asking"), busy=True)
    page = journey.page("checking", title, hero, actions=journey.bar(NOTHING), timeout_s=0)
    reply = await journey.visit.show_while(page, lambda: journey.ask("code", question))
    if isinstance(reply, Answer):
        return Outcome.BACK
    return reply.payload if isinstance(reply, Answered) else Outcome.OFFLINE


def _number_page(journey: Journey, title: Text, field: FormField, typed: str, error: Text) -> Page:
    block = Field(
        name=field.name,
        label=field.label,
        keys="phone",
        value=typed,
        hint=field.hint or text("field.phone_hint"),
        error=error,
        max_length=11,
    )
    send = journey.bar(text("code.send"))
    return journey.page("phone_number", title, block, lead=text("code.lead"), actions=send)


def _code_page(journey: Journey, title: Text, phone: str, error: Text) -> Page:
    block = Field(
        name=_CODE, label=text("code.label"), keys="digits", hint=text("code.hint"), error=error, max_length=CODE_DIGITS
    )
    again = Action(id="again", label=text("code.again"), style="secondary")
    exit_, back, forward = journey.bar()
    lead = text("code.sent", phone=mask_phone(phone))
    return journey.page("phone_code", title, block, lead=lead, actions=(exit_, back, again, forward))


PHONE_CODE = OwnPages(_ask_phone, asks_city=True, adds=("sms_proof",))
