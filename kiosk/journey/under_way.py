"""The same service already under way for this person: told before the form."""

from __future__ import annotations

from typing import NamedTuple

from kiosk.cases import CaseState, unbroken
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey
from kiosk.journey.kept import kept_by_card, kept_by_number
from kiosk.messages.questions import ProgressQuestion
from kiosk.pages import Action, Fact, Facts, Page
from kiosk.text import Text, same, text, worded

_ENDED = frozenset({"not_accepted", "refused", "withdrawn", "decided", "collected", "uncollected"})


class UnderWay(NamedTuple):
    """A case of the same person and service that has not ended."""

    number: str
    state: str


async def under_way(journey: Journey) -> UnderWay | None:
    """The newest one, by the hub's word or by what waits here; None when none is known. Raises StoreError."""
    visit, machine, key = journey.visit, journey.machine, journey.service.key
    if visit.card is None:
        return None
    reply = await journey.ask("progress", ProgressQuestion(id_number=visit.card.number))
    for case in reply.payload.cases if isinstance(reply, Answered) else []:
        last = case.states[-1].state if case.states else CaseState.DELIVERED.value
        if case.service == key and last not in _ENDED:
            return UnderWay(case.receipt_number, last)
    if isinstance(reply, Answered):
        return None
    here = await kept_by_card(machine, visit.card)
    for filed in visit.filed:
        if filed.service == key:
            here += await kept_by_number(machine, filed.receipt_number)
    mine = {f.receipt_number for f in visit.filed if f.service == key}
    found = next((k for k in here if k.service == key or k.number in mine), None)
    return UnderWay(found.number, "delivered" if found.state == "delivered" else "stored") if found else None


def under_way_page(journey: Journey, case: UnderWay) -> Page:
    """Its number and state. To leave it at that is the obvious choice, to file another one all the same the other."""
    state: Text = worded("state.", case.state, same(case.state))
    rows = (
        Fact(label=text("under_way.number"), value=same(unbroken(case.number))),
        Fact(label=text("under_way.state"), value=state),
    )
    exit_ = journey.bar()[0]
    go_on = Action(id="next", label=text("under_way.go_on"), style="secondary")
    leave = Action(id="back", label=text("under_way.leave"), style="primary", icon="check")
    title = text("under_way.title")
    return journey.page(
        "under_way", title, Facts(rows=rows), lead=text("under_way.lead"), actions=(exit_, go_on, leave)
    )
