"""What a person is told when their card is not for a service, and when a case could not be filed."""

from __future__ import annotations

from datetime import date

from devices.id_card_reader.card import IdCard
from kiosk.catalogue.model import Service
from kiosk.catalogue.rules import unfit
from kiosk.hub_link.filing import WrongHubKey
from kiosk.hub_link.numbers import NoNumber
from kiosk.pages import Page
from kiosk.text import Text, text
from kiosk.visit import message
from offline_cache.errors import StoreError

_WORDS = {"card_kind": "card.kind_refused", "card_expired": "card.expired", "age": "card.age"}


def not_filed(error: StoreError) -> Page:
    """Nothing was filed, and why: no room on the disk, nobody could open it, or the city does not know this machine."""
    why = "key" if isinstance(error, WrongHubKey) else "enrol" if isinstance(error, NoNumber) else "full"
    return message("not_filed", "warning-circle", "error", text("file.full_title"), text(f"file.{why}_lead"))


def card_problem(card: IdCard, service: Service, today: date) -> tuple[Text, Text] | None:
    """Why this card cannot be used for this service (title, what to do), or None."""
    found = unfit(service, card_kind=card.kind, birth=card.birth, valid_to=card.valid_to, today=today)
    if not found:
        return None
    words = _WORDS[found[0]]
    return text(words), text(f"{words}_lead", service=service.name)
