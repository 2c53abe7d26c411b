"""Delivery by post 邮寄: whereto. The address goes into a message of its own and stands on no paper but masked.

Only the person themselves gets it, so nobody else's name can be written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import msgspec

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.kinds import kind_named
from kiosk.catalogue.model import About, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.bounds import PHONE
from kiosk.messages.content import PostAddress
from kiosk.messages.encoding import decode
from kiosk.messages.masking import mask_address, mask_phone
from kiosk.messages.typed import digits, plain
from kiosk.pages import Action, Fact, Field, Page
from kiosk.slips.model import Row
from kiosk.text import NOTHING, Text, same, text

_PART = "delivery"
_ADDRESS, _PHONE = "post_address", "post_phone"
_LEAST_CHARACTERS = 8
"""The shortest that can name city, street and house."""


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own: ``only_if`` says which answer means that it is posted.

    It counts for no page: only who would rather write an address than come again has it.
    """

    about: ClassVar[About] = About(mark="fill", adds=(_PART,), is_once=True, pages=0, taps=0)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """It is posted to the person whose card was read, with the case that is filed later."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody is known to whom it is posted", "put a step identify before it")
        if "file" in service.kinds_before(at) or not service.has_step("file"):
            yield Finding((), "nothing is filed after it that is posted", "put a step file after it")


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """Whereto, in full: it is this person who must find a mistake in it."""
    to = _address_before(journey)
    if to is None:
        return []
    return [
        Fact(label=text("post.address"), value=same(to.address)),
        Fact(label=text("post.phone"), value=same(to.phone)),
    ]


def slip_rows(journey: Journey, _spec: Spec) -> list[Row]:
    """Whereto, masked."""
    to = _address_before(journey)
    return [Row(text("post.to"), same(f"{mask_address(to.address)} {mask_phone(to.phone)}"))] if to else []


def what_next(journey: Journey) -> Text:
    """What happens once it is accepted: it is posted, or what was chosen leads to, or what the service says."""
    if _address_before(journey) is not None and journey.service.department:
        return text("post.what_next")
    for spec in (journey.service.steps[at] for at in journey.asked()):
        if said := getattr(kind_named(spec.kind), "leads_to", lambda _journey, _spec: NOTHING)(journey, spec):
            return said
    return journey.service.what_next


def _address_before(journey: Journey) -> PostAddress | None:
    data = journey.parts.get(_PART)
    return decode(data, PostAddress) if data else None


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Ask until address and telephone number can be right."""
    known, wrong = _address_before(journey), dict[str, Text]()
    values = {
        _ADDRESS: known.address if known else "",
        _PHONE: known.phone if known else journey.answers.get("phone", ""),
    }
    on_card = await _on_card(journey)
    while True:
        answer = await journey.visit.show(_page(journey, values, wrong, on_card))
        values |= {name: str(answer.values.get(name, values[name])) for name in values}
        if answer.action == "back":
            return Outcome.BACK
        if answer.action == "as_on_card":
            values[_ADDRESS], wrong = on_card, {}
            continue
        address, phone = " ".join(plain(values[_ADDRESS]).split()), digits(values[_PHONE])
        wrong = _wrong(address, phone)
        if not wrong:
            card = journey.visit.card
            to = PostAddress((card.name or card.english_name) if card else "", phone, address)
            journey.add_part(_PART, msgspec.json.encode(to))
            return Outcome.NEXT


async def _on_card(journey: Journey) -> str:
    """The address that counts: of those appended to the card the last one, else the printed one."""
    added = await journey.visit.added_addresses()
    if added:
        return added[-1]
    return journey.visit.card.address if journey.visit.card else ""


def _wrong(address: str, phone: str) -> dict[str, Text]:
    found: dict[str, Text] = {}
    if len(address) < _LEAST_CHARACTERS:
        found[_ADDRESS] = text("post.address_short")
    if not re.fullmatch(PHONE, phone, re.ASCII):
        found[_PHONE] = text("post.phone_wrong")
    return found


def _page(journey: Journey, values: dict[str, str], wrong: dict[str, Text], on_card: str) -> Page:
    address = Field(
        name=_ADDRESS,
        label=text("post.address"),
        keys="text",
        value=values[_ADDRESS],
        hint=text("post.address_hint"),
        error=wrong.get(_ADDRESS, NOTHING),
        max_length=80,
    )
    phone = Field(
        name=_PHONE,
        label=text("post.phone"),
        keys="phone",
        value=values[_PHONE],
        hint=text("field.phone_hint"),
        error=wrong.get(_PHONE, NOTHING),
        max_length=11,
    )
    exit_, back, forward = journey.bar()
    as_on_card = Action(id="as_on_card", label=text("post.as_on_card"), style="secondary", icon="identification-card")
    offered = (as_on_card,) if on_card and values[_ADDRESS] != on_card else ()
    actions = (exit_, back, *offered, forward)
    return journey.page("delivery", text("post.title"), address, phone, lead=text("post.lead"), actions=actions)
