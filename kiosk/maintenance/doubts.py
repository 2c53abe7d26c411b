"""Effects that were begun and whose end no device could prove: the technician looks and says."""

from __future__ import annotations

from functools import partial

from kiosk.clock import from_rfc3339
from kiosk.maintenance import words
from kiosk.maintenance.stay import Stay
from kiosk.pages import Action, Board, BoardRow, Hero, Page
from kiosk.slips.intents import PRINT
from kiosk.text import Text, text
from kiosk.threads import in_thread
from offline_cache.journal import Intent

_SHOWN = 12
_TAIL = 4
OUTCOMES = ("printed", "not_printed")


async def show(stay: Stay) -> None:
    """Until "back"; every answer is audited."""
    while (answer := await stay.show_live(partial(_page, stay))).action != "back":
        outcome, _, number = answer.action.partition(":")
        await stay.order("settle_doubt", intent=int(number), outcome=outcome)


async def _page(stay: Stay) -> Page:
    title = text("maintenance.doubts")
    found = await in_thread(_open_intents, stay)
    if not found:
        hero = Hero(icon="check-circle", level="ok", title=text("maintenance.no_doubts"))
        return stay.page("maintenance_doubts", title, hero)
    rows = tuple(_row(intent, tail) for intent, tail in found)
    return stay.page("maintenance_doubts", title, Board(rows=rows), lead=text("maintenance.doubts_lead"))


def _open_intents(stay: Stay) -> list[tuple[Intent, str]]:
    """The oldest open intents, each with the last digits of the receipt number that stands on its slip."""
    found = []
    for intent in stay.machine.journal.open_intents(PRINT)[:_SHOWN]:
        numbers = [row.receipt_number for row in stay.machine.outbox.find(case_id=intent.ref) if row.receipt_number]
        found.append((intent, numbers[0][-_TAIL:] if numbers else ""))
    return found


def _row(intent: Intent, tail: str) -> BoardRow:
    actions = tuple(
        Action(id=f"{outcome}:{intent.id}", label=text(f"maintenance.{outcome}"), style="secondary")
        for outcome in OUTCOMES
    )
    name: Text = words.known(f"maintenance.intent_{intent.kind}", text("maintenance.intent_other"))
    return BoardRow(
        icon="printer" if intent.kind == "print" else "question",
        name=name,
        state=text("maintenance.doubtful"),
        level="warn",
        detail=text(
            "maintenance.intent_tail" if tail else "maintenance.intent_since",
            when=words.moment(from_rfc3339(intent.begun_at)),
            tail=tail,
        ),
        actions=actions,
    )
