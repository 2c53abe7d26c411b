"""Reprint 回执补打: the slip of a case once more, masked, marked as a copy and counted."""

from __future__ import annotations

from typing import ClassVar

from kiosk.cases import unbroken
from kiosk.catalogue.model import About, StepSpec, Use
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps.progress import Found, looked_up
from kiosk.journey.steps.slip import reprint
from kiosk.pages import Action, Page, Tile, Tiles
from kiosk.slips.intents import OpenSlip, next_copy
from kiosk.text import NOTHING, same, text
from kiosk.threads import in_thread
from kiosk.visit import message

MOST_COPIES = 5
"""Of one case at one machine: paper is for people, not for play."""


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        offline="goes_on",
        devices=(Use(device="receipt_printer", lost="goes_on"),),
        is_free=True,
        together="each",
        pages=2,
        taps=2,
    )


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Look up by card or number, choose where there are several, print."""
    found = await looked_up(journey)
    return Outcome.BACK if found is None else await _of(journey, found)


async def _of(journey: Journey, found: Found) -> Outcome:
    known = journey.machine.catalogue.services
    slips = [
        await in_thread(next_copy, journey.machine, number, service)
        for number, service in found.services.items()
        if service in known
    ]
    if not slips:
        return await _tell_refusal(journey, "none")
    slip = slips[0] if len(slips) == 1 else await _chosen_slip(journey, slips)
    if slip is None:
        return Outcome.BACK
    if slip.copy > MOST_COPIES:
        return await _tell_refusal(journey, "too_often")
    await reprint(journey, slip, found.state(slip.number), found.case(slip.number), found.code)
    return Outcome.NEXT


async def _chosen_slip(journey: Journey, slips: list[OpenSlip]) -> OpenSlip | None:
    answer = await journey.visit.show(_which_page(journey, slips))
    return next((slip for slip in slips if answer.action == f"slip:{slip.number}"), None)


def _which_page(journey: Journey, slips: list[OpenSlip]) -> Page:
    names = journey.machine.catalogue.services
    tiles = tuple(
        Tile(
            action=Action(id=f"slip:{slip.number}", label=names[slip.service].name, icon=names[slip.service].icon),
            lead=same(unbroken(slip.number)),
        )
        for slip in slips
    )
    which = Tiles(tiles=tiles, columns=1, wide=True)
    return journey.page("reprint_which", text("reprint.which"), which, actions=journey.bar(NOTHING))


async def _tell_refusal(journey: Journey, what: str) -> Outcome:
    page = message(f"reprint_{what}", "printer", "warn", text(f"reprint.{what}"), text(f"reprint.{what}_lead"))
    await journey.visit.tell(page)
    return Outcome.NEXT
