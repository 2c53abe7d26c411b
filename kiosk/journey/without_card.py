"""Who has lost the card: the number is typed, the register's picture is compared, or a guide confirms.

A number can be typed by anybody, so nothing of the register is shown, kept or asked with before the face has passed.
"""

from __future__ import annotations

from datetime import date

from devices.id_card_reader.card import IdCard, nation_name
from devices.id_card_reader.photo import PhotoDecoder, Portrait
from kiosk.clock import day_of
from kiosk.hub_link.client import Answered
from kiosk.journey import face
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.encoding import from_text
from kiosk.messages.register import MOST_PICTURE_BYTES, RegisterAnswer, RegisterQuestion
from kiosk.messages.typed import WronglyTyped, card_number
from kiosk.pages import Answer, Field, Hero, Page
from kiosk.text import NOTHING, Text, text
from kiosk.threads import in_thread
from kiosk.visit import message

NO_CARD = "no_card"
_DIGITS = 18


def is_open_to(journey: Journey) -> bool:
    """Whether what is done here can be begun without a card, and the city can be asked."""
    return journey.machine.link.online and journey.may_lack_card


async def identify(journey: Journey) -> Outcome:
    """Number, then face or guide. NEXT: the visit knows who it is, by the register."""
    error = NOTHING
    while number := await _ask_number(journey, error):
        found = await _look_up(journey, number)
        if isinstance(found, Text):
            error = found
            continue
        if found is None:
            return Outcome.BACK
        outcome = await _compared(journey, found)
        if outcome is Outcome.NEXT:
            journey.visit.take_unread(found)
            return Outcome.NEXT
        if outcome is not Outcome.BACK:
            return outcome
    return Outcome.BACK


async def _compared(journey: Journey, found: IdCard) -> Outcome:
    if found.portrait is None:
        words = text("no_card.no_picture"), text("no_card.no_picture_lead")
        await journey.visit.tell(message("card_refused", "identification-card", "warn", *words))
        return Outcome.LEAVE
    return await face.compared(journey, found)


async def _ask_number(journey: Journey, error: Text) -> str:
    """A number with a right check digit, or "" for back."""
    value = ""
    while True:
        field = Field(
            name="own_number",
            label=text("no_card.number"),
            keys="id_number",
            value=value,
            error=error,
            hint=text("no_card.hint"),
            max_length=_DIGITS,
        )
        page = journey.page("no_card", text("no_card.title"), field, lead=text("no_card.lead"))
        answer = await journey.visit.show(page)
        if answer.action == "back":
            return ""
        value = str(answer.values.get("own_number", ""))
        try:
            return card_number(value)
        except WronglyTyped:
            error = text("no_card.wrong")


async def _look_up(journey: Journey, number: str) -> IdCard | Text | None:
    """The person as the register has them; why not; None for back."""
    visit = journey.visit

    async def ask() -> IdCard | Text:
        with visit.asking_about(number):
            reply = await journey.machine.ask("register", RegisterQuestion(number))
        if not isinstance(reply, Answered):
            return text("no_card.not_now")
        if reply.payload.wait_s:
            return text("no_card.too_often")
        return await in_thread(_card_of, number, reply.payload)

    found = await visit.show_while(_asking_page(journey), ask)
    return None if isinstance(found, Answer) else found


def _asking_page(journey: Journey) -> Page:
    hero = Hero(icon="magnifying-glass", level="info", title=text("no_card.asking"), busy=True)
    return journey.page("checking", text("no_card.title"), hero, actions=journey.bar(NOTHING), timeout_s=0)


def _card_of(number: str, said: RegisterAnswer) -> IdCard:
    """As the card would be read. Of one whom the register does not tell there is no picture either."""
    picture = from_text(said.picture, "picture") if said.known else b""
    portrait: Portrait | None = None
    if 0 < len(picture) <= MOST_PICTURE_BYTES:
        portrait = PhotoDecoder("auto").decode(picture)
    return IdCard(
        kind="resident",
        name=said.name,
        sex=said.sex,
        nation_code=said.nation_code,
        nation=nation_name(said.nation_code),
        birth=day_of(said.birth) or date.min,
        address=said.address,
        number=number,
        authority=said.authority,
        valid_from=day_of(said.valid_from),
        valid_to=day_of(said.valid_to),
        portrait=portrait,
    )


async def refuse(journey: Journey) -> Outcome:
    """Who came without a card wants what needs one."""
    words = text("no_card.needs"), text("no_card.needs_lead", service=journey.service.name)
    await journey.visit.tell(message("card_refused", "identification-card", "warn", *words))
    return Outcome.LEAVE
