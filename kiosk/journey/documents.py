"""Documents 签注余次/证件信息查询: what the exit-entry department holds for this person. Live only."""

from __future__ import annotations

from kiosk.catalogue.model import StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import About, Journey, Outcome
from kiosk.messages.questions import Document, DocumentsAnswer, DocumentsQuestion, Endorsement
from kiosk.pages import Action, Answer, Fact, Facts, Hero
from kiosk.printing import print_notice
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import message

ABOUT = About(mark="result", offline="ends with the reason: the answer must be live")


async def step(journey: Journey, _spec: StepSpec) -> Outcome:
    """Ask, show, print on request."""
    number = journey.visit.card.number if journey.visit.card else ""
    hero = Hero(icon="magnifying-glass", level="info", title=text("documents.asking"), busy=True)
    page = journey.page("checking", text("documents.title"), hero, actions=journey.bar(NOTHING), timeout_s=0)
    reply = await journey.visit.show_while(page, lambda: journey.machine.ask("documents", DocumentsQuestion(number)))
    if isinstance(reply, Answer):
        return Outcome.BACK
    if not isinstance(reply, Answered):
        await journey.visit.tell(message("needs_network", "wifi-slash", "warn", text("live.title"), text("live.lead")))
        return Outcome.LEAVE
    return await _show(journey, reply.payload)


async def _show(journey: Journey, found: DocumentsAnswer) -> Outcome:
    if not found.documents:
        await journey.visit.tell(
            message("no_documents", "info", "info", text("documents.none"), text("documents.none_lead"))
        )
        return Outcome.NEXT
    blocks = tuple(_facts(d) for d in found.documents)
    print_it = Action(id="print", label=text("documents.print"), style="secondary", icon="printer")
    done = Action(id="next", label=text("action.done"), style="primary")
    while True:
        page = journey.page(
            "documents",
            text("documents.title"),
            *blocks,
            lead=text("documents.lead"),
            actions=(journey.bar()[0], print_it, done),
        )
        answer = await journey.visit.show(page)
        if answer.action != "print":
            return Outcome.NEXT
        lines = [text("documents.line", what=r.label, value=r.value) for d in found.documents for r in _facts(d).rows]
        await print_notice(journey.visit, journey.service.name, lines)


def _facts(document: Document) -> Facts:
    rows = [
        Fact(label=text("documents.number"), value=same(document.number_masked)),
        Fact(label=text("documents.expires"), value=same(f"{document.expires_on:%Y-%m-%d}")),
        Fact(label=text("documents.state"), value=text(f"documents.state_{document.state}")),
    ]
    rows += [Fact(label=_endorsement_name(e), value=_endorsement_left(e)) for e in document.endorsements]
    return Facts(title=text(f"documents.kind_{document.kind}"), rows=tuple(rows))


def _endorsement_name(endorsement: Endorsement) -> Text:
    return text(
        "documents.endorsement",
        type=text(f"documents.type_{endorsement.type}"),
        place=text(f"documents.place_{endorsement.place}"),
    )


def _endorsement_left(endorsement: Endorsement) -> Text:
    until = f"{endorsement.valid_until:%Y-%m-%d}"
    if endorsement.remaining < 0:
        return text("documents.unlimited", until=until)
    return text("documents.remaining", n=endorsement.remaining, until=until)
