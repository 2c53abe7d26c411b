"""Sign: the person's signature with a finger, kept as a small PNG, beneath everything that is signed.

In a service with a review the page before has shown it; else it stands here, each answer with a way to change it.
"""

from __future__ import annotations

import io
import itertools
from typing import ClassVar

from PIL import Image, ImageDraw

from kiosk.catalogue.model import About, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps.review import everything, everything_of_parts
from kiosk.journey.whole import Whole
from kiosk.pages import PAD_RATIO, Block, SignaturePad
from kiosk.text import NOTHING, text

_WIDTH, _HEIGHT, _PEN = 900, round(900 / PAD_RATIO), 7
_LEAST_INK = 0.15
"""A signature whose strokes are together shorter than this part of the pad is a slip of the finger."""

Strokes = list[list[list[float]]]


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(mark="confirm", adds=("signature",), together="once")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Ask until something that can be a signature stands on the pad; "change" goes to the step that asked."""
    return await _signed(journey, () if _is_reviewed(journey) else await everything(journey))


async def together(whole: Whole, _spec: Spec) -> Outcome:
    """One signature for all parts of a plan."""
    return await _signed(whole, () if _is_reviewed(whole) else await everything_of_parts(whole))


def _is_reviewed(journey: Journey) -> bool:
    return "review" in journey.service.kinds_before(journey.position)


async def _signed(journey: Journey, what: tuple[Block, ...]) -> Outcome:
    error, way = NOTHING, "check" if what else "only"
    while True:
        pad = SignaturePad(name="signature", label=text("sign.label"), error=error)
        title, lead = text(f"sign.{way}_title"), text(f"sign.{way}_lead")
        page = journey.page("sign", title, *what, pad, lead=lead, actions=journey.bar(text("sign.submit")))
        answer = await journey.visit.show(page)
        if journey.change(answer.action):
            return Outcome.SKIP
        if answer.action == "back":
            return Outcome.BACK
        strokes = answer.values.get("signature") or []
        if _ink(strokes) >= _LEAST_INK:
            journey.add_part("signature", drawn(strokes))
            return Outcome.NEXT
        error = text("sign.empty")


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
