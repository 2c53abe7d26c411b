"""A card that is asked for: a page, the card that comes, and in plain words why one cannot be read."""

from __future__ import annotations

import msgspec

from devices.contract import Completed
from devices.id_card_reader.card import IdCard
from kiosk.pages import Answer, Notice, Page
from kiosk.peripherals import is_lost
from kiosk.roster import READER
from kiosk.text import NOTHING, Text, text
from kiosk.visit import Visit


async def read_card(visit: Visit, page: Page) -> IdCard | Answer:
    """Show ``page`` and wait for a readable card; what goes wrong is said on the page in plain words."""
    trouble = [NOTHING]

    def shown() -> Page:
        if not visit.machine.peripherals.is_usable(READER):
            return _with_notice(page, text("card.reader_lost"))
        if visit.machine.next_card.is_left:
            return _with_notice(page, text("card.left"))
        return _with_notice(page, trouble[0]) if trouble[0] else page

    def failed(done: Completed) -> None:
        trouble[0] = NOTHING if is_lost(done) else reading_trouble(done)
        visit.update(shown())

    with visit.machine.refreshing(lambda: visit.update(shown())):
        return await visit.show_while(shown, lambda: visit.machine.next_card.read(failed))


def reading_trouble(done: Completed) -> Text:
    """What went wrong with a read, in plain words; nothing when only no card was there."""
    if done.error in ("lift_card", "unknown_card", "select_failed", "card_unreadable"):
        return text(f"card.{done.error}")
    return NOTHING if done.error == "no_card" else text("card.reader_lost")


def _with_notice(page: Page, words: Text) -> Page:
    notice = Notice(level="warn", icon="warning", text=words)
    return msgspec.structs.replace(page, blocks=(notice, *page.blocks))
