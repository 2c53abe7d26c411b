"""Notice: words that the person is told and agrees to; with 告知承诺 a free choice, and who declines loses nothing.

A pledge in place of a proof must be the person's own choice, and the ordinary way stays open to who does not make it
(国办发〔2020〕42号). The version of the words is kept with the case, so that it can be told later what was agreed to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from msgspec import structs

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Action, Fact, Notice, Page, Paragraph
from kiosk.text import NOTHING, Text, text

YES, NO = "yes", "no"


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``words`` stand one under the other, ``agree`` on the button.

    ``may_refuse``: 告知承诺, the answer ``name`` is then ``yes`` or ``no``, and steps with ``only_if`` over it are the
    ordinary way; ``otherwise`` says what that is. ``version`` is that of the words, kept as ``<name>_version``.
    """

    about: ClassVar[About] = About(mark="fill")

    name: str
    title: Text
    words: tuple[Text, ...]
    agree: Text
    version: str
    may_refuse: bool = False
    otherwise: Text = NOTHING
    lead: Text = NOTHING

    def asks_for(self) -> tuple[Asked, ...]:
        """What was said, and to which words."""
        said = (YES, NO) if self.may_refuse else (YES,)
        return Asked(self.name, ("name",), said), Asked(f"{self.name}_version", ("version",), (self.version,))

    def alike(self) -> bytes:
        """The same statement, whatever each service has to say of it: all their words are told."""
        return repr((self.kind, self.name, self.version, self.may_refuse)).encode()

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """There is something to agree to, and it can be told later what it was."""
        del service, at
        if not self.words:
            yield Finding(("words",), "nothing is told", "write what the person agrees to")
        if not self.version.strip():
            yield Finding(("version",), "nobody can tell later what was agreed to", 'write a version, as "2027-01"')
        if self.otherwise and not self.may_refuse:
            yield Finding(("otherwise",), "nobody can decline", "set may_refuse = true or take it out")


def alike_spec(specs: Sequence[Spec]) -> Spec:
    """One statement with the words of all."""
    words = dict.fromkeys(each for spec in specs for each in spec.words)
    return structs.replace(specs[0], words=tuple(words))


async def review_rows(journey: Journey, spec: Spec) -> list[Fact]:
    """What was agreed to, or that the ordinary way was taken."""
    return [Fact(label=spec.title, value=journey.labels[spec.name])] if spec.name in journey.labels else []


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Show the words until the person agrees, declines where that is possible, or goes back."""
    answer = await journey.visit.show(_page(journey, spec))
    if answer.action == "back":
        return Outcome.BACK
    declined = answer.action == "refuse"
    journey.keep(spec.name, NO if declined else YES, text("notice.ordinary_way") if declined else spec.agree)
    journey.keep(f"{spec.name}_version", spec.version, NOTHING)
    return Outcome.NEXT


def _page(journey: Journey, spec: Spec) -> Page:
    words = tuple(Paragraph(text=each, size="large") for each in spec.words)
    actions = journey.bar(spec.agree)
    if not spec.may_refuse:
        return journey.page("notice", spec.title, *words, lead=spec.lead, actions=actions)
    free = Notice(
        level="info", icon="info", text=text("notice.free"), detail=spec.otherwise or text("notice.otherwise")
    )
    refuse = Action(id="refuse", label=text("notice.refuse"), style="secondary")
    bar = (*actions[:-1], refuse, actions[-1])
    return journey.page("notice", spec.title, *words, free, lead=spec.lead, actions=bar)
