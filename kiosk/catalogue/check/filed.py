"""What a case can hold of a service (``kiosk.messages``): more would be asked of a person and then not be filed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from kiosk import shapes
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import Service, StepSpec
from kiosk.messages.bounds import Word
from kiosk.messages.content import FORM_PART, SECOND_PART
from kiosk.messages.envelope import MOST_PARTS

WORD = "one line of at most 64 characters"


def filed_findings(service: Service) -> Iterator[Finding]:
    """Answers that no message can say, and papers of which one would take the place of another."""
    added: dict[str, int] = {}
    for at, spec in enumerate(service.steps):
        for asked in spec.asks_for():
            for value in asked.values:
                if not is_word(value):
                    place = ("steps", at, *asked.place)
                    yield Finding(place, f"no case can say the answer {value[:40]!r}", f"write {WORD}")
        if not spec.about.is_once:
            yield from _taken_twice(service, at, spec, added)
        added |= dict.fromkeys(spec.adds(), at)
    if len({*added, FORM_PART, SECOND_PART}) > MOST_PARTS:
        yield Finding(("steps",), f"no case can hold more than {MOST_PARTS} papers", "take fewer pages")


def _taken_twice(service: Service, at: int, spec: StepSpec, added: dict[str, int]) -> Iterator[Finding]:
    """One of two is right where each is for others."""
    for name in spec.adds():
        before = added.get(name)
        if before is not None and not (spec.conditions and service.steps[before].conditions):
            said = f"its paper {name!r} would take the place of one that was taken before"
            yield Finding(("steps", at), said, "give it another name, or remove one")


@lru_cache(maxsize=4096)
def is_word(said: str) -> bool:
    """Whether a message can say it."""
    try:
        shapes.convert(said, Word)
    except msgspec.ValidationError:
        return False
    return True
