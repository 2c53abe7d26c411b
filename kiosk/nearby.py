"""Where else a service can be done: asked of the city while it answers, told from its last answer when it does not.

The last answer is kept, so that a machine that is started anew without a network still knows it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec
import structlog
import trio

from kiosk import shapes
from kiosk.catalogue.model import Service
from kiosk.clock import Clock, local
from kiosk.hub_link.client import Answered
from kiosk.messages.places import NearbyQuestion, Place
from kiosk.text import NOTHING, Text, text, uncut
from kiosk.threads import in_thread
from offline_cache.errors import StoreError
from offline_cache.values import Kept, Values

EVERY_S = 120.0
_FAR_M = 1000
_PLACE = ("nearby", "places")
_KEPT_FOR = timedelta(hours=1)
"""What did not change is written no more often: after a restart the hour may be too early, never too late."""
log = structlog.get_logger()


class Found(NamedTuple):
    """The nearest place for a service, and what does it there."""

    place: Place
    by: Literal["machine", "counter"]


class Nearby:
    """One per machine. ``places``: the nearest first; ``known_at``: when the city said so, None while it never has."""

    def __init__(
        self,
        clock: Clock,
        ask: Callable[[NearbyQuestion], Awaitable[Any]],
        is_online: Callable[[], bool],
        values: Values | None = None,
    ) -> None:
        self.places: list[Place] = []
        self.known_at: datetime | None = None
        self._clock, self._ask, self._is_online, self._values = clock, ask, is_online, values
        self._is_of_this_run, self._kept_at = False, datetime.min.replace(tzinfo=UTC)
        if values is not None:
            self._remember(values.kept(*_PLACE))

    async def run(self) -> None:
        """Asks again and again, until canceled."""
        while True:
            await self.look()
            await trio.sleep(EVERY_S if self._is_of_this_run else EVERY_S / 10)

    async def look(self) -> None:
        """Asks once; without an answer the last one stays."""
        if not self._is_online():
            return
        reply = await self._ask(NearbyQuestion())
        if isinstance(reply, Answered):
            before, at = self.places, self._clock.now()
            self.places, self.known_at, self._is_of_this_run = list(reply.payload.places), at, True
            if self._values is not None and (self.places != before or at - self._kept_at > _KEPT_FOR):
                await self._keep(self._values, at)

    async def _keep(self, values: Values, at: datetime) -> None:
        try:
            await in_thread(values.put, *_PLACE, msgspec.json.encode(self.places))
            self._kept_at = at
        except StoreError as error:
            log.warning("nearby_not_kept", error=type(error).__name__)

    def _remember(self, kept: Kept | None) -> None:
        if kept is None:
            return
        try:
            self.places = shapes.from_json(kept.value, list[Place])
            self.known_at = self._kept_at = kept.at
        except msgspec.MsgspecError as error:
            # What another version has kept and this one cannot read is asked anew.
            log.warning("nearby_unreadable", error=type(error).__name__)

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
        return said if self.is_now else text("nearby.as_of", said=said, at=self.hour())

    @property
    def is_now(self) -> bool:
        """Whether it is of now: neither of before an outage nor of before the last start."""
        return self.known_at is None or (self._is_online() and self._is_of_this_run)

    def hour(self) -> str:
        """When the city said so; of another day with its date."""
        if self.known_at is None:
            return ""
        at = local(self.known_at)
        return f"{at:%H:%M}" if at.date() == local(self._clock.now()).date() else f"{at:%Y-%m-%d %H:%M}"


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
    return Text(uncut(zh), uncut(words.get("en") or zh))
