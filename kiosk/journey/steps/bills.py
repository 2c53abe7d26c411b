"""Bills: what the department demands of this person, or of whose slip is typed, chosen to be paid. Live only.

Whoever pays for somebody else sees what it costs, and nothing of whose it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import FEN, About, Asked, Service, StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey.by_number import by_number
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.bills import MOST_BILLS, Bill, BillsQuestion
from kiosk.pages import Answer, Choice, Choices, Fact, Facts, Hero
from kiosk.slips.model import Row
from kiosk.text import NOTHING, Text, plain, same, text, worded

_BILLS, _BILLS_FEN = "bills", f"bills{FEN}"
_ALL, _ANOTHER = "all", "another"


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own; a step ``pay`` after it says ``bills = "bills"``."""

    about: ClassVar[About] = About(mark="fill", offline="ends", is_once=True, together="each")

    def asks_for(self) -> tuple[Asked, ...]:
        """The department's numbers with blanks between them, and what they come to."""
        return (Asked(_BILLS), Asked(_BILLS_FEN, is_reviewed=False))

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """They are somebody's, and are paid."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody is known whose bills they are", "put a step identify before it")
        if _BILLS not in [spec.billed for spec in service.steps[at:]]:
            yield Finding((), "nobody pays them", f'put a step pay with bills = "{_BILLS}" after it')


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """What is paid."""
    return [Fact(label=text("bills.pays"), value=journey.labels[_BILLS])] if _BILLS in journey.labels else []


def slip_rows(journey: Journey, _spec: Spec) -> list[Row]:
    """The same on paper."""
    return [Row(text("bills.pays"), journey.labels[_BILLS])] if _BILLS in journey.labels else []


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """One's own, all or one of them, or those of a case whose slip is in the hand."""
    own = await _ask_bills(journey)
    if isinstance(own, Outcome):
        return own
    while True:
        chosen = await _chosen_bill(journey, own) if own else _ANOTHER
        found = [bill for bill in own if chosen in (_ALL, bill.number)]
        told = found or (Outcome.BACK if chosen == "" else await _of_slip(journey))
        if isinstance(told, list):
            due_fen = sum(bill.due_fen for bill in told)
            journey.keep(_BILLS, " ".join(bill.number for bill in told), _words(told))
            journey.keep(_BILLS_FEN, str(due_fen), NOTHING)
            return Outcome.NEXT
        if told is not Outcome.BACK or not own or chosen == "":
            return told


async def _chosen_bill(journey: Journey, own: list[Bill]) -> str:
    """A bill's number, all of them, another one's; "" for back."""
    each = [Choice(id=bill.number, label=_what(bill), detail=_yuan(bill.due_fen)) for bill in own]
    everything = [Choice(id=_ALL, label=_words(own))] if len(own) > 1 else []
    options = (*everything, *each, Choice(id=_ANOTHER, label=text("bills.another")))
    block = Choices(name=_BILLS, label=NOTHING, options=options, selected=options[0].id)
    answer = await journey.visit.show(journey.page("bill", text("bills.which"), block))
    return "" if answer.action == "back" else str(answer.values.get(_BILLS) or options[0].id)


async def _of_slip(journey: Journey) -> list[Bill] | Outcome:
    """What is due of a case, by the number and the code of its slip."""
    error = NOTHING
    while (slip := await by_number(journey, text("bills.number"), error, card_opens=False)) is not None:
        if slip.verdict == "offline":
            return Outcome.OFFLINE
        found = await _ask_bills(journey, slip.number, slip.code) if slip.verdict == "open" else []
        if isinstance(found, Outcome):
            return found
        due = [bill for bill in found if bill.due_fen]
        error = text("bills.paid" if found else "bills.nothing")
        if due and await _is_right(journey, due):
            return due
        if due:
            error = NOTHING
    return Outcome.BACK


async def _ask_bills(
    journey: Journey, receipt_number: str | None = None, code: str | None = None
) -> list[Bill] | Outcome:
    number = journey.visit.card.number if journey.visit.card else ""
    hero = Hero(icon="magnifying-glass", level="info", title=text("bills.asking"), busy=True)
    page = journey.page("checking", journey.service.name, hero, actions=journey.bar(NOTHING), timeout_s=0)
    question = BillsQuestion(journey.service.key, number, receipt_number, code)
    reply = await journey.visit.show_while(page, lambda: journey.ask("bills", question))
    if isinstance(reply, Answer):
        return Outcome.BACK
    return reply.payload.bills[:MOST_BILLS] if isinstance(reply, Answered) else Outcome.OFFLINE


async def _is_right(journey: Journey, due: list[Bill]) -> bool:
    rows = [Fact(label=_what(bill), value=_yuan(bill.due_fen)) for bill in due]
    page = journey.page("bill_found", text("bills.found"), Facts(rows=tuple(rows)), lead=text("bills.found_lead"))
    return (await journey.visit.show(page)).action == "next"


def _words(bills: list[Bill]) -> Text:
    """One bill with what it costs, or how many and what they cost together."""
    total = _yuan(sum(bill.due_fen for bill in bills))
    if len(bills) == 1:
        return text("bills.one", what=_what(bills[0]), yuan=total)
    return text("bills.all", n=len(bills), yuan=total)


def _what(bill: Bill) -> Text:
    return worded("bills.what_", bill.what, same(plain(bill.what)))


def _yuan(amount_fen: int) -> Text:
    return text("bills.yuan", yuan=f"{amount_fen / 100:g}")
