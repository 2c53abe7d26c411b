"""Confirm: the loud last question before what cannot be undone.

Two touches at two places: the row in the page, then the button. A finger that is still where the page before had its
button does nothing here. Where it is a statement as well, the version of its words is kept with the case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from msgspec import structs

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Block, Choice, Choices, Hero, Notice, Page, Paragraph
from kiosk.text import NOTHING, Text, text

YES = "yes"


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``warn`` says what is lost and cannot be got back, ``agree`` stands on the button.

    ``words``: what the person states with it; ``version`` is that of the words, kept as ``<name>_version``.
    """

    about: ClassVar[About] = About(mark="confirm", pages=1, taps=2)

    name: str
    title: Text
    warn: tuple[Text, ...]
    agree: Text
    words: tuple[Text, ...] = ()
    version: str = ""

    def asks_for(self) -> tuple[Asked, ...]:
        """One answer; without it the journey does not go on."""
        said = Asked(self.name, ("name",), (YES,), is_reviewed=False)
        if not self.words:
            return (said,)
        return said, Asked(f"{self.name}_version", ("version",), (self.version,), is_reviewed=False)

    def alike(self) -> bytes:
        """The same confirmation, whatever each service has to say of it: all their words are told."""
        return repr((self.kind, self.name, self.version)).encode()

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """What cannot be undone is named."""
        del service, at
        if not self.warn:
            yield Finding(("warn",), "nobody is warned of anything", "write what cannot be undone")
        if bool(self.words) != bool(self.version.strip()):
            yield Finding(("version",), "nobody can tell later what was stated", "write words, and their version")


def alike_spec(specs: Sequence[Spec]) -> Spec:
    """One confirmation with the words of all."""
    warn = dict.fromkeys(each for spec in specs for each in spec.warn)
    words = dict.fromkeys(each for spec in specs for each in spec.words)
    said = structs.replace(specs[0], warn=tuple(warn), words=tuple(words))
    if len({spec.title for spec in specs}) == 1:
        return said
    return structs.replace(said, title=text("confirm.several"), agree=text("confirm.agree_several"))


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Ask until the row is marked and the button touched, or the person goes back. It is asked anew each time."""
    error = NOTHING
    while True:
        answer = await journey.visit.show(_page(journey, spec, error))
        # A mark of before is no confirmation of now.
        journey.visit.typed.get(journey.service.key, {}).pop(spec.name, None)
        if answer.action == "back":
            return Outcome.BACK
        if answer.values.get(spec.name) == YES:
            kept(journey, spec)
            return Outcome.NEXT
        error = text("confirm.not_marked")


def kept(journey: Journey, spec: Spec) -> None:
    """That it was confirmed, and which words were stated."""
    journey.keep(spec.name, YES, spec.agree)
    if spec.words:
        journey.keep(f"{spec.name}_version", spec.version, NOTHING)


def told(spec: Spec) -> tuple[Block, ...]:
    """What is lost, and what is stated with it, word for word."""
    warn = (Notice(level="warn", icon="warning", text=each) for each in spec.warn)
    return *warn, *(Paragraph(text=each) for each in spec.words)


def _page(journey: Journey, spec: Spec, error: Text) -> Page:
    hero = Hero(icon="warning-octagon", level="error", title=text("confirm.last"), lead=text("confirm.lead"))
    mark = Choice(id=YES, label=text("confirm.mark"), detail=text("confirm.mark_detail"))
    row = Choices(name=spec.name, label=NOTHING, options=(mark,), error=error)
    return journey.page("confirm", spec.title, hero, *told(spec), row, actions=journey.bar(spec.agree))
