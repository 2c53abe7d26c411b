"""Sign: the person's signature with a finger, kept as a small PNG, beneath everything that is signed.

In a service with a review the page before has shown it; else it stands here, each answer with a way to change it.
A statement may stand here too, above the pad: the signature is then the first touch of a last confirmation, and the
button with its own words the second. Where several services are done at once it has the page of its kind.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import ClassVar

from msgspec import structs
from PIL import Image, ImageDraw

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps import confirm
from kiosk.journey.steps.review import everything, everything_of_parts
from kiosk.journey.whole import Whole
from kiosk.pages import PAD_RATIO, Block, Page, Paragraph, SignaturePad
from kiosk.text import NOTHING, Text, text
from kiosk.visit import joined

_WIDTH, _HEIGHT, _PEN = 900, round(900 / PAD_RATIO), 7
_LEAST_INK = 0.15
"""A signature whose strokes are together shorter than this part of the pad is a slip of the finger."""

Strokes = list[list[list[float]]]


class Statement(confirm.Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As of a step ``confirm``."""

    kind: str = "confirm"


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``states``: what is signed with it, word for word above the pad, and what cannot be undone then."""

    about: ClassVar[About] = About(mark="confirm", adds=("signature",), together="once")

    states: Statement | None = None

    def asks_for(self) -> tuple[Asked, ...]:
        """Those of the statement."""
        said = self.states.asks_for() if self.states else ()
        return tuple(each._replace(place=("states", *each.place)) for each in said)

    def toil(self) -> tuple[int, int]:
        """With a statement the page has two sheets: one more touch turns it over."""
        return (1, 2) if self.states else (1, 1)

    def apart(self) -> tuple[StepSpec, ...]:
        """The statement on a page of its own, where several services state it at once."""
        return (structs.replace(self, states=None), self.states) if self.states else (self,)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """Those of the statement."""
        for each in self.states.faults(service, at) if self.states else ():
            yield each._replace(path=("states", *each.path))


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Ask until something that can be a signature stands on the pad; "change" goes to the step that asked."""
    return await _signed(journey, spec, () if _is_reviewed(journey) else await everything(journey))


async def together(whole: Whole, spec: Spec) -> Outcome:
    """One signature for all parts of a plan."""
    return await _signed(whole, spec, () if _is_reviewed(whole) else await everything_of_parts(whole))


def _is_reviewed(journey: Journey) -> bool:
    return "review" in journey.service.kinds_before(journey.position)


async def _signed(journey: Journey, spec: Spec, what: tuple[Block, ...]) -> Outcome:
    error = NOTHING
    while True:
        answer = await journey.visit.show(_page(journey, spec, what, error))
        if journey.change(answer.action):
            return Outcome.SKIP
        if answer.action == "back":
            return Outcome.BACK
        strokes = answer.values.get("signature") or []
        if _ink(strokes) >= _LEAST_INK:
            journey.add_part("signature", drawn(strokes))
            if spec.states:
                confirm.kept(journey, spec.states)
            return Outcome.NEXT
        error = text("sign.empty")


def _page(journey: Journey, spec: Spec, what: tuple[Block, ...], error: Text) -> Page:
    pad = SignaturePad(name="signature", label=text("sign.label"), error=error)
    way = "check" if what else "only"
    title, lead, submit, told = text(f"sign.{way}_title"), text(f"sign.{way}_lead"), text("sign.submit"), ()
    if spec.states:
        lead, submit = joined(lead, text("sign.states")), spec.states.agree
        told = Paragraph(text=spec.states.title, size="large"), *confirm.told(spec.states)
    return journey.page("sign", title, *what, *told, pad, lead=lead, actions=journey.bar(submit))


def _ink(strokes: Strokes) -> float:
    return sum(
        ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        for stroke in strokes
        for (x0, y0), (x1, y1) in itertools.pairwise(stroke)
    )


def drawn(strokes: Strokes) -> bytes:
    """Strokes in 0..1 (y down) as a black-on-white PNG, 900 px wide, in the pad's own proportions."""
    image = Image.new("1", (_WIDTH, _HEIGHT), 1)
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        points = [(x * _WIDTH, y * _HEIGHT) for x, y in stroke]
        if len(points) > 1:
            pen.line(points, fill=0, width=_PEN, joint="curve")
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
