"""附近可办 (C13): what the city said of the halls around outlives the machine's own start, and says of when it is."""

from __future__ import annotations

from typing import Any

import trio.testing

from kiosk import config as configuration
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.hub_link.state import LinkState
from kiosk.machine import Machine
from kiosk.messages.places import NearbyAnswer, NearbyQuestion, Place
from kiosk.nearby import bilingual
from kiosk.text import same
from tests.kiosk.conftest import Finger, accepted
from tests.kiosk.journey.conftest import Counter, words

EAST = Place({"zh": "城东大厅", "en": "East hall"}, distance_m=2300, machine=("T01",))


def started(config: Any, clock: trio.testing.MockClock, city: Any) -> Counter:
    """A machine on this store, and whoever stands there. ``city``: what it says of the halls around."""
    finger = Finger()
    machine = Machine(configuration.load(config), finger)
    accepted(machine)

    async def said(_kind: str, question: Any, **_more: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return city if isinstance(question, NearbyQuestion) else Unreachable("offline")

    machine.link.ask = said  # type: ignore[method-assign]
    return Counter(machine, finger, clock)


async def told(counter: Counter) -> str:
    """The page of C13, and away."""
    async with counter.doing("C13"):
        page = words(await counter.first("nearby"))
        counter.last("next")
    return page


async def test_after_a_restart_without_the_city_the_halls_are_told_as_of_when_they_were_known(
    config_file: Any, mock_clock: trio.testing.MockClock
) -> None:
    config = config_file()
    before = started(config, mock_clock, Answered(NearbyAnswer([EAST])))
    before.online()
    page = await told(before)
    assert ("城东大厅" in page, "2.3" in page, "以下是" in page) == (True, True, False)
    known = before.machine.nearby.hour()
    before.machine.store.close()
    after = started(config, mock_clock, Unreachable("timeout"))
    try:
        for state in (LinkState.NO_CONNECTION, LinkState.ONLINE):
            after.machine.link.state = state
            after.finger.history.clear()
            page = await told(after)
            assert ("城东大厅" in page, f"以下是 {known}" in page) == (True, True), f"{state}: it is of before"
    finally:
        after.machine.store.close()


def test_a_place_has_its_whole_name() -> None:
    name = "Vehicle Administration Office of Heping District, Counter Hall"
    assert bilingual({"en": name}) == same(name)
