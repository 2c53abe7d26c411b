"""Progress 进度查询: by card or by slip; each state only with its proof, and as of when."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from devices.id_card_reader.card import IdCard
from kiosk.cases import CaseState, new_id, unbroken
from kiosk.catalogue.model import About, StepSpec, Use
from kiosk.clock import local
from kiosk.health import listed
from kiosk.hub_link.client import Answered
from kiosk.journey import line_up
from kiosk.journey.by_number import ask_card, ask_city, by_number
from kiosk.journey.engine import Journey, Outcome, run_journey
from kiosk.journey.kept import Kept, kept_by_card, kept_by_number
from kiosk.journey.steps.slip import reprint
from kiosk.journey.steps.supplement import CASE, waits
from kiosk.messages.questions import CaseProgress, ProgressQuestion
from kiosk.pages import Action, Answer, Block, Hero, Notice, Page, Tile, Tiles
from kiosk.paper_doubt import look_again
from kiosk.slips.intents import OpenSlip, missing_slips, open_slips
from kiosk.text import NOTHING, text

_LOOK_S = 2.0
_SUPPLEMENT = "supplement"


class Found(msgspec.Struct, frozen=True):
    """What was found. ``cases`` is the hub's answer, None without one; ``kept`` what only this machine can tell."""

    kept: list[Kept]
    cases: list[CaseProgress] | None
    code: str = ""
    """Of the slip that opened it; "" when the card did."""
    unreadable: int = 0
    """How many cases the hub told of in a form that this machine cannot read."""

    @property
    def services(self) -> dict[str, str]:
        """Receipt number to service key, "" where it is not known."""
        return {**{k.number: k.service for k in self.kept}, **{c.receipt_number: c.service for c in self.cases or []}}

    def state(self, number: str) -> str:
        """The last proved state, by the hub's word or by this machine's own queue."""
        case = self.case(number)
        if case and case.states:
            return case.states[-1].state
        kept = next((k for k in self.kept if k.number == number), None)
        return line_up.reached(kept) if kept else CaseState.DELIVERED

    def case(self, number: str) -> CaseProgress | None:
        """What the hub told of this number."""
        return next((c for c in self.cases or [] if c.receipt_number == number), None)


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        offline="goes_on",
        devices=(Use(device="receipt_printer", lost="goes_on"),),
        is_free=True,
        together="each",
        pages=2,
        taps=3,
    )


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Ask how, look it up, show it; a number can be tried after that. "Back" leads to the page before."""
    asked_by_card = journey.visit.card is not None
    found = await looked_up(journey)
    while found is not None:
        answer = await _shown(journey, found)
        if answer == "number":
            found = await _by_number(journey)
        elif answer == "back" and not asked_by_card:
            found = await _found_as_wished(journey)
        else:
            return Outcome.BACK if answer == "back" else Outcome.NEXT
    return Outcome.BACK


async def looked_up(journey: Journey) -> Found | None:
    """By the card that lies there, else as the person wishes; None for back."""
    return await (_by_card(journey) if journey.visit.card is not None else _found_as_wished(journey))


async def _found_as_wished(journey: Journey) -> Found | None:
    """By the card or the slip, as the person wishes; None for back."""
    while True:
        answer = await journey.visit.show(_how_page(journey))
        if answer.action not in ("number", "card"):
            return None
        found = await (_by_number(journey) if answer.action == "number" else _by_card(journey))
        if found is not None:
            return found


def _how_page(journey: Journey) -> Page:
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
    return journey.page(
        "progress_how", text("progress.how"), Tiles(tiles=ways, columns=1, wide=True), actions=journey.bar(NOTHING)
    )


async def _by_number(journey: Journey) -> Found | None:
    found = await by_number(journey, text("progress.enter"), card_opens=journey.visit.card is None)
    if found is None:
        return None
    if found.verdict == "closed":
        return await _by_card(journey)
    cases = found.cases if found.verdict == "open" else None if found.verdict == "offline" else []
    return Found(found.kept, cases, found.code, found.unreadable)


async def _by_card(journey: Journey) -> Found | None:
    """All that hub and machine have of this person; None for back."""
    card = await ask_card(journey)
    if card is None:
        return None
    reply = await ask_city(journey, ProgressQuestion(id_number=card.number))
    if isinstance(reply, Answer):
        return None
    cases = reply.payload.cases if isinstance(reply, Answered) else None
    unreadable = reply.payload.unreadable if isinstance(reply, Answered) else 0
    return Found(await _kept_here_only(journey, card, cases or []), cases, unreadable=unreadable)


async def _kept_here_only(journey: Journey, card: IdCard, cases: list[CaseProgress]) -> list[Kept]:
    """What this machine keeps that the hub did not tell of, each once."""
    found = await kept_by_card(journey.machine, card)
    for filed in reversed(journey.visit.filed):
        found += await kept_by_number(journey.machine, filed.receipt_number)
    known = {c.receipt_number for c in cases}
    return list({k.number: k for k in found if k.number not in known}.values())


async def _shown(journey: Journey, found: Found) -> str:
    """The id of the last action."""
    slip = await _owed(journey, found)
    answer = await journey.visit.show(_page(journey, found, slip))
    if answer.action == _SUPPLEMENT:
        await _bring_what_is_missing(journey, found)
    if slip and answer.action == "reprint":
        await reprint(journey, slip, found.state(slip.number), found.case(slip.number), found.code)
    return answer.action


async def _bring_what_is_missing(journey: Journey, found: Found) -> None:
    """补正 at once: as the service that the catalogue has for it, for the first case that waits."""
    waiting = next(case for case in found.cases or [] if waits(case))
    service = next(s for s in journey.machine.catalogue.services.values() if s.has_step("supplement"))
    inner = Journey(journey.visit, service, new_id(), facts={CASE: waiting.receipt_number})
    await run_journey(inner)


def _can_supplement(journey: Journey, found: Found) -> bool:
    """A department waits, and this machine can take what it waits for."""
    machine = journey.machine
    service = next((s for s in machine.catalogue.services.values() if s.has_step("supplement")), None)
    is_asked = any(waits(case) for case in found.cases or [])
    return bool(service and is_asked and machine.link.online and not listed(service, machine.peripherals))


async def _owed(journey: Journey, found: Found) -> OpenSlip | None:
    machine, services = journey.machine, found.services
    await look_again(machine, _LOOK_S)
    owed = await open_slips(machine, {*services}) or await missing_slips(machine, services)
    return next((slip for slip in owed if slip.service in machine.catalogue.services), None)


def _page(journey: Journey, found: Found, slip: OpenSlip | None) -> Page:
    actions = [*journey.bar(NOTHING, back=False), Action(id="next", label=text("action.done"), style="primary")]
    blocks = blocks_of(journey, found)
    if not found.services:
        enter = Action(id="number", label=text("progress.by_number"), style="secondary", icon="hash")
        actions.insert(1, enter)
    if slip:
        which = "" if slip.copy else "_first"
        notice = text(f"reprint.notice{which}", number=unbroken(slip.number))
        blocks.append(Notice(level="info", icon="printer", text=notice))
        print_ = Action(id="reprint", label=text(f"reprint.print{which}"), style="secondary", icon="printer")
        actions.insert(1, print_)
    if _can_supplement(journey, found):
        actions[-1] = Action(id="next", label=text("action.done"), style="secondary")
        actions.append(Action(id=_SUPPLEMENT, label=text("supplement.offer"), style="primary", icon="file-plus"))
    return journey.page("progress", journey.service.name, *blocks, actions=tuple(actions))


def blocks_of(journey: Journey, found: Found) -> list[Block]:
    """What has not reached the hub yet, and the hub's cases; all of them, the screen turns the pages."""
    machine = journey.machine
    services, now = machine.catalogue.services, machine.clock.now()
    blocks: list[Block] = []
    offline = found.cases is None
    if found.unreadable:
        left_out = text("progress.unreadable", n=found.unreadable)
        lead = text("progress.unreadable_lead", phone=machine.catalogue.help_phone)
        blocks.append(Notice(level="info", icon="info", text=left_out, detail=lead))
    elif not found.services:
        name = "none_here" if offline else "none"
        title, lead = text(f"progress.{name}"), text(f"progress.{name}_lead")
        return [Hero(icon="magnifying-glass", level="info", title=title, lead=lead)]
    if offline:
        by_card = "" if found.code else "_card"
        notice = text("progress.offline", time=f"{local(now):%H:%M}")
        detail = text(f"progress.offline{by_card}_lead")
        blocks.append(Notice(level="warn", icon="wifi-slash", text=notice, detail=detail))
    blocks += [line_up.of_kept(kept, services.get(kept.service)) for kept in found.kept]
    today = machine.clock.today()
    blocks += [line_up.of_case(case, machine.catalogue, today) for case in found.cases or []]
    return blocks
