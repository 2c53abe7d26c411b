"""Photo: a certificate photograph, one instruction at a time, taken again until the person is content.

The still picture takes the place of the moving one, with both ways on beneath it. For several documents the person is
photographed once: each gets its own crop of the same picture, for which the checks of all of them hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar

from kiosk.catalogue.finding import Finding, one_of
from kiosk.catalogue.model import About, Asked, Service, StepSpec, Use
from kiosk.journey.engine import Journey, Outcome, Record
from kiosk.journey.whole import Whole
from kiosk.pages import Action, Answer, Fact, Hero, Page, Picture, Preview
from kiosk.planning.plan import Place
from kiosk.text import NOTHING, text
from kiosk.vision.photo import profiles
from kiosk.vision.protocol import PhotoProgressed
from kiosk.visit import ELDER_PACE, joined

PART = "photo"
_PROFILE = "photo_profile"
_TRY_S = 60.0


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``profile``: a document of ``kiosk/vision/photo_profiles.toml``; "" takes the service's own ``photo_profile``."""

    about: ClassVar[About] = About(
        mark="verify", devices=(Use(device="camera", lost="ends"),), adds=(PART,), is_once=True, together="once"
    )

    profile: str = ""

    def of(self, service: Service) -> str:
        """The profile by which this service has it."""
        return self.profile or service.photo_profile

    def asks_for(self) -> tuple[Asked, ...]:
        """By which profile it was taken."""
        return (Asked(_PROFILE, ("profile",)),)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """There is such a document."""
        del at
        name = self.of(service)
        if name not in profiles():
            yield Finding(("profile",), f"no photograph is called {name!r}", one_of(profiles(), name))


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """That it was taken: the picture itself stood on its own page."""
    taken = _PROFILE in journey.labels
    return [Fact(label=text("photo.label"), value=text("photo.done"))] if taken else []


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Take pictures until one is kept, or the person goes back."""
    profile = spec.of(journey.service)
    taken = await _photos_kept(journey, (profile,))
    if not taken:
        return Outcome.BACK
    journey.add_part(PART, taken[0])
    journey.keep(_PROFILE, profile, text("photo.done"))
    return Outcome.NEXT


async def together(whole: Whole, _spec: Spec) -> Outcome:
    """One picture for all parts of a plan; each document's own crop is kept until ``for_part`` hands it out."""
    places = whole.places(whole.position)
    wanted = dict.fromkeys(_spec_at(whole, place).of(whole.parts_of[place.part].service) for place in places)
    taken = await _photos_kept(whole, tuple(wanted))
    if not taken:
        return Outcome.BACK
    said = Record({_PROFILE: " ".join(wanted)}, {_PROFILE: text("photo.done")}, dict(zip(wanted, taken, strict=True)))
    whole.records[whole.position] = said
    return Outcome.NEXT


def _spec_at(whole: Whole, place: Place) -> Spec:
    spec = whole.plan.spec(place)
    assert isinstance(spec, Spec)
    return spec


def for_part(said: Record, part: Journey) -> Record:
    """The crop that this part's document asks for."""
    spec = part.spec
    assert isinstance(spec, Spec)
    profile = spec.of(part.service)
    return Record({_PROFILE: profile}, dict(said.labels), {PART: said.parts[profile]})


async def _photos_kept(journey: Journey, wanted: Sequence[str]) -> tuple[bytes, ...]:
    """What the person is content with, a picture for each profile; nothing when they go back."""
    while True:
        last = ["no_face"]
        async with journey.machine.camera_on():
            taken = await _take_photo(journey, wanted, last)
        if isinstance(taken, Answer):
            return ()
        answer = await journey.visit.show(_taken_page(journey, taken) if taken else _late_page(journey, last[0]))
        if answer.action == "back":
            return ()
        if taken and answer.action == "next":
            return taken


async def _take_photo(journey: Journey, wanted: Sequence[str], last: list[str]) -> tuple[bytes, ...] | Answer:
    vision = journey.machine.vision
    if vision is None:
        return ()
    page = partial(_page, journey, vision.frames_name)

    def told(progress: PhotoProgressed) -> None:
        last[0] = progress.word
        journey.visit.update(page(progress.word, progress.progress))

    async def take() -> tuple[bytes, ...]:
        limit_s = _TRY_S * (ELDER_PACE if journey.visit.settings.elder else 1.0)
        return await vision.take_photo(wanted, told, limit_s)

    return await journey.visit.show_while(page("no_face", 0.0), take)


def _page(journey: Journey, frames: str, word: str, progress: float) -> Page:
    preview = Preview(frames=frames, instruction=text(f"photo.{word}"), progress=progress)
    actions = journey.bar(NOTHING)
    return journey.page("photo", text("photo.title"), preview, lead=text("photo.lead"), actions=actions, timeout_s=0)


def _taken_page(journey: Journey, pictures: Sequence[bytes]) -> Page:
    again = Action(id="again", label=text("photo.again"), style="secondary", icon="camera")
    exit_, back, use = journey.bar(text("photo.use"))
    block = Picture(data=pictures[0], label=text("photo.label"))
    lead, n = text("photo.taken_lead"), len(pictures)
    lead = joined(text("photo.for_all", n=n), lead) if n > 1 else lead
    actions = (exit_, back, again, use)
    return journey.page("photo_taken", text("photo.taken_title"), block, lead=lead, actions=actions)


def _late_page(journey: Journey, word: str) -> Page:
    lead = text("photo.late_lead", what=text(f"photo.{word}"))
    hero = Hero(icon="camera", level="warn", title=text("photo.late_title"), lead=lead)
    guide = Action(id="call_guide", label=text("settings.call_guide"), style="secondary", icon="headset")
    exit_, back, again = journey.bar(text("photo.again"))
    return journey.page("photo_late", text("photo.title"), hero, actions=(exit_, back, guide, again))
