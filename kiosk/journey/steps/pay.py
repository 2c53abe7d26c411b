"""Pay: one payment for everything that is due now, with the person's own phone. No money offline, none kept here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import ClassVar

import trio

from kiosk.cases import new_id
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import FEN, About, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.whole import Whole
from kiosk.messages.questions import PaymentAnswer
from kiosk.pages import Action, Answer, Fact, Facts, Hero, Notice, Page, Receipt
from kiosk.payments import DueItem
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import Paid, message

LOOK_S = 2.0
PAID_S = 2.5
"""How long "paid" stands before the journey goes on by itself."""
IDLE_S = 180.0
"""A person with a phone in hand does not touch the screen."""


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is due are the service's fees.

    ``bills``: the answer with the numbers of what the department demands, which is due too; see ``StepSpec.billed``.
    ``with_others``: where another service of the visit is paid here, this one is paid with it, in one payment.
    """

    about: ClassVar[About] = About(mark="pay", offline="ends", is_once=True, together="once", pages=1, taps=0)

    bills: str = ""

    @property
    def billed(self) -> str:
        """See ``StepSpec``."""
        return self.bills

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """There is something to pay, and somebody pays it before anything is made or filed."""
        before = service.kinds_before(at)
        if "identify" not in before:
            yield Finding((), "nobody has said who they are", "put a step identify before it")
        if self.bills and not any(_tells_owed(spec, self.bills) for spec in service.steps[:at]):
            said = f"no department has said what is owed: {self.bills}"
            yield Finding(("bills",), said, "name what a step before it asks a department for: bills, violations")
        if not service.fees and not self.bills:
            yield Finding((), "there is nothing to pay", "write [[fees]], or leave the step out")
        for kind in ("file", "produce", "locker"):
            if kind in before:
                yield Finding((), f"{kind} comes before it: nothing is done unpaid", f"put it before the step {kind}")
        after = {spec.kind for spec in service.steps[at:]}
        if "sign" in after:
            yield Finding((), "is paid before it is signed, and cannot be changed then", "put it after the step sign")
        if "file" not in {*before, *after}:
            yield Finding((), "is paid for no case", "put a step file after it")


def _tells_owed(spec: StepSpec, bills: str) -> bool:
    """Whether this step asks a department for these bills, and keeps their sum itself: it is nothing that one types."""
    shown = {asked.name: asked.is_reviewed for asked in spec.asks_for()}
    return bills in shown and shown.get(f"{bills}{FEN}") is False


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """The service's own fees."""
    return await _settle(journey, due_items(journey))


async def together(whole: Whole, _spec: Spec) -> Outcome:
    """The fees of all services of a plan that are paid at the machine, at once."""
    return await _settle(whole, [item for part in whole.going if part.pays_here for item in due_items(part)])


async def _settle(journey: Journey, due: Iterable[DueItem]) -> Outcome:
    """Order, show the code, wait for the money. Once paid, nothing before it can be changed any more."""
    items = tuple(item for item in due if item.case_id not in journey.visit.paid)
    if not items:
        return Outcome.SKIP
    while True:
        order = new_id()
        await journey.machine.payments.begin(order, items)
        opened = await journey.visit.show_while(_asking(journey), partial(_open_order, journey, order, items))
        if isinstance(opened, Answer):
            return Outcome.BACK
        if opened is None:
            return Outcome.OFFLINE
        if opened.state == "paid":
            return await _paid(journey, order, items, text("pay.before"))
        if opened.state != "unpaid":
            return await _unavailable(journey)
        outcome = await _wait(journey, order, items, opened)
        if outcome is not None:
            return outcome


def due_items(journey: Journey) -> tuple[DueItem, ...]:
    """What is due now for one service."""
    service = journey.service
    amount_fen = sum(fee.amount_fen for fee in journey.fees_due())
    is_made_here = any(service.steps[at].pays_for == "making" for at in journey.asked())
    item = DueItem(journey.case_id, service.key, amount_fen, service.name, is_made_here, journey.bills)
    return (item,) if amount_fen else ()


async def _open_order(journey: Journey, order: str, items: tuple[DueItem, ...]) -> PaymentAnswer | None:
    number = journey.visit.card.number if journey.visit.card else ""
    return await journey.machine.payments.open(order, number, items)


async def _wait(journey: Journey, order: str, items: tuple[DueItem, ...], opened: PaymentAnswer) -> Outcome | None:
    """Until the money is there or the person, or the time, says no; None: once more with a new code."""
    page = _code_page(journey, items, opened.pay_url)
    found = await journey.visit.show_while(page, partial(_until_paid, journey, order, opened.left_s))
    if found == "paid":
        return await _paid(journey, order, items)
    state = await journey.visit.show_while(_closing(journey), partial(journey.machine.payments.stop_waiting, order))
    if state == "paid":
        return await _paid(journey, order, items)
    if state != "closed":
        await journey.visit.tell(message("pay_unknown", "clock", "warn", text("pay.unknown"), text("pay.unknown_lead")))
        return Outcome.LEAVE
    if isinstance(found, Answer):
        return Outcome.BACK
    again = Action(id="again", label=text("pay.again"), style="primary", icon="qr-code")
    over = Hero(icon="clock", level="warn", title=text("pay.over"), lead=text("pay.over_lead"))
    answer = await journey.visit.show(
        journey.page("pay_over", text("pay.title"), over, actions=(*journey.bar(NOTHING), again))
    )
    return Outcome.BACK if answer.action == "back" else None


async def _until_paid(journey: Journey, order: str, left_s: float) -> str:
    """``paid``, or "" when nobody can pay the code any more. What the city does not answer is asked again."""
    with trio.move_on_after(left_s):
        while True:
            await trio.sleep(LOOK_S)
            told = await journey.machine.payments.look(order)
            if told is not None and told.state != "unpaid":
                return "paid" if told.state == "paid" else ""
    return ""


async def _paid(journey: Journey, order: str, items: tuple[DueItem, ...], lead: Text = NOTHING) -> Outcome:
    journey.visit.paid.update(item.case_id for item in items)
    journey.visit.payments.update({item.case_id: Paid(order, item.amount_fen) for item in items})
    journey.bind()
    done, then = text("pay.done", yuan=yuan(items)), lead or text("pay.next")
    hero = Hero(icon="check-circle", level="ok", title=done, lead=then)
    page = journey.page("paid", text("pay.title"), hero, actions=(_go_on(),), timeout_s=0)
    await journey.visit.show_while(page, partial(trio.sleep, PAID_S))
    return Outcome.NEXT


def _go_on() -> Action:
    return Action(id="next", label=text("action.next"), style="primary")


async def _unavailable(journey: Journey) -> Outcome:
    await journey.visit.tell(
        message("pay_unavailable", "warning-circle", "warn", text("pay.unavailable"), text("pay.unavailable_lead"))
    )
    return Outcome.LEAVE


def yuan(items: tuple[DueItem, ...]) -> str:
    """The sum of several items, as people read it."""
    return f"{sum(item.amount_fen for item in items) / 100:.2f}"


def _asking(journey: Journey) -> Page:
    hero = Hero(icon="qr-code", level="info", title=text("pay.asking"), busy=True)
    return journey.page("pay_asking", text("pay.title"), hero, actions=journey.bar(NOTHING), timeout_s=0)


def _closing(journey: Journey) -> Page:
    """No way past it: what is said next must be true."""
    closing, lead = text("pay.closing"), text("pay.closing_lead")
    hero = Hero(icon="hourglass-medium", level="info", title=closing, lead=lead, busy=True)
    return journey.page("pay_closing", text("pay.title"), hero, actions=(), timeout_s=0)


def _code_page(journey: Journey, items: tuple[DueItem, ...], pay_url: str) -> Page:
    code = Receipt(label=text("pay.sum"), number=f"¥ {yuan(items)}", qr=pay_url, note=text("pay.how"), to_scan=True)
    rows = tuple(Fact(label=item.name, value=same(f"¥ {item.amount_fen / 100:.2f}")) for item in items)
    scan = Notice(level="info", icon="device-mobile", text=text("pay.scan"), detail=text("pay.scan_lead"))
    not_now = Action(id="back", label=text("pay.not_now"), style="secondary", icon="caret-left")
    return journey.page(
        "pay",
        text("pay.title"),
        scan,
        code,
        Facts(title=text("pay.for"), rows=rows),
        lead=text("pay.lead"),
        actions=(journey.bar(NOTHING)[0], not_now),
        timeout_s=IDLE_S,
    )
