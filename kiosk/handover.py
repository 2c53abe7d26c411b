"""What a person has said of what is not finished goes to the hub for the day, and comes back at any machine.

Only what was typed and chosen goes: every check is made anew; pictures, signatures and payments stay with the visit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kiosk.catalogue.model import Service, StepSpec
from kiosk.hub_link.client import Answered
from kiosk.messages.handover import HandoverAnswer, HandoverQuestion, Said
from kiosk.text import Text

Asks = Callable[[str, Any], Awaitable[Any]]
"""A live question to the city (``Machine.ask``)."""
Typed = Mapping[str, Mapping[str, str]]
"""What was typed and chosen, by service and field (``Visit.typed``)."""
_ASKS = ("form", "choose")
"""The last confirmation of what cannot be undone is said anew."""


class Begun(NamedTuple):
    """What is being done: a service, or several as one. ``asks``: the steps by the key under which they are answered.

    ``parts``: the keys of several, in their order.
    """

    key: str
    name: Text
    asks: Mapping[str, Sequence[StepSpec]]
    parts: tuple[str, ...] = ()


class Left(NamedTuple):
    """What is left at the hub; ``code``: what has led to it, "" where the person's card did."""

    key: str
    parts: tuple[str, ...] = ()
    code: str = ""


def alone(service: Service) -> Begun:
    """One service by itself."""
    return Begun(service.key, service.name, {service.key: service.steps})


def said_of(begun: Begun, typed: Typed) -> list[Said]:
    """What was typed and chosen of what this asks."""
    return [
        each
        for key, specs in begun.asks.items()
        for spec in specs
        if spec.kind in _ASKS
        for each in _said_of_step(spec, typed.get(key, {}), "" if key == begun.key else key)
    ]


def _said_of_step(spec: Any, typed: Mapping[str, str], part: str) -> Iterator[Said]:
    for asked in spec.asks_for():
        if value := typed.get(asked.name, ""):
            label = _label(spec, asked.name)
            is_chosen = bool(asked.values) or spec.kind == "choose"
            yield Said(asked.name, value, {"zh": label.zh, "en": label.en}, is_chosen, part)


def _label(spec: Any, name: str) -> Text:
    """What its page calls it."""
    field = next((field for field in getattr(spec, "fields", ()) if field.name == name), spec)
    return getattr(field, "label", None) or spec.title


async def say(ask: Asks, action: Any, number: str, key: str, **more: Any) -> HandoverAnswer | None:
    """The hub's answer; None without one."""
    reply = await ask("handover", HandoverQuestion(action, number, key, **more))
    return reply.payload if isinstance(reply, Answered) else None


async def keep(ask: Asks, number: str, begun: Begun, typed: Typed) -> bool:
    """Leaves what was said; whether the hub has it."""
    kept = await say(ask, "keep", number, begun.key, said=said_of(begun, typed), parts=list(begun.parts))
    return kept is not None and kept.state == "kept"


async def code_for(ask: Asks, number: str, key: str) -> str:
    """The code that leads another machine to what is left; "" where the hub gives none."""
    made = await say(ask, "code", number, key)
    return made.code if made is not None else ""


async def take(ask: Asks, number: str, left: Left) -> list[Said] | None:
    """What was left: [] when it is there no more or is another person's, None when the hub cannot be asked."""
    taken = await say(ask, "take", number, left.key, code=left.code)
    return None if taken is None else taken.said
