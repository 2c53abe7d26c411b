"""Name count 重名查询: how many people of the city have a name; nothing is told about any of them."""

from __future__ import annotations

import re
from typing import ClassVar

from kiosk.catalogue.model import About, StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.register import NameCountAnswer, NameCountQuestion
from kiosk.pages import Action, Answer, Field, Hero
from kiosk.text import NOTHING, Text, text

_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|·){1,29}")


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(mark="result", offline="ends", is_free=True, together="each", pages=2, taps=2)


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Ask for a name, show the number, ask for another."""
    typed, error = "", NOTHING
    while True:
        field = Field(
            name="full_name",
            label=text("name_count.label"),
            keys="text",
            value=typed,
            hint=text("name_count.hint"),
            error=error,
            max_length=30,
        )
        page = journey.page("name_count", text("name_count.title"), field, lead=text("name_count.lead"))
        answer = await journey.visit.show(page)
        if answer.action == "back":
            return Outcome.BACK
        typed = str(answer.values.get("full_name", "")).strip()
        error = NOTHING if _NAME.fullmatch(typed) else text("name_count.wrong")
        if not error:
            outcome = await _tell_count(journey, typed)
            if outcome is not Outcome.BACK:
                return outcome
            typed = ""


async def _tell_count(journey: Journey, name: str) -> Outcome:
    """BACK: another name."""
    hero = Hero(icon="magnifying-glass", level="info", title=text("name_count.asking"), busy=True)
    page = journey.page("checking", text("name_count.title"), hero, actions=journey.bar(NOTHING), timeout_s=0)
    reply = await journey.visit.show_while(page, lambda: journey.ask("name_count", NameCountQuestion(name)))
    if isinstance(reply, Answer):
        return Outcome.BACK
    if not isinstance(reply, Answered):
        return Outcome.OFFLINE
    again = Action(id="back", label=text("name_count.again"), style="secondary")
    done = Action(id="next", label=text("action.done"), style="primary")
    found = Hero(icon="users", level="ok", title=_words(reply.payload), lead=text("name_count.private"))
    shown = journey.page("name_count_result", text("name_count.title"), found, actions=(journey.bar()[0], again, done))
    return Outcome.BACK if (await journey.visit.show(shown)).action == "back" else Outcome.LEAVE


def _words(told: NameCountAnswer) -> Text:
    return text("name_count.few", n=told.below) if told.below else text("name_count.many", n=told.count)
