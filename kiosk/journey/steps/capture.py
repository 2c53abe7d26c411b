"""Capture: a paper that the person has brought is laid under the document camera, page by page, until it can be read.

What cannot be taken here is brought to the counter, where the service says so; else the service needs the camera.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, ClassVar

from msgspec import Meta

from kiosk.catalogue.check.patterns import pattern_fault
from kiosk.catalogue.finding import Finding, one_of
from kiosk.catalogue.model import About, Asked, Service, StepSpec, Use
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.fields.faults import field_faults
from kiosk.journey.fields.kinds import FormField
from kiosk.journey.fields.registry import KINDS
from kiosk.journey.fields.together import ask_together, longest_of
from kiosk.pages import Action, Answer, Fact, Hero, Page, Picture, Preview
from kiosk.roster import DOCUMENT_CAMERA
from kiosk.text import NOTHING, Text, same, text
from kiosk.vision.client import TakenPage
from kiosk.vision.document import document_profiles
from kiosk.vision.protocol import PhotoProgressed
from kiosk.visit import ELDER_PACE

_TRY_S = 60.0
_AT_COUNTER = "0"


class ReadField(FormField, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of the paper. ``after``: the words before it there; ``found``: the pattern of what follows them.

    What is read stands in the field, for the person to look at: only what they send on is an answer.
    """

    after: Annotated[tuple[str, ...], Meta(min_length=1)]
    found: str


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``name``: of the answer (how many pages; 0: shown at the counter) and of the parts ``document_<name>``.

    ``what``: the paper in words; ``profile``: its row of ``kiosk/vision/document_profiles.toml``; ``pages``: how many
    at most. ``counter``: what is said where it cannot be taken here and the counter looks at it; without it the
    service cannot do without the camera.
    """

    about: ClassVar[About] = About(mark="fill", devices=(Use(device=DOCUMENT_CAMERA, lost="other_way"),))

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,30}$", description="a name like proof_2")]
    what: Text
    profile: str = "paper"
    pages: Annotated[int, Meta(ge=1, le=9)] = 1
    counter: Text = NOTHING
    fields: tuple[ReadField, ...] = ()

    def asks_for(self) -> tuple[Asked, ...]:
        """How many pages there are of it, and what stands on it."""
        return Asked(self.name, ("name",)), *(Asked(f.name, ("fields", at, "name")) for at, f in enumerate(self.fields))

    def adds(self) -> tuple[str, ...]:
        """One part for each page."""
        return tuple(part_of(self.name, page) for page in range(1, self.pages + 1))

    def toil(self) -> tuple[int, int]:
        """The page before the camera goes on by itself; what was read is looked at on one more."""
        return 1 + bool(self.fields), 1 + bool(self.fields)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """There is such a paper, and a way for who stands at a machine without the camera."""
        del at
        for number, field in enumerate(self.fields):
            if field.kind not in KINDS:
                said = f"a {field.kind} is not read from a paper"
                yield Finding(("fields", number, "kind"), said, one_of(KINDS))
            for path, what, fix in field_faults(field):
                yield Finding(("fields", number, *path), what, fix)
            if fault := pattern_fault(field.found, longest_of(field)):
                yield Finding(("fields", number, "found"), *fault)
        if self.profile not in document_profiles():
            fix = one_of(document_profiles(), self.profile)
            yield Finding(("profile",), f"no paper is called {self.profile!r}", fix)
        if not self.counter and DOCUMENT_CAMERA not in service.devices:
            fix = f"add counter, or {DOCUMENT_CAMERA} to devices"
            yield Finding((), "a machine without the camera leads nowhere", fix)


def part_of(name: str, page: int) -> str:
    """The part's name of a page; the first is 1."""
    return f"document_{name}" if page == 1 else f"document_{name}_{page}"


async def review_rows(journey: Journey, spec: Spec) -> list[Fact]:
    """How many pages were taken: each stood on a page of its own."""
    said = journey.labels.get(spec.name)
    rows = [
        Fact(label=field.label, value=journey.labels[field.name])
        for field in spec.fields
        if field.name in journey.labels
    ]
    return [Fact(label=spec.what, value=said), *rows] if said else []


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Page after page until the person says that these are all; "back" from the first one leaves the step."""
    if not journey.machine.peripherals.is_usable(DOCUMENT_CAMERA):
        return await _at_the_counter(journey, spec)
    taken: list[TakenPage] = []
    while True:
        last = ["no_paper"]
        picture = await _take_page(journey, spec, len(taken) + 1, last)
        if isinstance(picture, Answer):
            return await _at_the_counter(journey, spec) if picture.action == "counter" else Outcome.BACK
        page = (
            _taken_page(journey, spec, picture.picture, len(taken) + 1)
            if picture
            else _late_page(journey, spec, last[0])
        )
        answer = await journey.visit.show(page)
        if answer.action == "counter":
            return await _at_the_counter(journey, spec)
        if answer.action == "back":
            return Outcome.BACK
        if picture and answer.action in ("more", "next"):
            taken.append(picture)
            if answer.action == "next" and await _keep_after_review(journey, spec, taken):
                return Outcome.NEXT
            if answer.action == "next":
                taken.pop()


async def _keep_after_review(journey: Journey, spec: Spec, taken: list[TakenPage]) -> bool:
    """What was taken is kept once the person has looked at what was read of it; False for back."""
    if spec.fields:
        read = [line for page in taken for line in page.lines]
        for field in spec.fields:
            value = value_in(read, field)
            journey.keep(field.name, value, same(value))
        lead = text("capture.fields_lead" if read else "capture.fields_typed")
        if await ask_together(journey, text("capture.fields_title"), lead, list(spec.fields)) is not Outcome.NEXT:
            _forget(journey, spec)
            return False
    journey.drop_parts()
    for number, page in enumerate(taken, 1):
        journey.add_part(part_of(spec.name, number), page.picture)
    journey.keep(spec.name, str(len(taken)), text("capture.done", n=len(taken)))
    return True


def _forget(journey: Journey, spec: Spec) -> None:
    """What was read and not looked at to its end is no answer."""
    for field in spec.fields:
        journey.drop(field.name)


def value_in(lines: Sequence[str], field: ReadField) -> str:
    """What stands after one of the field's words, in that line or the next; "" where nothing fits."""
    plain = [unicodedata.normalize("NFKC", line).replace(" ", "") for line in lines]
    for at, line in enumerate(plain):
        for words in (word.replace(" ", "") for word in field.after):
            _, there, rest = line.partition(words)
            if not there:
                continue
            for place in (rest, *plain[at + 1 : at + 2]):
                if found := re.match(field.found, place.lstrip(":.、"), re.ASCII):
                    return _as_typed(field, found[0])
    return ""


def _as_typed(field: ReadField, read: str) -> str:
    """As a person would type it: a date as eight digits, however it stands there."""
    day = re.match("([0-9]{4})[^0-9]+([0-9]{1,2})[^0-9]+([0-9]{1,2})", read)
    if field.kind == "date" and day:
        return f"{day[1]}{int(day[2]):02d}{int(day[3]):02d}"
    return KINDS[field.kind].normal(read)


async def _at_the_counter(journey: Journey, spec: Spec) -> Outcome:
    """Nothing is taken: who looks at it then is told, and the service goes on without it."""
    lead = spec.counter or text("capture.no_way")
    hero = Hero(icon="file-text", level="info", title=text("capture.counter_title", what=spec.what), lead=lead)
    forward = text("capture.counter") if spec.counter else NOTHING
    page = journey.page("capture_counter", text("capture.title", what=spec.what), hero, actions=journey.bar(forward))
    answer = await journey.visit.show(page)
    if answer.action != "next":
        return Outcome.BACK
    journey.drop_parts()
    _forget(journey, spec)
    journey.keep(spec.name, _AT_COUNTER, text("capture.at_counter"))
    return Outcome.NEXT


async def _take_page(journey: Journey, spec: Spec, number: int, last: list[str]) -> TakenPage | Answer | None:
    papers = journey.machine.papers
    if papers is None:
        return None
    page = partial(_page, journey, spec, papers.frames_name, number)

    def told(progress: PhotoProgressed) -> None:
        last[0] = progress.word
        journey.visit.update(page(progress.word, progress.progress))

    async def take() -> TakenPage | None:
        limit_s = _TRY_S * (ELDER_PACE if journey.visit.settings.elder else 1.0)
        return await papers.take_page(spec.profile, told, limit_s, reads=bool(spec.fields))

    async with journey.machine.camera_on(papers):
        return await journey.visit.show_while(page("no_paper", 0.0), take)


def _page(journey: Journey, spec: Spec, frames: str, number: int, word: str, progress: float) -> Page:
    preview = Preview(frames=frames, instruction=text(f"capture.{word}"), progress=progress, of="paper")
    title = text("capture.title", what=spec.what)
    lead = text("capture.lead") if number == 1 else text("capture.lead_more", n=number)
    actions = (*journey.bar(NOTHING), *_counter(spec))
    return journey.page("capture", title, preview, lead=lead, actions=actions, timeout_s=0)


def _counter(spec: Spec) -> tuple[Action, ...]:
    """Who has not brought it, or cannot get it right, is not held up where the counter looks at it too."""
    label = text("capture.counter")
    return (Action(id="counter", label=label, style="secondary", icon="user"),) if spec.counter else ()


def _taken_page(journey: Journey, spec: Spec, picture: bytes, number: int) -> Page:
    again = Action(id="again", label=text("capture.again"), style="secondary", icon="camera")
    more = Action(id="more", label=text("capture.more"), style="secondary", icon="plus")
    exit_, back, use = journey.bar(text("capture.use"))
    block = Picture(data=picture, label=spec.what)
    title = text("capture.taken_title") if spec.pages == 1 else text("capture.taken_page", n=number)
    actions = (exit_, back, again, *((more,) if number < spec.pages else ()), use)
    return journey.page("capture_taken", title, block, lead=text("capture.taken_lead"), actions=actions)


def _late_page(journey: Journey, spec: Spec, word: str) -> Page:
    lead = text("capture.late_lead", what=text(f"capture.{word}"))
    hero = Hero(icon="camera", level="warn", title=text("capture.late_title"), lead=lead)
    guide = Action(id="call_guide", label=text("settings.call_guide"), style="secondary", icon="headset")
    exit_, back, again = journey.bar(text("capture.try_again"))
    actions = (exit_, back, guide, *_counter(spec), again)
    return journey.page("capture_late", text("capture.title", what=spec.what), hero, actions=actions)
