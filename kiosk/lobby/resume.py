"""What goes on: offered to whom it belongs, or found by the code that another machine gave for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kiosk.catalogue.model import Service
from kiosk.handover import Left
from kiosk.health import Offer
from kiosk.hub_link.client import Answered, Refused, Unreachable
from kiosk.lobby.offers import given_to
from kiosk.machine import Machine
from kiosk.messages.handover import ResumeAnswer, ResumeQuestion
from kiosk.messages.resume_code import RESUME_CODE_LENGTH, is_resume_code, typed_code
from kiosk.pages import Action, Answer, Field, Hero, Page
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import Visit, message

RESUME = "resume"
_EXIT = Action(id="exit", label=text("action.exit"), style="exit", icon="sign-out")
_BACK = Action(id="back", label=text("action.back"), style="secondary", icon="caret-left")


def resume_page(machine: Machine, visit: Visit, service: Service, *, is_left: bool) -> Page:
    """The result has come for which this person laid a service down, or it was left: it goes on with one touch."""
    title, lead = ("handover.left", "handover.left_lead") if is_left else ("resume.ready", "resume.lead")
    hero = Hero(icon=service.icon, level="ok", title=text(title, service=service.name), lead=text(lead))
    later = Action(id="later", label=text("resume.later"), style="secondary")
    go_on = Action(id="next", label=text("resume.go_on"), style="primary")
    return Page(
        kind="resume",
        title=text("todo.hello", name=same(visit.masked_name)),
        blocks=(hero,),
        chips=machine.chips(),
        icon=service.icon,
        service=service.key,
        line=machine.catalogue.lines[service.line],
        actions=(_EXIT, later, go_on),
    )


def resume_tile(machine: Machine) -> Action:
    """The way to what another machine has left, for who has its code."""
    is_on = machine.link.online
    reason = NOTHING if is_on else text("resume_code.offline")
    return Action(id=RESUME, label=text("resume.go_on"), icon="arrows-clockwise", enabled=is_on, reason=reason)


async def left_by_code(visit: Visit) -> Left | None:
    """Asks for a code until it leads to something; None for back."""
    value, error = "", NOTHING
    while True:
        answer = await visit.show(code_page(visit.machine, value, error))
        value = typed_code(str(answer.values.get("resume_code", "")))
        if answer.action != "next":
            return None
        if not is_resume_code(value):
            error = text("resume_code.wrong" if len(value) == RESUME_CODE_LENGTH else "resume_code.length")
            continue
        found = await _led_to(visit, value)
        if isinstance(found, Left):
            return found
        error = found


def code_page(machine: Machine, value: str = "", error: Text = NOTHING) -> Page:
    """Where the code is typed."""
    field = Field(
        name="resume_code",
        label=text("resume_code.label"),
        keys="code",
        value=value,
        error=error,
        hint=text("resume_code.hint"),
        max_length=RESUME_CODE_LENGTH,
    )
    go_on = Action(id="next", label=text("action.next"), style="primary")
    return Page(
        kind="resume_code",
        title=text("resume_code.title"),
        lead=text("resume_code.lead"),
        icon="arrows-clockwise",
        blocks=(field,),
        chips=machine.chips(),
        actions=(_EXIT, _BACK, go_on),
        is_free=True,
    )


async def _led_to(visit: Visit, code: str) -> Left | Text:
    """What the code leads to, or why to nothing. A try that opens nothing is counted, and too many wait."""
    tries = visit.machine.slip_tries
    if wait_s := tries.wait_s():
        return text("resume_code.wait", minutes=-(-wait_s // 60))
    asking = text("resume_code.asking")
    page = Page(
        kind="checking",
        title=text("resume_code.title"),
        blocks=(Hero(icon="magnifying-glass", level="info", title=asking, busy=True),),
        actions=(_EXIT, _BACK),
        timeout_s=0,
        is_free=True,
    )
    reply = await visit.show_while(page, partial(visit.machine.ask, "resume", ResumeQuestion(code)))
    if isinstance(reply, Answer):
        return NOTHING
    return _judged_reply(visit.machine, code, reply)


def _judged_reply(machine: Machine, code: str, reply: Answered | Refused | Unreachable) -> Left | Text:
    told = reply.payload if isinstance(reply, Answered) else None
    if not isinstance(told, ResumeAnswer):
        return text("resume_code.not_now")
    if told.state == "found":
        return Left(told.service, tuple(told.parts), code)
    if told.state == "wait":
        return text("resume_code.wait", minutes=-(-told.wait_s // 60))
    machine.slip_tries.miss()
    return text("resume_code.none")


async def can_go_on(visit: Visit, service: Service, parts: Sequence[Service]) -> bool:
    """Whether this machine can do it now, all of it; where not, why, and that it is still left."""
    offers = [given_to(visit.machine, each, visit.card) for each in parts]
    offer: Offer | None = next((each for each in offers if not each.available), None)
    if offer is None:
        return True
    title = text("handover.not_here", service=service.name)
    lead = text("handover.not_here_lead", reason=offer.reason)
    await visit.tell(message("handover_not_here", "power-plug", "warn", title, lead))
    return False
