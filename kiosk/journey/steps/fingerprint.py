"""Fingerprint: one finger after the other on the glass; whoever has none that can be read is confirmed by a guide.

The pictures go to the city as they are: who matches them holds the register. The machine keeps none.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from PIL import Image

from devices.contract import Completed
from devices.fingerprint_reader.driver import Finger
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec, Use
from kiosk.journey import guide
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Action, Answer, Fact, Hero, Page
from kiosk.text import NOTHING, Text, text

READER = "fingerprint_reader"
TAKEN, BY_GUIDE = "taken", "guide"
_CAPTURE_S = 25.0
_DPI = 500
_KNOWN = frozenset({"poor_quality", "no_finger", "glass_not_free"})


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``fingers`` in the order in which they are asked for."""

    about: ClassVar[About] = About(
        mark="verify",
        devices=(Use(device=READER, lost="ends"),),
        adds=tuple(f"fingerprint_{number}" for number in range(1, 11)),
        is_once=True,
        together="once",
    )

    fingers: tuple[Finger, ...] = ("right_thumb", "left_thumb")

    def asks_for(self) -> tuple[Asked, ...]:
        """Whether prints were taken, or a guide confirmed that there are none to take; and of which fingers."""
        return Asked("fingerprint", values=(TAKEN, BY_GUIDE)), Asked("fingerprint_of")

    def adds(self) -> tuple[str, ...]:
        """A picture of each finger."""
        return self.about.adds[: len(self.fingers)]

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """Somebody is known whose fingers they are."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody is known whose fingers these are", "put a step identify before it")
        if not self.fingers or len(set(self.fingers)) != len(self.fingers):
            yield Finding(("fingers",), "no finger, or one twice", 'write each once, as ["right_thumb", "left_thumb"]')


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """That they were taken: never a picture of one."""
    said = journey.labels.get("fingerprint")
    return [Fact(label=text("fingerprint.label"), value=said)] if said else []


async def step(journey: Journey, spec: Spec) -> Outcome:
    """One finger after the other; "back" ends it with nothing taken."""
    pictures: list[bytes] = []
    for finger in spec.fingers:
        found = await _take_finger(journey, finger)
        if isinstance(found, Outcome):
            if found is Outcome.NEXT:
                journey.keep("fingerprint", BY_GUIDE, text("fingerprint.by_guide"))
            return found
        pictures.append(found)
    for number, picture in enumerate(pictures, 1):
        journey.add_part(f"fingerprint_{number}", picture)
    journey.keep("fingerprint", TAKEN, text("fingerprint.taken", n=len(pictures)))
    journey.keep("fingerprint_of", " ".join(spec.fingers), NOTHING)
    return Outcome.NEXT


async def _take_finger(journey: Journey, finger: Finger) -> bytes | Outcome:
    """A good picture of one finger as PNG; else how the step ends."""
    trouble = NOTHING
    peripherals = journey.machine.peripherals
    while True:
        capture = partial(peripherals.call, peripherals.chosen(READER), "capture", _CAPTURE_S, finger=finger)
        done = await journey.visit.show_while(_page(journey, finger, trouble), capture)
        if isinstance(done, Answer):
            if done.action != "guide":
                return Outcome.BACK
            outcome = await guide.confirm(journey, text("fingerprint.guide"))
            if outcome is not Outcome.BACK:
                return outcome
        elif done.ok:
            return _png(done.value)
        else:
            trouble = _words(done)
            await peripherals.ready(peripherals.chosen(READER))


def _words(done: Completed) -> Text:
    return text(f"fingerprint.{done.error}" if done.error in _KNOWN else "fingerprint.away")


def _page(journey: Journey, finger: Finger, trouble: Text) -> Page:
    lead = trouble or text("fingerprint.lead")
    level: Any = "warn" if trouble else "info"
    hero = Hero(icon="fingerprint", level=level, title=text(f"finger.{finger}"), lead=lead, busy=not trouble)
    none = Action(id="guide", label=text("fingerprint.none"), style="secondary", icon="headset")
    exit_, back = journey.bar(NOTHING)
    title = text("fingerprint.title")
    return journey.page("fingerprint", title, hero, actions=(exit_, back, none), timeout_s=0)


def _png(capture: Any) -> bytes:
    """Grey, 8 bits, with its resolution: what the register's matcher reads."""
    image = Image.frombytes("L", (capture.width_px, capture.height_px), capture.pixels)
    file = io.BytesIO()
    image.save(file, "PNG", dpi=(_DPI, _DPI))
    return file.getvalue()
