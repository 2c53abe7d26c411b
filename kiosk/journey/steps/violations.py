"""Violations of own cars and cars on record: shown, settled one after the other, or their fines chosen to pay.

Nothing is settled here: what was agreed to is an answer, and the department decides. Live only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import FEN, About, Asked, Service, StepSpec, Use
from kiosk.hub_link.client import Answered
from kiosk.journey import violation_words as words
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.bounds import DECISION_DIGITS
from kiosk.messages.typed import digits
from kiosk.messages.violations import Violation, ViolationsAnswer, ViolationsQuestion
from kiosk.pages import Action, Answer, Block, Choice, Choices, Fact, Facts, Field, Hero, Notice, Paragraph
from kiosk.printing import print_sheet
from kiosk.slips.model import Row
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import message

_SETTLED, _FINES, _FINES_FEN = "violations", "decisions", f"decisions{FEN}"
_ANOTHER, _ALL = "another", "all"
_MOST_SHOWN = 20


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``show`` all; ``settle``: choose, be told, agree; ``pay``: choose a fine, or type the number of its decision.

    ``decision``, after the case was filed: the decisions of what was settled, to be printed.
    """

    about: ClassVar[About] = About(
        mark="fill", offline="ends", devices=(Use(device="receipt_printer", lost="goes_on"),)
    )

    mode: Literal["show", "settle", "pay", "decision"]

    def asks_for(self) -> tuple[Asked, ...]:
        """Numbers with blanks between them: of violations, or of decisions and what they cost together."""
        if self.mode == "pay":
            return (Asked(_FINES, ("mode",)), Asked(_FINES_FEN, ("mode",), is_reviewed=False))
        return (Asked(_SETTLED, ("mode",)),) if self.mode == "settle" else ()

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """They are those of a person; what was settled was filed before it is shown."""
        before = service.kinds_before(at)
        if "identify" not in before:
            yield Finding((), "violations needs a card that was read", "put a step identify before it")
        if self.mode == "decision" and "file" not in before:
            yield Finding(("mode",), "nothing is decided before it is filed", "put it after the step file")


async def review_rows(journey: Journey, spec: Spec) -> list[Fact]:
    """What was agreed to, or what is to be paid."""
    label = text("violations.fine" if spec.mode == "pay" else "violations.settles")
    return [
        Fact(label=label, value=journey.labels[each.name])
        for each in spec.asks_for()
        if each.is_reviewed and each.name in journey.labels
    ]


def slip_rows(journey: Journey, spec: Spec) -> list[Row]:
    """On paper: which fines were paid."""
    is_fine = spec.mode == "pay" and _FINES in journey.labels
    return [Row(text("violations.fine"), journey.labels[_FINES])] if is_fine else []


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Ask, then what the mode says."""
    found = await _ask_violations(journey)
    if isinstance(found, Outcome):
        return found
    if spec.mode == "settle":
        return await _settle(journey, found)
    if spec.mode == "pay":
        return await _pay(journey, found)
    if spec.mode == "decision":
        chosen = journey.answers.get(_SETTLED, "").split()
        decided = [each for each in found.violations if each.number in chosen and each.decision_number]
        return await _show(journey, decided, text("violations.decision_title")) if decided else Outcome.SKIP
    return await _show(journey, found.violations, text("violations.title"), found.unreadable)


async def _ask_violations(journey: Journey, decision_number: str | None = None) -> ViolationsAnswer | Outcome:
    number = journey.visit.card.number if journey.visit.card else ""
    hero = Hero(icon="magnifying-glass", level="info", title=text("violations.asking"), busy=True)
    page = journey.page("checking", text("violations.title"), hero, actions=journey.bar(NOTHING), timeout_s=0)
    question = ViolationsQuestion(number, decision_number)
    reply = await journey.visit.show_while(page, lambda: journey.ask("violations", question))
    if isinstance(reply, Answer):
        return Outcome.BACK
    return reply.payload if isinstance(reply, Answered) else Outcome.OFFLINE


async def _show(journey: Journey, items: list[Violation], title: Text, unreadable: int = 0) -> Outcome:
    if not items and not unreadable:
        await journey.visit.tell(
            message("no_violations", "check-circle", "ok", text("violations.none"), text("violations.none_lead"))
        )
        return Outcome.NEXT
    blocks: list[Block] = [words.facts(each, journey.service) for each in items[:_MOST_SHOWN]]
    sheets = [words.section(block) for block in blocks if isinstance(block, Facts)]
    if left := unreadable + len(items[_MOST_SHOWN:]):
        blocks.append(Notice(level="info", icon="info", text=text("violations.more", n=left)))
    print_it = Action(id="print", label=text("violations.print"), style="secondary", icon="printer")
    done = Action(id="next", label=text("action.done"), style="primary")
    while True:
        page = journey.page("violations", title, *blocks, actions=(journey.bar()[0], print_it, done))
        if (await journey.visit.show(page)).action != "print":
            return Outcome.NEXT
        await print_sheet(journey.visit, title, journey.service, sheets)


async def _settle(journey: Journey, found: ViolationsAnswer) -> Outcome:
    """One after the other while the points allow it; what was agreed to before counts with the next."""
    chosen: list[Violation] = []
    while True:
        points = found.points + sum(each.points for each in chosen)
        left = [each for each in found.violations if _can_settle(each, points) and each not in chosen]
        if not left and not chosen:
            return await _nothing(journey, found)
        picked = await _choose(journey, left, chosen) if left else None
        if isinstance(picked, Outcome):
            return picked
        if picked is None:
            numbers, acts = " ".join(each.number for each in chosen), [each.act for each in chosen]
            total = text(
                "violations.settled_total", n=len(acts), yuan=words.yuan(sum(each.fine_fen for each in chosen))
            )
            journey.keep(_SETTLED, numbers, total)
            return Outcome.NEXT
        if await _agrees(journey, picked, points):
            chosen.append(picked)


def _can_settle(each: Violation, points: int) -> bool:
    return each.state == "open" and not each.reasons and (not each.points or points + each.points < words.TOTAL)


async def _nothing(journey: Journey, found: ViolationsAnswer) -> Outcome:
    """Each with its reasons, and where they are settled instead."""
    waiting = [each for each in found.violations if each.state == "open"]
    await _show(journey, waiting, text("violations.at_window"))
    return Outcome.LEAVE


async def _choose(journey: Journey, left: list[Violation], chosen: list[Violation]) -> Violation | Outcome | None:
    """The next one; None when the person has enough."""
    options = [words.choice(each) for each in left[:_MOST_SHOWN]]
    if chosen:
        options.append(Choice(id="", label=text("violations.enough")))
    block = Choices(name=_SETTLED, label=NOTHING, options=tuple(options), selected=options[0].id)
    title = text("violations.choose_more" if chosen else "violations.choose")
    answer = await journey.visit.show(journey.page("violation", title, block, lead=text("violations.choose_lead")))
    if answer.action == "back":
        return Outcome.BACK
    wanted = answer.values.get(_SETTLED)
    return next((each for each in left if each.number == wanted), None) if wanted or chosen else left[0]


async def _agrees(journey: Journey, each: Violation, points: int) -> bool:
    """The facts, the article, the rights and what follows; who does not agree is told of the window."""
    told = tuple(Paragraph(text=one) for one in words.duties(each, points))
    actions = (
        *journey.bar(NOTHING),
        Action(id="object", label=text("violations.object"), style="secondary"),
        Action(id="next", label=text("violations.accept"), style="primary"),
    )
    page = journey.page("violation_told", text("violations.told_title"), words.facts(each), *told, actions=actions)
    answer = await journey.visit.show(page)
    if answer.action == "object":
        await journey.visit.tell(
            message("violation_objected", "info", "info", text("violations.objected"), text("violations.objected_lead"))
        )
    return answer.action == "next"


async def _pay(journey: Journey, found: ViolationsAnswer) -> Outcome:
    fines = [each for each in found.violations if each.state == "decided" and each.decision_number][:_MOST_SHOWN]
    options = _fine_options(fines)
    picked = options[0].id
    while True:
        if fines:
            block = Choices(name=_FINES, label=NOTHING, options=tuple(options), selected=picked)
            answer = await journey.visit.show(journey.page("fine", text("violations.which_fine"), block))
            if answer.action == "back":
                return Outcome.BACK
            picked = str(answer.values.get(_FINES) or picked)
        chosen = [each for each in fines if picked in (_ALL, each.decision_number)]
        found_fine = chosen or await _fine_by_number(journey)
        if isinstance(found_fine, list):
            _keep_fines(journey, found_fine)
            return Outcome.NEXT
        if found_fine is not Outcome.BACK or not fines:
            return found_fine


def _fine_options(fines: list[Violation]) -> list[Choice]:
    """All of one's own at once, one of them, or one by its number."""
    amount = words.yuan(sum(map(words.due_fen, fines)))
    all_of_them = Choice(id=_ALL, label=text("violations.all_fines", n=len(fines), yuan=amount))
    by_number = Choice(id=_ANOTHER, label=text("violations.by_number"))
    return [*([all_of_them] if len(fines) > 1 else []), *map(words.fine_choice, fines), by_number]


def _keep_fines(journey: Journey, fines: list[Violation]) -> None:
    due_fen = sum(map(words.due_fen, fines))
    label = text("violations.all_fines", n=len(fines), yuan=words.yuan(due_fen))
    if len(fines) == 1:
        label = text("violations.fine_choice", number=fines[0].decision_number, yuan=words.yuan(due_fen))
    journey.keep(_FINES, " ".join(each.decision_number for each in fines), label)
    journey.keep(_FINES_FEN, str(due_fen), NOTHING)


async def _fine_by_number(journey: Journey) -> list[Violation] | Outcome:
    """Somebody's fine by the number on its decision: what it costs, and nothing of whose it is."""
    value, error = "", NOTHING
    while True:
        field = Field(
            name="number",
            label=text("violations.decision"),
            keys="digits",
            value=value,
            error=error,
            hint=text("violations.decision_hint"),
            max_length=DECISION_DIGITS[-1],
        )
        answer = await journey.visit.show(journey.page("fine_number", text("violations.fine_number"), field))
        if answer.action == "back":
            return Outcome.BACK
        value = digits(str(answer.values.get("number", "")))
        if len(value) not in DECISION_DIGITS:
            error = text("violations.decision_length", n=len(value))
            continue
        found = await _ask_violations(journey, value)
        if isinstance(found, Outcome):
            return found
        fine = next(iter(found.violations), None)
        if fine is None:
            error = text("violations.fine_unknown")
        elif fine.state == "paid":
            error = text("violations.fine_paid")
        elif await _is_right(journey, fine):
            return [fine]


async def _is_right(journey: Journey, fine: Violation) -> bool:
    rows = [Fact(label=label, value=value) for label, value in words.fine_rows(fine)]
    amount = same(words.yuan(words.due_fen(fine)))
    block = Facts(rows=(*rows, Fact(label=text("violations.to_pay"), value=amount)))
    answer = await journey.visit.show(journey.page("fine_found", text("violations.fine_found"), block))
    return answer.action == "next"
