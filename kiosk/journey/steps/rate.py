"""Rate 好差评: five grades, none chosen beforehand, skippable, once per case; reasons only for the two bad ones.

Source: 国办发〔2019〕51号, GB/T 39734-2020 (一次一评). Nobody there means "not rated", never "satisfied".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from kiosk.cases import new_id, unbroken
from kiosk.catalogue.model import About, StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey.by_number import ByNumber, ask_card, ask_city, by_number
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.kept import kept_by_card
from kiosk.journey.whole import Whole
from kiosk.messages.content import Rating, encode_content
from kiosk.messages.questions import ProgressQuestion
from kiosk.pages import Action, Choice, Choices, Grades, Page
from kiosk.text import NOTHING, Text, text
from kiosk.visit import FiledCase, message

GRADES = ((5, "smiley-wink"), (4, "smiley"), (3, "smiley-meh"), (2, "smiley-sad"), (1, "smiley-x-eyes"))
REASONS = ("slow", "unclear", "machine", "refused", "other")


class Rated(NamedTuple):
    """The case that is rated, and what proves that it is the person's: neither in the visit that filed it."""

    case: FiledCase
    slip_code: str = ""
    id_number: str = ""


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        offline="goes_on", is_free=True, files=True, is_extra=True, together="once", pages=0, taps=0
    )


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Rate what this visit filed or asked; from the home page, what a slip or a card opens."""
    rated = await _what(journey)
    if rated is None:
        return Outcome.BACK
    return await _ask_grades(journey, _page(journey, rated.case), [rated])


async def together(whole: Whole, _spec: Spec) -> Outcome:
    """One question for a plan: its answer is that of every case that was filed."""
    done = [part for part in whole.going if part.filed] or whole.going[:1]
    rated = [Rated(FiledCase(part.case_id, part.receipt_number, part.service.key)) for part in done]
    return await _ask_grades(whole, _rate_page(whole, text("rate.lead", service=whole.service.name)), rated)


async def _ask_grades(journey: Journey, page: Page, rated: Sequence[Rated]) -> Outcome:
    answer = await journey.visit.show(page)
    if not answer.action.startswith("grade:"):
        return Outcome.NEXT
    grade = int(answer.action.removeprefix("grade:"))
    reasons = await _reasons(journey) if grade <= 2 else []
    for each in rated:
        await _file(journey, each, grade, reasons)
        journey.visit.rated.add(each.case.receipt_number)
    await journey.visit.tell(
        message("rated", "heart", "ok", text("rate.thanks"), text("rate.thanks_lead"), timeout_s=30.0)
    )
    return Outcome.NEXT


def _page(journey: Journey, case: FiledCase) -> Page:
    """The question, with the name of what is rated; of a number that nobody could look up now, with the number."""
    service = journey.machine.catalogue.services.get(case.service)
    if service:
        return _rate_page(journey, text("rate.lead", service=service.name))
    return _rate_page(journey, text("rate.lead_number"), text("rate.number", number=unbroken(case.receipt_number)))


def _rate_page(journey: Journey, asked: Text, lead: Text = NOTHING) -> Page:
    return journey.page(
        "rate",
        text("rate.title"),
        Grades(label=asked, actions=_grades()),
        lead=lead,
        actions=(Action(id="skip", label=text("rate.skip"), style="secondary"),),
        timeout_s=45.0,
    )


def _grades() -> tuple[Action, ...]:
    return tuple(Action(id=f"grade:{n}", label=text(f"rate.grade_{n}"), icon=icon) for n, icon in GRADES)


async def _what(journey: Journey) -> Rated | None:
    """The case of this journey; in the service 好差评 itself, what this visit filed, or one that is opened."""
    if any(s.kind != "rate" for s in journey.service.steps):
        return Rated(FiledCase(journey.case_id, journey.receipt_number, journey.service.key))
    rated = journey.visit.rated
    if unrated := [filed for filed in journey.visit.filed if filed.receipt_number not in rated]:
        return Rated(unrated[-1])
    if journey.visit.filed and (await journey.visit.show(_all_rated_page())).action != "number":
        return None
    error = NOTHING
    while found := await by_number(journey, text("rate.which"), error):
        if found.number in rated:
            error = text("rate.already")
            continue
        opened = await _rated_by_number(journey, found)
        if opened is not None:
            return opened
        error = text("rate.not_found" if found.verdict == "unknown" else "rate.not_yours")
    return None


def _all_rated_page() -> Page:
    another = Action(id="number", label=text("rate.another"), style="secondary", icon="hash")
    done = Action(id="next", label=text("action.done"), style="primary")
    return message("all_rated", "heart", "ok", text("rate.all"), text("rate.all_lead"), another, done)


async def _rated_by_number(journey: Journey, found: ByNumber) -> Rated | None:
    """The case with the key of its service, "" where only the hub could tell now; None: there is nothing to rate."""
    if found.verdict == "closed":
        return await _by_card(journey, found.number)
    if found.verdict == "unknown" or not found.code:
        return None
    told = [*(case.service for case in found.cases or []), *(kept.service for kept in found.kept)]
    service = next((each for each in told if each), "")
    return Rated(FiledCase(new_id(), found.number, service), slip_code=found.code)


async def _by_card(journey: Journey, number: str) -> Rated | None:
    card = await ask_card(journey)
    if card is None:
        return None
    reply = await ask_city(journey, ProgressQuestion(id_number=card.number))
    told = {c.receipt_number: c.service for c in reply.payload.cases} if isinstance(reply, Answered) else {}
    mine = {k.number: k.service for k in await kept_by_card(journey.machine, card)} | told
    if number not in mine:
        return None
    return Rated(FiledCase(new_id(), number, mine[number]), id_number=card.number)


async def _reasons(journey: Journey) -> list[str]:
    options = tuple(Choice(id=r, label=text(f"rate.reason_{r}")) for r in REASONS)
    page = journey.page(
        "rate_reason",
        text("rate.why"),
        Choices(name="reason", label=NOTHING, options=options),
        lead=text("rate.why_lead"),
        actions=(
            Action(id="skip", label=text("rate.no_reason"), style="secondary"),
            Action(id="next", label=text("action.send"), style="primary"),
        ),
    )
    answer = await journey.visit.show(page)
    chosen = answer.values.get("reason", "")
    return [chosen] if answer.action == "next" and chosen else []


async def _file(journey: Journey, rated: Rated, grade: int, reasons: list[str]) -> None:
    case = rated.case
    rating = Rating(
        receipt_number=case.receipt_number,
        service=case.service,
        grade=grade,
        reasons=reasons,
        catalogue_version=journey.machine.catalogue.version,
        slip_code=rated.slip_code,
        id_number=rated.id_number,
    )
    await journey.machine.filing.file(
        kind="rating",
        key=new_id(),
        case_id=case.case_id,
        receipt_number=case.receipt_number,
        parts={"form": encode_content(rating)},
    )
