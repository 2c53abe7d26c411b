"""The PIN, and the wait while no further try is taken."""

from __future__ import annotations

from functools import partial

import trio

from kiosk.maintenance.stay import LEAVE, Stay
from kiosk.maintenance.words import duration
from kiosk.pages import Action, Field, Hero, Page
from kiosk.staff import MAX_DIGITS
from kiosk.text import NOTHING, Text, text


async def ask_pin(stay: Stay) -> None:
    """Returns after the right PIN. VisitEnded passes through."""
    error = NOTHING
    while not stay.signed_in:
        await _wait_while_locked(stay)
        answer = await stay.show(_pin_page(stay, error))
        pin = str(answer.values.get("pin", ""))
        if not pin:
            error = text("maintenance.pin_missing")
            continue
        # A try that was begun is written down to its end, whoever lifts the card meanwhile.
        with trio.CancelScope(shield=True):
            await stay.show_while(_checking_page(stay), partial(_try, stay, pin))
        error = text("maintenance.pin_wrong")


async def _try(stay: Stay, pin: str) -> None:
    book = stay.machine.staff
    if await book.check_pin(stay.staff, pin):
        await stay.record("login")
        stay.signed_in = True
        return
    await stay.record("pin_failed")
    locked_s = await book.locked_for_s(stay.staff)
    if locked_s > 0:
        await stay.record("locked", seconds=round(locked_s))


async def _wait_while_locked(stay: Stay) -> None:
    async def unlocked() -> None:
        while (left_s := await stay.machine.staff.locked_for_s(stay.staff)) > 0:
            stay.visit.update(_locked_page(stay, left_s))
            await trio.sleep(min(1.0, left_s))

    while (left_s := await stay.machine.staff.locked_for_s(stay.staff)) > 0:
        await stay.show_while(_locked_page(stay, left_s), unlocked)


def _pin_page(stay: Stay, error: Text) -> Page:
    field = Field(name="pin", label=text("maintenance.pin_label"), keys="pin", error=error, max_length=MAX_DIGITS)
    go_on = Action(id="next", label=text("action.next"), style="primary")
    return stay.page(
        "maintenance_pin",
        text("maintenance.pin_title"),
        field,
        lead=text("maintenance.pin_lead"),
        actions=(LEAVE, go_on),
    )


def _checking_page(stay: Stay) -> Page:
    hero = Hero(icon="lock", level="info", title=text("staff.checking"), busy=True)
    return stay.page("maintenance_checking", text("maintenance.pin_title"), hero, actions=())


def _locked_page(stay: Stay, left_s: float) -> Page:
    title = text("maintenance.locked")
    hero = Hero(icon="lock", level="warn", title=title, lead=text("maintenance.locked_lead", wait=duration(left_s)))
    return stay.page("maintenance_locked", title, hero, actions=(LEAVE,))
