"""The way in, and the ends: exit, idling, the lifted card, a fault."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
import trio

from kiosk.card_reading import read_card
from kiosk.maintenance import board, sign_in
from kiosk.maintenance.badge import Watched
from kiosk.maintenance.stay import BACK, LEAVE, CardAway, Stay
from kiosk.pages import Action, Answer, CardPrompt, Hero, Page
from kiosk.staff import Staff
from kiosk.text import text
from kiosk.visit import Visit, VisitEnded, message
from offline_cache.errors import StoreError

log = structlog.get_logger()


async def enter(visit: Visit) -> None:
    """After five taps on the emblem: ask for the technician's card, then maintenance. Raises VisitEnded."""
    title = text("maintenance.card_title")
    prompt = CardPrompt(title=title, lead=text("maintenance.card_lead"))
    found = await read_card(
        visit, Page(kind="maintenance_card", title=title, icon="wrench", blocks=(prompt,), actions=(LEAVE, BACK))
    )
    if isinstance(found, Answer):
        return
    staff = await visit.machine.staff.find(found)
    del found
    if staff is None or staff.role != "technician":
        await visit.machine.audit("maintenance_refused")
        await visit.tell(
            message(
                "maintenance_refused",
                "identification-card",
                "info",
                text("maintenance.refused"),
                text("maintenance.refused_lead"),
            )
        )
        return
    await _stay(visit, staff)


async def run(visit: Visit, staff: Staff) -> bool:
    """A technician's card lies on the reader: maintenance until it ends, or False when they come as a citizen.

    Raises VisitEnded when it ends by exit or idling.
    """
    if (await visit.show(lambda: _offer_page(visit))).action != "maintenance":
        return False
    await _stay(visit, staff)
    return True


def _offer_page(visit: Visit) -> Page:
    closed = visit.machine.out_of_service
    title = text("maintenance.offer")
    citizen = Action(
        id="citizen",
        label=text("maintenance.as_citizen"),
        style="secondary",
        icon="user-circle",
        enabled=not closed,
        reason=text("maintenance.closed"),
    )
    return Page(
        kind="maintenance_offer",
        title=title,
        icon="wrench",
        blocks=(Hero(icon="wrench", level="info", title=title, lead=text("maintenance.offer_lead")),),
        actions=(
            Action(id="exit", label=text("action.exit"), style="exit", icon="sign-out"),
            citizen,
            Action(id="maintenance", label=text("maintenance.title"), style="primary", icon="wrench"),
        ),
    )


async def _stay(visit: Visit, staff: Staff) -> None:
    stay = Stay(visit, staff)
    reason = "stopped"
    try:
        with stay.noticing_touches():
            reason = await _until_it_ends(stay)
    except Exception:
        reason = "fault"
        raise
    finally:
        if stay.signed_in:
            with trio.CancelScope(shield=True):
                await _record_logout(stay, reason)
    if reason == "card_lifted" and not stay.signed_in:
        await visit.tell(
            message(
                "maintenance_card_away",
                "identification-card",
                "info",
                text("maintenance.card_away"),
                text("maintenance.card_away_lead"),
            )
        )
    elif reason in ("exit", "idle"):
        raise VisitEnded("timeout" if reason == "idle" else "exit")


async def _record_logout(stay: Stay, reason: str) -> None:
    try:
        await stay.record("logout", reason=reason)
    except StoreError as error:
        log.error("logout_not_recorded", error=type(error).__name__)


async def _until_it_ends(stay: Stay) -> str:
    """The reason: exit, idle or card_lifted. A surprise passes through to the boundary of the visit."""
    while True:
        ended = await _first_of(lambda: _screens(stay), stay.badge.watch, stay.idle)
        if ended is not Watched.READER_BACK:
            return ended.value if isinstance(ended, Watched) else ended
        if (reason := await _own_card_away(stay)) != "":
            return reason


async def _screens(stay: Stay) -> str:
    try:
        if not stay.signed_in:
            await sign_in.ask_pin(stay)
        await board.show(stay)
        return "exit"
    except VisitEnded as ended:
        return _reason(ended)
    except CardAway:
        return Watched.LIFTED.value


def _reason(ended: VisitEnded) -> str:
    return "idle" if ended.reason == "timeout" else ended.reason


async def _own_card_away(stay: Stay) -> str:
    """The reader was lost for a while: whose card lies there must be seen anew. "" when it is the technician's."""
    title = text("maintenance.own_card")
    prompt = CardPrompt(title=title, lead=text("maintenance.own_card_lead"))
    page = stay.page("maintenance_own_card", title, prompt, actions=(LEAVE,))
    try:
        return "" if await stay.show_while(page, stay.badge.returned) is True else Watched.LIFTED.value
    except VisitEnded as ended:
        return _reason(ended)


async def _first_of(*contenders: Callable[[], Awaitable[str | Watched]]) -> str | Watched:
    """The result of whichever ends first; the others are canceled."""
    found: list[str | Watched] = []

    async def race(contender: Callable[[], Awaitable[str | Watched]], scope: trio.CancelScope) -> None:
        found.append(await contender())
        scope.cancel()

    async with trio.open_nursery() as nursery:
        for contender in contenders:
            nursery.start_soon(race, contender, nursery.cancel_scope)
    return found[0]
