"""A plan of which parts are refused: which, why, and what goes on."""

from __future__ import annotations

from kiosk.journey.engine import Outcome
from kiosk.journey.whole import Whole
from kiosk.pages import Action, Fact, Facts
from kiosk.printing import print_sheet
from kiosk.slips.model import Section
from kiosk.text import text


async def tell_partly(whole: Whole) -> Outcome:
    """What is left out and why; the others go on if the person wants."""
    names = {at: whole.plan.services[at].name for at in sorted(whole.left_out) if whole.left_out[at]}
    rows = [
        Fact(label=text("together.what", service=names[at], what=why.label), value=why.value)
        for at in names
        for why in whole.left_out[at]
    ]
    exit_ = whole.bar()[0]
    print_it = Action(id="print", label=text("eligibility.print"), style="secondary", icon="printer")
    if whole.going:
        go_on = Action(id="next", label=text("together.go_on", n=len(whole.going)), style="primary")
        title, lead = text("together.partly", n=len(names)), text("together.partly_lead", n=len(whole.going))
    else:
        go_on = Action(id="leave", label=text("action.understood"), style="primary")
        title, lead = text("eligibility.missing_title", count=len(rows)), text("eligibility.missing_lead")
    while True:
        page = whole.page("not_yet", title, Facts(rows=tuple(rows)), lead=lead, actions=(exit_, print_it, go_on))
        answer = await whole.visit.show(page)
        if answer.action != "print":
            return Outcome.NEXT if answer.action == "next" else Outcome.LEAVE
        told = tuple(text("notice.line", what=row.label, todo=row.value) for row in rows)
        await print_sheet(whole.visit, text("slip.notice_title"), whole.service, [Section(sentences=told)])
