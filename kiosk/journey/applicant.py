"""The applicant as filed: everything of use that was read from the card, with the address that counts."""

from __future__ import annotations

from devices.id_card_reader.card import LONG_TERM, IdCard
from kiosk.messages.content import Applicant
from kiosk.visit import Visit


async def applicant_of(visit: Visit) -> Applicant:
    """Who stands here, by their card. Waits for what is still being read of it. Raises RuntimeError without a card."""
    if visit.card is None:
        raise RuntimeError("a case needs a read card")
    return _applicant(visit.card, await visit.added_addresses())


def applicant_by(card: IdCard) -> Applicant:
    """Who a card is, by what is printed on it."""
    return _applicant(card, ())


def _applicant(card: IdCard, added: tuple[str, ...] | None) -> Applicant:
    """``added`` in the chip's order; None when it could not be read."""
    return Applicant(
        kind=card.kind,
        name=card.name,
        raw_name=card.raw_name,
        english_name=card.english_name,
        sex=card.sex,
        birth=f"{card.birth:%Y%m%d}",
        number=card.number,
        nation=card.nation,
        nation_code=card.nation_code,
        nationality=card.nationality,
        address=added[-1] if added else card.address,
        first_address=card.address if added else "",
        added_addresses=added or (),
        added_addresses_unread=added is None and card.kind == "resident",
        authority=card.authority,
        valid_from=f"{card.valid_from:%Y%m%d}" if card.valid_from else "",
        valid_to=f"{card.valid_to:%Y%m%d}" if card.valid_to else LONG_TERM,
        pass_number=card.pass_number,
        times_issued=card.times_issued,
        old_number_link=card.old_number_link,
        card_version=card.version,
    )
