"""Where else a service can be done: asked of the city while it answers, told from its last answer when it does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Literal, NamedTuple

import structlog
import trio

from kiosk.catalogue.model import Service
from kiosk.clock import Clock, local
from kiosk.hub_link.client import Answered
from kiosk.messages.places import NearbyQuestion, Place
from kiosk.text import NOTHING, Text, plain, text

EVERY_S = 120.0
_FAR_M = 1000
log = structlog.get_logger()


class Found(NamedTuple):
    """The nearest place for a service, and what does it there."""

    place: Place
    by: Literal["machine", "counter"]


class Nearby:
    """One per machine. ``places``: the nearest first; ``known_at``: when the city said so, None while it never has."""

    def __init__(
        self, clock: Clock, ask: Callable[[NearbyQuestion], Awaitable[Any]], is_online: Callable[[], bool]
    ) -> None:
        self.places: list[Place] = []
        self.known_at: datetime | None = None
        self._clock, self._ask, self._is_online = clock, ask, is_online

    async def run(self) -> None:
        """Asks again and again, until canceled."""
        while True:
            await self.look()
            await trio.sleep(EVERY_S if self.known_at else EVERY_S / 10)

    async def look(self) -> None:
        """Asks once; without an answer the last one stays."""
        if not self._is_online():
            return
        reply = await self._ask(NearbyQuestion())
        if isinstance(reply, Answered):
            self.places, self.known_at = list(reply.payload.places), self._clock.now()

    def nearest(self, service: Service) -> Found | None:
        """Where it can be done instead; a machine before the counter of the same hall."""
        for place in self.places:
            if service.key in place.machine:
                return Found(place, "machine")
            if service.line in place.counter:
                return Found(place, "counter")
        return None

    def where(self, service: Service) -> Text:
        """The nearest place and how far it is; "" for none."""
        found = self.nearest(service)
        if found is None:
            return NOTHING
        return text("nearby.where", place=bilingual(found.place.name), distance=distance(found.place))

    def words(self, service: Service) -> Text:
        """The nearest place in one sentence, with the hour of what is known where it is not of now; "" for none."""
        found = self.nearest(service)
        if found is None:
            return NOTHING
        where = self.where(service)
        said = text(f"nearby.{found.by}", where=where, hours=bilingual(found.place.hours) or text("nearby.no_hours"))
        return said if self._is_online() or self.known_at is None else text("nearby.as_of", said=said, at=self.hour())

    def hour(self) -> str:
        """When the city said so."""
        return f"{local(self.known_at):%H:%M}" if self.known_at else ""


def distance(place: Place) -> Text:
    """In the words of people; nothing where it is not known."""
    if place.distance_m < 0:
        return text("nearby.unknown_distance")
    if place.distance_m == 0:
        return text("nearby.here")
    if place.distance_m < _FAR_M:
        return text("nearby.metres", n=max(100, round(place.distance_m, -2)))
    return text("nearby.kilometres", n=f"{place.distance_m / 1000:.1f}")


def bilingual(words: dict[str, str]) -> Text:
    """What the city said in both languages; in one where there is no other."""
    zh = words.get("zh") or words.get("en") or ""
    return Text(plain(zh), plain(words.get("en") or zh))
