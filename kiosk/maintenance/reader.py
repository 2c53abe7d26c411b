"""Test read. Only the fields of a test card are shown; of any other card, that it was read, its kind and the time."""

from __future__ import annotations

from datetime import date
from functools import partial

import msgspec
import trio

from devices.contract import Completed
from devices.id_card_reader.card import IdCard
from devices.vocabulary import WORKS, Completion
from kiosk.maintenance import words
from kiosk.maintenance.badge import BACK_WITHIN_S
from kiosk.maintenance.stay import BACK, LEAVE, CardAway, Stay
from kiosk.pages import Answer, CardPrompt, Fact, Facts, Hero, Notice, Page
from kiosk.roster import READER
from kiosk.text import same, text

TEST_DIVISION = "99"
_WAIT_S = 3600.0
_FIELDS = (
    "name",
    "english_name",
    "sex",
    "nation",
    "nationality",
    "birth",
    "address",
    "number",
    "authority",
    "valid_from",
    "valid_to",
    "pass_number",
)


class Reading(msgspec.Struct, frozen=True):
    """What of a test read may be shown. ``fields`` is empty unless it was a test card; ``ms`` None when not known."""

    error: str = ""
    kind: str = ""
    ms: int | None = None
    fields: tuple[tuple[str, str], ...] = ()


async def read(stay: Stay, name: str) -> None:
    """A test card is placed and read. Where the technician's own card lies, it makes room and comes back afterwards."""
    if name == stay.badge.reader:
        await _read_in_place_of_the_own(stay, name)
        return
    found = await stay.show_while(_place_page(stay, "maintenance.test_read_other"), partial(_read_one_card, stay, name))
    if not isinstance(found, Answer):
        await stay.show(_result_page(stay, found, own_card=True))


async def _read_in_place_of_the_own(stay: Stay, name: str) -> None:
    lifted = trio.Event()
    async with stay.badge.lent():
        found = await stay.show_while(
            _place_page(stay, "maintenance.test_read_place"), partial(_read_other, stay, name, lifted)
        )
        if not lifted.is_set():
            return
        reading = None if isinstance(found, Answer) else found
        back = await stay.show_while(_result_page(stay, reading, own_card=False), stay.badge.returned)
    if back is not True and stay.machine.peripherals.status(name).device in WORKS:
        raise CardAway
    if reading is not None:
        await stay.show(_result_page(stay, reading, own_card=True))


def is_test_card(card: IdCard) -> bool:
    """Whether no real person can have this card: division code 99…, which GB/T 2260 does not give to any place.

    The number of the foreigners' card of 2017 has the division after three letters of nationality.
    """
    division = card.number[3:] if card.kind == "foreigner_2017" else card.number
    return division.startswith(TEST_DIVISION)


def _place_page(stay: Stay, asked: str) -> Page:
    title = text("maintenance.test_read")
    lead = text(f"{asked}_lead", seconds=round(BACK_WITHIN_S))
    prompt = CardPrompt(title=text(asked), lead=lead)
    return stay.page("maintenance_read", title, prompt, actions=(LEAVE, BACK))


async def _read_other(stay: Stay, name: str, lifted: trio.Event) -> Reading:
    await _wait_until_lifted(stay, name)
    lifted.set()
    return await _read_one_card(stay, name)


async def _read_one_card(stay: Stay, name: str) -> Reading:
    call = stay.machine.peripherals.call
    began = stay.machine.clock.monotonic()
    done = await stay.tested(name, "test_read", partial(call, name, "read_card", BACK_WITHIN_S))
    found_at = stay.faults.present_since(name)
    ms = None
    if found_at is not None and found_at >= began:
        ms = round((stay.machine.clock.monotonic() - found_at) * 1000)
    return _reading(done, ms)


async def _wait_until_lifted(stay: Stay, name: str) -> None:
    """A reader that cannot tell is trusted to be free; what lies there is then read as the other card."""
    while True:
        done = await stay.machine.peripherals.call(name, "wait_removed", _WAIT_S)
        if done.code is not Completion.TIME_OUT:
            return


def _reading(done: Completed, ms: int | None) -> Reading:
    if not done.ok:
        return Reading(error=done.error or done.code.value)
    card: IdCard = done.value
    fields = tuple((f, str(getattr(card, f))) for f in _FIELDS if _is_known(getattr(card, f)))
    return Reading(kind=card.kind, ms=ms, fields=fields if is_test_card(card) else ())


def _is_known(value: str | date | None) -> bool:
    return bool(value) and value != date.min


def _result_page(stay: Stay, reading: Reading | None, *, own_card: bool) -> Page:
    blocks: list = []
    if not own_card:
        blocks.append(
            Notice(
                level="warn",
                icon="identification-card",
                text=text("maintenance.own_card"),
                detail=text("maintenance.own_card_lead"),
            )
        )
    if reading is None:
        blocks.append(CardPrompt(title=text("maintenance.own_card"), lead=text("maintenance.own_card_lead")))
    elif reading.error:
        blocks.append(
            Hero(
                icon="warning-circle",
                level="error",
                title=text("maintenance.read_failed"),
                lead=words.fault(reading.error, READER),
            )
        )
    else:
        blocks.append(_result(reading))
        if not reading.fields:
            blocks.append(Notice(level="info", icon="eye-slash", text=text("maintenance.not_test_card")))
    actions = (LEAVE, BACK) if own_card else (LEAVE,)
    return stay.page(
        "maintenance_read_result" if own_card else "maintenance_own_card",
        text("maintenance.test_read"),
        *blocks,
        actions=actions,
    )


def _result(reading: Reading) -> Facts:
    took = same(f"{reading.ms} ms") if reading.ms is not None else text("maintenance.time_unknown")
    rows = [
        Fact(label=text("maintenance.read"), value=text("maintenance.read_ok")),
        Fact(label=text("maintenance.card_kind"), value=text(f"maintenance.kind_{reading.kind}")),
        Fact(label=text("maintenance.time"), value=took),
    ]
    rows += [Fact(label=text(f"maintenance.field_{name}"), value=same(value)) for name, value in reading.fields]
    return Facts(rows=tuple(rows))
