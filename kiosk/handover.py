"""What a person has said of a service that is not finished goes to the hub for the day, and comes back at any machine.

Only what was typed and chosen goes: every check is made anew; pictures, signatures and payments stay with the visit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from kiosk.catalogue.model import Service
from kiosk.hub_link.client import Answered
from kiosk.messages.handover import HandoverAnswer, HandoverQuestion, Said
from kiosk.text import Text

Asks = Callable[[str, Any], Awaitable[Any]]
"""A live question to the city (``Machine.ask``)."""
_ASKS = ("form", "choose")
"""The last confirmation of what cannot be undone is said anew."""


def said_of(service: Service, typed: Mapping[str, str]) -> list[Said]:
    """What was typed and chosen of what this service asks."""
    return [each for spec in service.steps if spec.kind in _ASKS for each in _said(spec, typed)]


def _said(spec: Any, typed: Mapping[str, str]) -> Iterator[Said]:
    for asked in spec.asks_for():
        if value := typed.get(asked.name, ""):
            label = _label(spec, asked.name)
            is_chosen = bool(asked.values) or spec.kind == "choose"
            yield Said(asked.name, value, {"zh": label.zh, "en": label.en}, is_chosen)


def _label(spec: Any, name: str) -> Text:
    """What its page calls it."""
    field = next((field for field in getattr(spec, "fields", ()) if field.name == name), spec)
    return getattr(field, "label", None) or spec.title


async def say(ask: Asks, action: Any, number: str, service: Service, said: list[Said]) -> HandoverAnswer | None:
    """The hub's answer; None without one."""
    reply = await ask("handover", HandoverQuestion(action, number, service.key, said))
    return reply.payload if isinstance(reply, Answered) else None


async def keep(ask: Asks, number: str, service: Service, typed: Mapping[str, str]) -> bool:
    """Leaves what was said; whether the hub has it."""
    kept = await say(ask, "keep", number, service, said_of(service, typed))
    return kept is not None and kept.state == "kept"


async def take(ask: Asks, number: str, service: Service) -> dict[str, str] | None:
    """What was left, once: {} when it is there no more, None when the hub cannot be asked."""
    taken = await say(ask, "take", number, service, [])
    return None if taken is None else {each.name: each.value for each in taken.said}
