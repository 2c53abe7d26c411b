"""Rate 好差评: five grades, none chosen beforehand, skippable, once per case; reasons only for the two bad ones.

Source: 国办发〔2019〕51号, GB/T 39734-2020 (一次一评). Nobody there means "not rated", never "satisfied".
"""

from __future__ import annotations

from kiosk.cases import new_id, unbroken
from kiosk.catalogue.model import StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey.asking import ask_receipt_number
from kiosk.journey.engine import About, Journey, Outcome
from kiosk.kept import kept_by_number
from kiosk.messages.content import Rating, encode_content
from kiosk.messages.questions import ProgressQuestion
from kiosk.pages import Action, Answer, Choice, Choices, Grades, Hero, Page
from kiosk.text import NOTHING, Text, text
from kiosk.visit import FiledCase, message

ABOUT = About(mark="", offline="goes on: the rating is kept in the outbox")
GRADES = ((5, "smiley-wink"), (4, "smiley"), (3, "smiley-meh"), (2, "smiley-sad"), (1, "smiley-x-eyes"))
REASONS = ("slow", "unclear", "machine", "refused", "other")


async def step(journey: Journey, _spec: StepSpec) -> Outcome:
    """Rate what this visit filed or asked; from the home page, what a receipt number names."""
    case = await _what(journey)
    if case is None:
        return Outcome.BACK
    answer = await journey.visit.show(_page(journey, case))
    if not answer.action.startswith("grade:"):
        return Outcome.NEXT
    grade = int(answer.action.removeprefix("grade:"))
    reasons = await _reasons(journey) if grade <= 2 else []
    await _file(journey, case, grade, reasons)
    journey.visit.rated.add(case.receipt_number)
    await journey.visit.tell(
        message("rated", "heart", "ok", text("rate.thanks"), text("rate.thanks_lead"), timeout_s=30.0)
    )
    return Outcome.NEXT


def _page(journey: Journey, case: FiledCase) -> Page:
    """The question, with the name of what is rated; of a number that nobody could look up now, with the number."""
    service = journey.machine.catalogue.services.get(case.service)
    asked = text("rate.lead", service=service.name) if service else text("rate.lead_number")
    return journey.page(
        "rate",
        text("rate.title"),
        Grades(label=asked, actions=_grades()),
        lead=NOTHING if service else text("rate.number", number=unbroken(case.receipt_number)),
        actions=(Action(id="skip", label=text("rate.skip"), style="secondary"),),
        timeout_s=45.0,
    )


def _grades() -> tuple[Action, ...]:
    return tuple(Action(id=f"grade:{n}", label=text(f"rate.grade_{n}"), icon=icon) for n, icon in GRADES)


async def _what(journey: Journey) -> FiledCase | None:
    """The case of this journey; in the service 好差评 itself, what this visit filed, or a number that is entered."""
    if any(s.kind != "rate" for s in journey.service.steps):
        return FiledCase(journey.case_id, journey.receipt_number, journey.service.key)
    rated = journey.visit.rated
    if unrated := [filed for filed in journey.visit.filed if filed.receipt_number not in rated]:
        return unrated[-1]
    if journey.visit.filed and (await journey.visit.show(_all_rated_page())).action != "number":
        return None
    error = NOTHING
    while number := await ask_receipt_number(journey, text("rate.which"), error):
        if number in rated:
            error = text("rate.already")
            continue
        service, error = await _service_of(journey, number)
        if service is not None:
            return FiledCase(new_id(), number, service)
    return None


def _all_rated_page() -> Page:
    another = Action(id="number", label=text("rate.another"), style="secondary", icon="hash")
    done = Action(id="next", label=text("action.done"), style="primary")
    return message("all_rated", "heart", "ok", text("rate.all"), text("rate.all_lead"), another, done)


async def _service_of(journey: Journey, number: str) -> tuple[str | None, Text]:
    """The key of the service that a number belongs to, "" where only the hub could tell now; or None and why not."""
    hero = Hero(icon="magnifying-glass", level="info", title=text("progress.asking"), busy=True)
    page = journey.page("checking", journey.service.name, hero, actions=journey.bar(NOTHING), timeout_s=0)
    question = ProgressQuestion(receipt_number=number)
    reply = await journey.visit.show_while(page, lambda: journey.machine.ask("progress", question))
    if isinstance(reply, Answer):
        return None, NOTHING
    told = [c.service for c in reply.payload.cases if c.receipt_number == number] if isinstance(reply, Answered) else []
    kept = [k.service for k in await kept_by_number(journey.machine, number)]
    if isinstance(reply, Answered) and not told and not kept:
        return None, text("rate.not_found")
    return next((service for service in (*told, *kept) if service), ""), NOTHING


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


async def _file(journey: Journey, case: FiledCase, grade: int, reasons: list[str]) -> None:
    rating = Rating(
        receipt_number=case.receipt_number,
        service=case.service,
        grade=grade,
        reasons=reasons,
        catalogue_version=journey.machine.catalogue.version,
    )
    await journey.machine.filing.file(
        kind="rating",
        key=new_id(),
        case_id=case.case_id,
        receipt_number=case.receipt_number,
        parts={"form": encode_content(rating)},
    )
