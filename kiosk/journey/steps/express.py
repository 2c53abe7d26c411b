"""Express 快递登记: one of the person's own cases that is to be posted after all, or whose address changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.told import state_words
from kiosk.messages.content import POSTED_CASE
from kiosk.messages.hall import PostAnswer, PostCase, PostQuestion
from kiosk.pages import Action, Answer, Block, Fact, Facts, Hero, Page, Tile, Tiles
from kiosk.slips.model import Row
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import message

_NAME, _CASE = POSTED_CASE, "case:"
_MOST_SHOWN, _MOST_SENT = 6, 2


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own; the address is asked by a step ``delivery`` after it."""

    about: ClassVar[About] = About(mark="fill", offline="ends", is_once=True, together="each")

    def asks_for(self) -> tuple[Asked, ...]:
        """The key of the case."""
        return (Asked(_NAME),)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """They are a person's cases, and somebody asks whereto."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody is known whose cases they are", "put a step identify before it")
        if "delivery" not in [spec.kind for spec in service.steps[at + 1 :]]:
            yield Finding((), "nobody asks whereto it is posted", "put a step delivery after it")


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """Which case."""
    return [Fact(label=text("express.case"), value=journey.labels[_NAME])] if _NAME in journey.labels else []


def slip_rows(journey: Journey, _spec: Spec) -> list[Row]:
    """The same on paper."""
    return [Row(text("express.case"), journey.labels[_NAME])] if _NAME in journey.labels else []


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Show what can be posted; a touch chooses. What the post has is told with its number."""
    told = await _ask_posted_cases(journey)
    if isinstance(told, Outcome):
        return told
    open_ones = [case for case in told.cases if case.post != "sent"][:_MOST_SHOWN]
    answer = await journey.visit.show(_page(journey, told, open_ones)) if told.cases else None
    if answer is None or (not open_ones and answer.action == "next"):
        if answer is None:
            await journey.visit.tell(
                message("express_none", "package", "info", text("express.none"), text("express.none_lead"))
            )
        return Outcome.LEAVE
    chosen = next((case for case in open_ones if answer.action == f"{_CASE}{case.key}"), None)
    if chosen is None:
        return Outcome.BACK
    journey.keep(_NAME, chosen.key, _words(journey, chosen))
    return Outcome.NEXT


async def _ask_posted_cases(journey: Journey) -> PostAnswer | Outcome:
    card = journey.visit.card
    hero = Hero(icon="package", level="info", title=text("express.asking"), busy=True)
    page = journey.page("checking", text("express.title"), hero, actions=journey.bar(NOTHING), timeout_s=0)
    question = PostQuestion(card.number if card else "")
    reply = await journey.visit.show_while(page, lambda: journey.ask("post", question))
    if isinstance(reply, Answer):
        return Outcome.BACK
    return reply.payload if isinstance(reply, Answered) else Outcome.OFFLINE


def _page(journey: Journey, told: PostAnswer, open_ones: list[PostCase]) -> Page:
    sent = [case for case in told.cases if case.post == "sent"][:_MOST_SENT]
    blocks: list[Block] = [*(_sent(journey, case) for case in sent)]
    if open_ones:
        tiles = tuple(_tile(journey, case) for case in open_ones)
        blocks.append(Tiles(title=text("express.which"), tiles=tiles, columns=1, wide=True))
    actions = journey.bar(NOTHING) if open_ones else journey.bar(text("action.done"))
    return journey.page("express", text("express.title"), *blocks, lead=text("express.lead"), actions=actions)


def _sent(journey: Journey, case: PostCase) -> Facts:
    rows = (
        Fact(label=text("express.sent_to"), value=same(case.to)),
        Fact(label=text("express.tracking"), value=same(case.tracking)),
    )
    return Facts(title=_name(journey, case), rows=rows)


def _tile(journey: Journey, case: PostCase) -> Tile:
    said = {"state": state_words(case.state), "number": _ending(case)}
    lead = text("express.waiting", to=case.to, **said) if case.post else text("express.by_hand", **said)
    return Tile(action=Action(id=f"{_CASE}{case.key}", label=_name(journey, case), icon="package"), lead=lead)


def _name(journey: Journey, case: PostCase) -> Text:
    service = journey.machine.catalogue.services.get(case.service)
    return service.name if service else same(case.service)


def _words(journey: Journey, case: PostCase) -> Text:
    return text("express.words", name=_name(journey, case), number=_ending(case))


def _ending(case: PostCase) -> str:
    """Enough of a number to tell it from the person's others: eight digits in one piece, on a screen and on paper."""
    return case.receipt_number[-8:]
