"""Photo: a certificate photograph, one instruction at a time, taken again until the person is content."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from kiosk.catalogue.finding import Finding, one_of
from kiosk.catalogue.model import About, Asked, Service, StepSpec, Use
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Action, Answer, Fact, Hero, Page, Picture, Preview
from kiosk.text import NOTHING, text
from kiosk.vision.photo import profiles
from kiosk.vision.protocol import PhotoProgressed
from kiosk.visit import ELDER_PACE

PART = "photo"
_TRY_S = 60.0


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``profile``: a document of ``kiosk/vision/photo_profiles.toml``; "" takes the service's own ``photo_profile``."""

    about: ClassVar[About] = About(mark="verify", devices=(Use(device="camera", lost="ends"),), adds=(PART,))

    profile: str = ""

    def asks_for(self) -> tuple[Asked, ...]:
        """By which profile it was taken."""
        return (Asked("photo_profile", ("profile",)),)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """There is such a document."""
        del at
        name = self.profile or service.photo_profile
        if name not in profiles():
            yield Finding(("profile",), f"no photograph is called {name!r}", one_of(profiles(), name))


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """That it was taken: the picture itself stood on its own page."""
    taken = "photo_profile" in journey.labels
    return [Fact(label=text("photo.label"), value=text("photo.done"))] if taken else []


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Take pictures until one is kept, or the person goes back."""
    profile = spec.profile or journey.service.photo_profile
    while True:
        last = ["no_face"]
        async with journey.machine.camera_on():
            taken = await _one(journey, profile, last)
        if isinstance(taken, Answer):
            return Outcome.BACK
        answer = await journey.visit.show(_taken_page(journey, taken) if taken else _late_page(journey, last[0]))
        if answer.action == "back":
            return Outcome.BACK
        if taken and answer.action == "next":
            journey.add_part(PART, taken)
            journey.keep("photo_profile", profile, text("photo.done"))
            return Outcome.NEXT


async def _one(journey: Journey, profile: str, last: list[str]) -> bytes | Answer | None:
    vision = journey.machine.vision
    if vision is None:
        return None
    page = partial(_page, journey, vision.frames_name)

    def told(progress: PhotoProgressed) -> None:
        last[0] = progress.word
        journey.visit.update(page(progress.word, progress.progress))

    async def take() -> bytes | None:
        limit_s = _TRY_S * (ELDER_PACE if journey.visit.settings.elder else 1.0)
        return await vision.take_photo(profile, told, limit_s)

    return await journey.visit.show_while(page("no_face", 0.0), take)


def _page(journey: Journey, frames: str, word: str, progress: float) -> Page:
    preview = Preview(frames=frames, instruction=text(f"photo.{word}"), progress=progress)
    actions = journey.bar(NOTHING)
    return journey.page("photo", text("photo.title"), preview, lead=text("photo.lead"), actions=actions, timeout_s=0)


def _taken_page(journey: Journey, picture: bytes) -> Page:
    again = Action(id="again", label=text("photo.again"), style="secondary", icon="camera")
    exit_, back, use = journey.bar(text("photo.use"))
    block = Picture(data=picture, label=text("photo.label"))
    actions = (exit_, back, again, use)
    return journey.page("photo_taken", text("photo.taken_title"), block, lead=text("photo.taken_lead"), actions=actions)


def _late_page(journey: Journey, word: str) -> Page:
    lead = text("photo.late_lead", what=text(f"photo.{word}"))
    hero = Hero(icon="camera", level="warn", title=text("photo.late_title"), lead=lead)
    guide = Action(id="call_guide", label=text("settings.call_guide"), style="secondary", icon="headset")
    exit_, back, again = journey.bar(text("photo.again"))
    return journey.page("photo_late", text("photo.title"), hero, actions=(exit_, back, guide, again))
