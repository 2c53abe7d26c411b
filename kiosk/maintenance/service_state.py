"""Out of service with a reason that the home page shows, and back."""

from __future__ import annotations

from functools import partial

from kiosk.maintenance.stay import BACK, LEAVE, Stay
from kiosk.pages import Action, Hero, Page, Tile, Tiles
from kiosk.text import text

REASONS = {"maintenance": "wrench", "paper": "receipt", "fault": "warning-circle"}


async def show(stay: Stay) -> None:
    """Until "back"."""
    while (answer := await stay.show_live(partial(_page, stay))).action != "back":
        reason = answer.action.partition(":")[2]
        await stay.order("service_state", reason=reason)


async def _page(stay: Stay) -> Page:
    now = stay.machine.out_of_service
    if now:
        hero = Hero(
            icon="prohibit", level="warn", title=text(f"maintenance.closed_{now}"), lead=text("maintenance.closed_lead")
        )
    else:
        hero = Hero(icon="check-circle", level="ok", title=text("maintenance.in_service"))
    choices = tuple(
        Tile(
            action=Action(
                id=f"close:{reason}",
                label=text(f"maintenance.close_{reason}"),
                icon=icon,
                enabled=reason != now,
                reason=text("maintenance.so_now"),
            )
        )
        for reason, icon in REASONS.items()
    )
    open_ = Action(id="open:", label=text("maintenance.back_in_service"), style="primary", icon="check-circle")
    return stay.page(
        "maintenance_service",
        text("maintenance.service_state"),
        hero,
        Tiles(title=text("maintenance.close"), tiles=choices, columns=3),
        actions=(LEAVE, BACK, open_) if now else (LEAVE, BACK),
    )
