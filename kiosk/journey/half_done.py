"""What is half done: left at the hub for another machine, with a code on the screen and on paper, and taken up again.

The code leads to the service and opens nothing: whoever types it is asked for card and face as everybody is, and only
what the same person has left comes back to its fields.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from kiosk import handover
from kiosk.catalogue.model import Service
from kiosk.handover import Begun
from kiosk.messages.resume_code import grouped_code
from kiosk.pages import Action, Answer, Hero, Page, Receipt
from kiosk.printing import print_notice
from kiosk.slips.layout import resume_job
from kiosk.slips.letterhead import letterhead
from kiosk.slips.model import ResumeModel
from kiosk.text import Text, text
from kiosk.visit import Visit, joined, message

_PRINT = Action(id="print", label=text("handover.print"), style="secondary", icon="printer")


class UnderWay(Protocol):
    """A journey, as far as it can be left."""

    @property
    def visit(self) -> Visit: ...
    @property
    def service(self) -> Service: ...
    @property
    def filed(self) -> bool: ...
    @property
    def begun(self) -> Begun: ...
    def asked(self) -> list[int]: ...


class HalfDone:
    """Leaves one journey; hung on the visit while it runs."""

    def __init__(self, journey: UnderWay) -> None:
        self._journey = journey

    def has_something(self) -> bool:
        """Whether something was said, by somebody who is known, and the city can be told."""
        journey, visit = self._journey, self._journey.visit
        if journey.filed or visit.card is None or not visit.machine.link.online:
            return False
        return bool(handover.said_of(journey.begun, visit.typed))

    async def keep(self) -> bool:
        """Leave it at the hub, and show the code that leads to it; False when it could not be left."""
        visit, begun = self._journey.visit, self._journey.begun
        code = await visit.show_while(_busy_page(text("handover.asking")), partial(_leave_for_later, visit, begun))
        if code is None or isinstance(code, Answer):
            words = text("handover.not_kept"), text("handover.not_kept_lead")
            await visit.tell(message("handover_not_kept", "wifi-slash", "warn", *words))
            return False
        while (await visit.show(kept_page(visit, begun, code))).action == _PRINT.id:
            await print_notice(visit, resume_job(_slip(visit, self._journey.service, code), visit.settings.language))
        return True


async def _leave_for_later(visit: Visit, begun: Begun) -> str | None:
    """The code, "" where the hub gives none; None when it could not be left."""
    ask, number = visit.machine.ask, _number(visit)
    if not await handover.keep(ask, number, begun, visit.typed):
        return None
    code = await handover.code_for(ask, number, begun.key)
    # Who has no card comes back by the code alone.
    return code or (None if visit.without_card else "")


def kept_page(visit: Visit, begun: Begun, code: str) -> Page:
    """That it is left, how it goes on, and the code, large."""
    lead = text(
        "handover.kept_no_card" if visit.without_card else "handover.kept_code" if code else "handover.kept_lead"
    )
    title = text("handover.kept", service=begun.name)
    go_on = Action(id="continue", label=text("handover.done"), style="primary")
    page = message("handover_kept", "identification-card", "ok", title, lead)
    if not code:
        return page
    shown = Receipt(label=text("handover.code"), number=grouped_code(code), qr=code, note=text("handover.code_note"))
    return Page(
        kind=page.kind,
        layout="full",
        title=title,
        spoken=joined(page.spoken, _spelled(code)),
        blocks=(*page.blocks, shown),
        actions=(_PRINT, go_on),
    )


def _spelled(code: str) -> Text:
    spelled = " ".join(code)
    return Text(spelled, spelled)


def _slip(visit: Visit, service: Service, code: str) -> ResumeModel:
    head = letterhead(visit.machine, text("handover.slip"), service.name, line=service.line)
    steps = ("handover.slip_how", "handover.slip_who", "handover.slip_left")
    return ResumeModel(head=head, code=grouped_code(code), qr=code, sentences=tuple(map(text, steps)))


async def taken_up(journey: UnderWay) -> bool:
    """Once it is known who stands here: what this person has left comes back. False: not now, or not theirs."""
    visit = journey.visit
    left = visit.left
    if left is None or not _is_known(journey):
        return True
    visit.left = None
    take = partial(handover.take, visit.machine.ask, _number(visit), left)
    said = await visit.show_while(_busy_page(text("handover.taking")), take)
    if isinstance(said, Answer) or said is None:
        lead = text("handover.not_taken_lead")
        await visit.tell(message("needs_network", "wifi-slash", "warn", text("live.title"), lead))
        return False
    if not said and left.code:
        visit.machine.slip_tries.miss()
        words = text("handover.not_yours"), text("handover.not_yours_lead")
        await visit.tell(message("handover_not_yours", "identification-card", "warn", *words))
        return False
    for each in said:
        if (key := each.part or left.key) in journey.begun.asks:
            visit.typed.setdefault(key, {})[each.name] = each.value
    return True


def _number(visit: Visit) -> str:
    return visit.card.number if visit.card else ""


def _is_known(journey: UnderWay) -> bool:
    """By card, and by face where that is looked at."""
    looks_at_face = any(journey.service.steps[at].kind == "verify" for at in journey.asked())
    return journey.visit.card is not None and (journey.visit.identity is not None or not looks_at_face)


def _busy_page(title: Text) -> Page:
    busy = Hero(icon="clock", level="info", title=title, busy=True)
    return Page(kind="checking", layout="full", title=title, blocks=(busy,), timeout_s=0)
