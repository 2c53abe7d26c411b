"""Progress 进度查询: by card or by receipt number; each state only with its proof, and as of when."""

from __future__ import annotations

import functools
from datetime import datetime

from kiosk.cases import STOPPED, CaseState, grouped
from kiosk.catalogue.model import StepSpec
from kiosk.clock import local
from kiosk.hub_link.client import Answered
from kiosk.journey.asking import ask_receipt_number
from kiosk.journey.engine import About, Journey, Outcome
from kiosk.journey.identify import read_card
from kiosk.journey.slip import reprint
from kiosk.messages.questions import CaseProgress, ProgressQuestion, ProgressState
from kiosk.pages import Action, Answer, Block, CardPrompt, Hero, Notice, Stage, Stages, Tile, Tiles
from kiosk.recovery import missing_slips, open_slips
from kiosk.text import NOTHING, Text, same, text

ABOUT = About(mark="", offline="shows what this machine holds, with the time it was true")
_ORDER = (CaseState.STORED, CaseState.DELIVERED, CaseState.ACCEPTED, CaseState.DECIDED, CaseState.COLLECTED)
_SHOWN = 3


async def step(journey: Journey, _spec: StepSpec) -> Outcome:
    """Ask how, look it up, show it."""
    question = await _question(journey)
    if question is None:
        return Outcome.BACK
    hero = Hero(icon="magnifying-glass", level="info", title=text("progress.asking"), busy=True)
    page = journey.page("checking", journey.service.name, hero, actions=journey.bar(NOTHING), timeout_s=0)
    reply = await journey.visit.show_while(page, lambda: journey.machine.ask("progress", question))
    if isinstance(reply, Answer):
        return Outcome.BACK
    cases = reply.payload.cases if isinstance(reply, Answered) else None
    kept = await _kept(journey, question, cases or [])
    blocks = _blocks(journey, kept, cases)
    shown = {c.receipt_number: c for c in (cases or [])[:_SHOWN]}
    services = {**dict.fromkeys(kept, ""), **{number: case.service for number, case in shown.items()}}
    owed = await open_slips(journey.machine, {*services}) or await missing_slips(journey.machine, services)
    slip = next(iter(owed), None)
    actions = (*journey.bar(NOTHING, back=False), Action(id="next", label=text("action.done"), style="primary"))
    if slip and slip.service in journey.machine.catalogue.services:
        which = "" if slip.copy else "_first"
        notice = text(f"reprint.notice{which}", number=grouped(slip.number))
        blocks.append(Notice(level="info", icon="printer", text=notice))
        print_ = Action(id="reprint", label=text(f"reprint.print{which}"), style="secondary", icon="printer")
        actions = (*actions[:-1], print_, actions[-1])
    answer = await journey.visit.show(journey.page("progress", journey.service.name, *blocks, actions=actions))
    if slip and answer.action == "reprint":
        case = shown.get(slip.number)
        await reprint(journey, slip, _proved(case, kept.get(slip.number, "")), case)
    return Outcome.NEXT


async def _question(journey: Journey) -> ProgressQuestion | None:
    visit = journey.visit
    if visit.card is not None:
        return ProgressQuestion(id_number=visit.card.number)
    ways = (
        Tile(
            action=Action(id="card", label=text("progress.by_card"), icon="identification-card"),
            lead=text("progress.by_card_lead"),
        ),
        Tile(
            action=Action(id="number", label=text("progress.by_number"), icon="hash"),
            lead=text("progress.by_number_lead"),
        ),
    )
    page = journey.page(
        "progress_how", text("progress.how"), Tiles(tiles=ways, columns=1, wide=True), actions=journey.bar(NOTHING)
    )
    answer = await visit.show(page)
    if answer.action == "number":
        number = await ask_receipt_number(journey, text("progress.enter"))
        return ProgressQuestion(receipt_number=number) if number else None
    if answer.action == "card":
        prompt = CardPrompt(title=text("card.title"), lead=text("card.lead"))
        card = await read_card(visit, journey.page("card", text("card.title"), prompt, actions=journey.bar(NOTHING)))
        if not isinstance(card, Answer):
            visit.take(card)
            return ProgressQuestion(id_number=card.number)
    return None


async def _kept(journey: Journey, question: ProgressQuestion, cases: list[CaseProgress]) -> dict[str, str]:
    """What this machine keeps that the hub did not tell of: receipt number to outbox state."""
    known = {c.receipt_number for c in cases}
    rows = await journey.machine.kept_cases(question.receipt_number, [f.receipt_number for f in journey.visit.filed])
    return {number: state for number, state in rows if number not in known}


def _proved(case: CaseProgress | None, kept: str) -> CaseState:
    """The last proved state, by the hub's word or by this machine's own queue."""
    last = case.states[-1].state if case and case.states else kept
    return CaseState(last) if last in set(CaseState) else CaseState.STORED


def _blocks(journey: Journey, kept: dict[str, str], cases: list[CaseProgress] | None) -> list[Block]:
    """The hub's cases, and what has not reached it yet."""
    now = f"{local(journey.machine.clock.now()):%H:%M}"
    blocks: list[Block] = []
    if cases is None:
        blocks.append(Notice(level="warn", icon="wifi-slash", text=text("progress.offline", time=now)))
    blocks += [_local_stages(number, state) for number, state in kept.items()]
    blocks += [_stages(journey, c) for c in (cases or [])[:_SHOWN]]
    if not any(isinstance(b, Stages) for b in blocks):
        hero = Hero(icon="magnifying-glass", level="info", title=text("progress.none"), lead=text("progress.none_lead"))
        blocks.append(hero)
    return blocks


def _local_stages(number: str, state: str) -> Stages:
    reached = CaseState.DELIVERED if state == "delivered" else CaseState.STORED
    return Stages(title=same(grouped(number)), stages=_line_up({CaseState(reached): NOTHING}, reached))


def _stages(journey: Journey, case: CaseProgress) -> Stages:
    service = journey.machine.catalogue.services.get(case.service)
    title = same(f"{case.masked_name}  {grouped(case.receipt_number)}")
    if service:
        title = text("progress.case", service=service.name, number=grouped(case.receipt_number), name=case.masked_name)
    reached = {CaseState(s.state): _when(s) for s in case.states if s.state in CaseState.__members__.values()}
    last = CaseState(case.states[-1].state) if case.states else CaseState.DELIVERED
    stages = _line_up(reached, last)
    if case.promised_date:
        promised = text("progress.promised", date=f"{case.promised_date:%Y-%m-%d}")
        first = next((s for s in stages if s.state == "waiting"), None)
        stages = tuple(_with_detail(s, promised) if s is first else s for s in stages)
    return Stages(title=title, stages=stages)


def _when(state: ProgressState) -> Text:
    moment = local(datetime.fromisoformat(state.at))
    return text("progress.by", when=f"{moment:%Y-%m-%d %H:%M}", who=text(f"progress.who_{state.by}"))


def _line_up(reached: dict[CaseState, Text], last: CaseState) -> tuple[Stage, ...]:
    """The usual way of a case with what is proved; a stop stands where the case stopped."""
    order = [s for s in _ORDER if s in reached or last not in STOPPED]
    if last in STOPPED or last not in order:
        order.append(last)
    make = functools.partial(_stage, reached, last, order.index(last))
    return tuple(make(i, state) for i, state in enumerate(order))


def _stage(reached: dict[CaseState, Text], last: CaseState, at: int, i: int, state: CaseState) -> Stage:
    if state is last:
        mark = "stopped" if state in STOPPED else "now"
    else:
        # What lies before a proved state has happened too: a delivered case was stored.
        mark = "done" if state in reached or i < at else "waiting"
    return Stage(label=text(f"state.{state}"), detail=reached.get(state, NOTHING), state=mark)  # type: ignore[arg-type]


def _with_detail(stage: Stage, detail: Text) -> Stage:
    return Stage(label=stage.label, detail=detail, state=stage.state)
