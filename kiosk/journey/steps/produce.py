"""Produce: a document made here, on a numbered blank: paid first, the old one out of the world, then the new one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, Literal

from devices.document_making import Made, MakeEnd
from kiosk import production
from kiosk.cases import new_id
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Service, StepSpec, Use
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Action, Answer, Hero, Page
from kiosk.text import NOTHING, Text, text
from kiosk.visit import message

TRIES = 2
OLD_S = 90.0
Old = Literal["swallow", "cancel", "none"]


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``old``: the document of before is put in and kept (``swallow``), void by the filed case (``cancel``), or none.

    ``fields`` names the department's facts that are printed besides name and number.
    """

    about: ClassVar[About] = About(
        mark="make",
        devices=(Use(device="licence_printer", lost="ends"),),
        is_once=True,
        together="each",
        pages=2,
        taps=0,
    )

    what: Literal["licence_printer"] = "licence_printer"
    old: Old = "none"
    fields: tuple[str, ...] = ()

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """Nothing is made for nobody, unpaid, or beside an old one that still counts."""
        before = service.kinds_before(at)
        if "verify" not in before:
            yield Finding((), "nobody has been verified", "put the steps identify and verify before it")
        if service.fees and "pay" not in before:
            yield Finding((), "it would be made unpaid", "put a step pay before it")
        if self.old == "cancel" and "file" not in before:
            yield Finding(("old",), "the old one is not void before the case is filed", "put a step file before it")


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Make it, once more with the next blank if one is spoiled, and hand it out; a failure tells of the money."""
    machine = journey.machine
    if journey.service.has_step("pay") and journey.fees_due() and journey.case_id not in journey.visit.paid:
        return await _failed(journey, text("produce.unpaid"), text("produce.unpaid_lead"))
    device = machine.peripherals.chosen(spec.what)
    trouble = await _behind(journey, text("produce.looking"), partial(production.clear, machine, device))
    if trouble:
        return await _failed(journey, text("produce.not_now"), _money(journey))
    if spec.old == "swallow" and not await _old_is_kept(journey, device):
        return await _failed(journey, text("produce.no_old"), _money(journey))
    intent, made = await _made(journey, spec, device)
    if made.end is MakeEnd.WRITTEN:
        return await _handed_out(journey, device, intent)
    if made.end is MakeEnd.UNKNOWN:
        return await _failed(journey, text("produce.unknown"), text("produce.unknown_lead"))
    return await _failed(journey, text("produce.failed"), _money(journey))


async def _made(journey: Journey, spec: Spec, device: str) -> tuple[int, Made]:
    """What nobody may stop in the middle runs behind a page without a way out."""
    intent, made = 0, Made(MakeEnd.NOT_WRITTEN, "")
    for _ in range(TRIES):
        work = partial(production.write, journey.machine, device, journey.case_id, _fields(journey, spec), new_id())
        intent, made = await _behind(journey, text("produce.making"), work)
        if made.end not in (MakeEnd.VOIDED, MakeEnd.NOT_WRITTEN):
            break
    return intent, made


def _fields(journey: Journey, spec: Spec) -> dict[str, str]:
    card = journey.visit.card
    known = {"name": card.shown_name, "number": card.number} if card else {}
    return known | {name: str(journey.facts[name]) for name in spec.fields if name in journey.facts}


async def _old_is_kept(journey: Journey, device: str) -> bool:
    put_in = Hero(icon="identification-card", level="info", title=text("produce.old"), lead=text("produce.old_lead"))
    page = journey.page(
        "produce_old", text("produce.title"), put_in, actions=journey.bar(NOTHING, back=False), timeout_s=0
    )
    call = journey.machine.peripherals.call
    done = await journey.visit.show_while(page, partial(call, device, "accept_old", OLD_S))
    if isinstance(done, Answer) or not done.ok:
        return False
    done = await _behind(journey, text("produce.old_kept"), partial(call, device, "swallow_old", production.RETRACT_S))
    return done.ok


async def _handed_out(journey: Journey, device: str, intent: int) -> Outcome:
    take = Hero(icon="hand-tap", level="ok", title=text("produce.take"), lead=text("produce.take_lead"))
    page = journey.page("produce_take", text("produce.title"), take, actions=(), timeout_s=0)
    work = partial(production.hand_out, journey.machine, device, intent, journey.case_id)
    outcome = await journey.visit.show_while(page, work)
    if outcome == "produced":
        return Outcome.NEXT
    return await _failed(journey, text("produce.retained"), text("produce.retained_lead"))


async def _behind(journey: Journey, title: Text, work: partial) -> Any:
    done = await journey.visit.show_while(_busy(journey, title), work)
    if isinstance(done, Answer):
        raise TypeError("a page without a way out was answered")
    return done


def _busy(journey: Journey, title: Text) -> Page:
    hero = Hero(icon="identification-card", level="info", title=title, lead=text("produce.wait"), busy=True)
    return journey.page("producing", text("produce.title"), hero, actions=(), timeout_s=0)


def _money(journey: Journey) -> Text:
    return text("produce.money_back") if journey.case_id in journey.visit.paid else text("produce.no_money")


async def _failed(journey: Journey, title: Text, lead: Text) -> Outcome:
    """A person is called at once; what was paid goes back by itself when the visit is over."""
    guide = Action(id="call_guide", label=text("settings.call_guide"), style="secondary", icon="headset")
    go_on = Action(id="continue", label=text("action.ok"), style="primary")
    await journey.visit.tell(message("not_produced", "warning-circle", "warn", title, lead, guide, go_on))
    return Outcome.LEAVE
