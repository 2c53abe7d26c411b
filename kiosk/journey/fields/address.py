"""A standard address 标准地址, found by a few of its words in the city's base and chosen by one touch."""

from __future__ import annotations

from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.fields.kinds import FormField
from kiosk.journey.fields.own_pages import OwnPages
from kiosk.messages.hall import WORDS_CHARACTERS, AddressAnswer, AddressQuestion
from kiosk.messages.typed import plain
from kiosk.pages import Action, Answer, Block, Field, Hero, Notice, Page, Tile, Tiles
from kiosk.text import NOTHING, Text, same, text

_CHOSEN = "address:"
_WHOLE = 6
"""The shortest that can be a whole address, where nobody can look it up."""


async def _ask_address(journey: Journey, title: Text, field: FormField) -> Outcome:
    """Words, what has them, one of those; "back" goes to the words. Without the city the words are all there is."""
    typed, error = journey.answers.get(field.name, ""), NOTHING
    while True:
        answer = await journey.visit.show(_words_page(journey, title, field, typed, error))
        typed = " ".join(plain(str(answer.values.get(field.name, typed))).split())
        if answer.action == "back":
            return Outcome.BACK
        error = NOTHING if len(typed) >= WORDS_CHARACTERS[0] else text("address.short")
        if error:
            continue
        told = await _look_up(journey, title, typed)
        if told is None and len(typed) >= _WHOLE:
            journey.keep(field.name, typed, same(typed))
        if told is None:
            return Outcome.OFFLINE
        if not told.found:
            error = text("address.none")
            continue
        chosen = await _choose(journey, title, field, told)
        if chosen:
            journey.keep(field.name, chosen, same(chosen))
            return Outcome.NEXT


async def _look_up(journey: Journey, title: Text, words: str) -> AddressAnswer | None:
    """None: the city does not answer."""
    hero = Hero(icon="magnifying-glass", level="info", title=text("address.asking"), busy=True)
    page = journey.page("checking", title, hero, actions=journey.bar(NOTHING), timeout_s=0)
    reply = await journey.visit.show_while(page, lambda: journey.ask("address", AddressQuestion(words)))
    if isinstance(reply, Answer):
        return AddressAnswer()
    return reply.payload if isinstance(reply, Answered) else None


async def _choose(journey: Journey, title: Text, field: FormField, told: AddressAnswer) -> str:
    """One of those found; "": none of them."""
    answer = await journey.visit.show(_found_page(journey, title, field, told))
    chosen = answer.action.removeprefix(_CHOSEN)
    return chosen if chosen in told.found else ""


def _words_page(journey: Journey, title: Text, field: FormField, typed: str, error: Text) -> Page:
    block = Field(
        name=field.name,
        label=field.label,
        keys="text",
        value=typed,
        hint=field.hint or text("address.hint"),
        error=error,
        max_length=WORDS_CHARACTERS[1],
    )
    find = journey.bar(text("address.find"))
    return journey.page("address", title, block, lead=text("address.lead"), actions=find)


def _found_page(journey: Journey, title: Text, field: FormField, told: AddressAnswer) -> Page:
    tiles = tuple(Tile(action=Action(id=f"{_CHOSEN}{each}", label=same(each), icon="map-pin")) for each in told.found)
    blocks: list[Block] = [Tiles(title=field.label, tiles=tiles, columns=1, wide=True)]
    if told.more:
        blocks.append(Notice(level="info", icon="info", text=text("address.more")))
    again = Action(id="back", label=text("address.again"), style="secondary", icon="caret-left")
    actions = (journey.bar()[0], again)
    return journey.page("address_found", title, *blocks, lead=text("address.choose"), actions=actions)


ADDRESS = OwnPages(_ask_address, asks_city=True)
