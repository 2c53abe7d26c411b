"""Rate 好差评: five grades, none chosen beforehand, skippable, once per case; reasons only for the two bad ones.

Source: 国办发〔2019〕51号, GB/T 39734-2020 (一次一评). Nobody there means "not rated", never "satisfied".
"""

from __future__ import annotations

from kiosk.cases import is_receipt_number, new_id
from kiosk.catalogue.model import Service, StepSpec
from kiosk.journey.asking import ask_receipt_number
from kiosk.journey.engine import About, Journey, Outcome
from kiosk.messages.content import Rating, encode_content
from kiosk.pages import Action, Choice, Choices, Grades
from kiosk.text import NOTHING, text
from kiosk.visit import FiledCase, message

ABOUT = About(mark="", offline="goes on: the rating is kept in the outbox")
GRADES = ((5, "smiley-wink"), (4, "smiley"), (3, "smiley-meh"), (2, "smiley-sad"), (1, "smiley-x-eyes"))
REASONS = ("slow", "unclear", "machine", "refused", "other")


async def step(journey: Journey, _spec: StepSpec) -> Outcome:
    """Rate what this visit filed or asked; from the home page, what a receipt number names."""
    case = await _what(journey)
    if case is None:
        return Outcome.BACK
    service = journey.machine.catalogue.services.get(case.service, journey.service)
    answer = await journey.visit.show(
        journey.page(
            "rate",
            text("rate.title"),
            Grades(label=text("rate.lead", service=service.name), actions=_grades()),
            actions=(Action(id="skip", label=text("rate.skip"), style="secondary"),),
            timeout_s=45.0,
        )
    )
    if not answer.action.startswith("grade:"):
        return Outcome.NEXT
    grade = int(answer.action.removeprefix("grade:"))
    reasons = await _reasons(journey) if grade <= 2 else []
    await _file(journey, case, service, grade, reasons)
    await journey.visit.tell(
        message("rated", "heart", "ok", text("rate.thanks"), text("rate.thanks_lead"), timeout_s=30.0)
    )
    return Outcome.NEXT


def _grades() -> tuple[Action, ...]:
    return tuple(Action(id=f"grade:{n}", label=text(f"rate.grade_{n}"), icon=icon) for n, icon in GRADES)


async def _what(journey: Journey) -> FiledCase | None:
    """The case of this journey; in the service 好差评 itself, a receipt number that the person enters."""
    if any(s.kind != "rate" for s in journey.service.steps):
        return FiledCase(journey.case_id, journey.receipt_number, journey.service.key)
    if journey.visit.filed:
        return journey.visit.filed[-1]
    number = await ask_receipt_number(journey, text("rate.which"))
    return FiledCase(new_id(), number, "") if number and is_receipt_number(number) else None


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


async def _file(journey: Journey, case: FiledCase, service: Service, grade: int, reasons: list[str]) -> None:
    rating = Rating(
        receipt_number=case.receipt_number,
        service=case.service or service.key,
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
