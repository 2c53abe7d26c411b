"""A face against a picture, two tries; then a guide confirms. Never a dead end, never alone.

Face is not the only way in (人脸识别技术应用安全管理办法, in force 2025-06-01): a person may choose the guide at once.
By the same rules nobody under 14 is compared without a guardian's consent, and a child who is here alone has none.
"""

from __future__ import annotations

import functools

import structlog

from devices.id_card_reader.card import IdCard
from kiosk.clock import full_years
from kiosk.journey import guide, second
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.content import Identity
from kiosk.pages import Action, Answer, Choice, Choices, Hero, Page, Preview
from kiosk.text import NOTHING, Text, text
from kiosk.vision.client import Challenge, FaceProgress, FaceResult, new_challenge
from kiosk.visit import ELDER_PACE, joined

log = structlog.get_logger()
TRIES = 2
CHILD_BELOW = 14
"""人脸识别技术应用安全管理办法; 个人信息保护法 art. 31: so old one agrees to it oneself."""
_AGENT = "agent"
_TRY_S = 40.0
_LATE = frozenset({"too_slow", "not_live", "no_face"})
"""The time was over before there was anything to compare: nothing is said of the face."""


async def compared(journey: Journey, person: IdCard | None = None) -> Outcome:
    """Face against the picture of ``person`` (None: of who acts), or guide, as they choose.

    NEXT: the visit has an identity. Who acts may turn out here to be an agent, and is forgotten with the way back.
    """
    visit, before = journey.visit, journey.visit.second
    while True:
        outcome = await _face_or_guide(journey, person)
        if visit.second is not before and outcome in (Outcome.BACK, Outcome.LEAVE):
            visit.accompany(before)
            outcome = None if outcome is Outcome.BACK else outcome
        if outcome is not None:
            return outcome


async def _face_or_guide(journey: Journey, person: IdCard | None) -> Outcome | None:
    """As they choose; None: it is asked again, of who acts now."""
    who, may_be_sent = person or journey.visit.acting, person is None and second.may_be_sent(journey)
    why = _why_no_face(journey, who)
    if who is None or why:
        other = Action(id=_AGENT, label=text("face.way_agent"), style="secondary", icon="users")
        outcome = await guide.confirm(journey, why, person, *([other] if may_be_sent else []))
        return await _sent(journey) if outcome is Outcome.SKIP else outcome
    answer = await journey.visit.show(_notice_page(journey, may_be_sent=may_be_sent))
    if answer.action == "back":
        return Outcome.BACK
    way, outcome, reason = answer.values.get("way", "face"), None, NOTHING
    if way == _AGENT and may_be_sent:
        return await _sent(journey)
    if way == "face":
        outcome, reason = await _by_face(journey, who)
    outcome = outcome or await guide.confirm(journey, reason, person)
    return None if outcome is Outcome.BACK else outcome


def _why_no_face(journey: Journey, who: IdCard | None) -> Text:
    """Why a guide has to look; nothing where a face can be compared. Without a date nobody has an age."""
    if not journey.machine.vision_ready() or who is None or who.portrait is None:
        return text("face.unavailable")
    clock = journey.machine.clock
    is_child = who.birth and clock.knows_date and full_years(who.birth, clock.today()) < CHILD_BELOW
    return text("face.child") if is_child else NOTHING


async def _sent(journey: Journey) -> Outcome | None:
    """Somebody comes for another; None: it is asked again."""
    outcome = await second.act_for_another(journey)
    return outcome if outcome is Outcome.LEAVE else None


def _notice_page(journey: Journey, *, may_be_sent: bool) -> Page:
    ways = [
        Choice(id="face", label=text("face.way_face"), detail=text("face.way_face_detail")),
        Choice(id="guide", label=text("face.way_guide"), detail=text("face.way_guide_detail")),
    ]
    if may_be_sent:
        ways.append(Choice(id=_AGENT, label=text("face.way_agent"), detail=text("face.way_agent_detail")))
    return journey.page(
        "face_notice",
        text("face.notice_title"),
        Choices(name="way", label=NOTHING, options=tuple(ways), selected="face"),
        lead=_notice_lead(journey),
        actions=journey.bar(text("face.start")),
    )


def _notice_lead(journey: Journey) -> Text:
    """Whose face it is, where somebody acts for another; that nobody can, where nobody can."""
    for fact in second.facts_of(journey.visit):
        return text("face.notice_lead_second", role=fact.label, name=fact.value)
    return text("face.notice_lead_self" if second.must_come(journey) else "face.notice_lead")


async def _by_face(journey: Journey, person: IdCard) -> tuple[Outcome | None, Text]:
    """Two tries. Returns the step's outcome, or None and the reason why a guide must help."""
    is_late, photo = False, person.portrait.png() if person.portrait else b""
    for attempt in range(TRIES):
        async with journey.machine.camera_on():
            pace = ELDER_PACE if journey.visit.settings.elder else 1.0
            result = await _one_try(journey, photo, new_challenge(pace), attempt)
        if isinstance(result, Answer):
            return (Outcome.BACK if result.action == "back" else None), NOTHING
        if result.decision == "pass":
            journey.visit.identity = Identity("face", "pass", result.distance, result.engine)
            journey.visit.portrait = await journey.machine.snapshot() or b""
            return Outcome.NEXT, NOTHING
        # A camera in bad light or a slow computer fails everybody: the reasons tell, and nothing of the person does.
        log.info("face_not_passed", attempt=attempt + 1, decision=result.decision, reason=result.reason)
        if result.decision == "unavailable":
            return None, text("face.unavailable")
        is_late = result.reason in _LATE
        if attempt + 1 < TRIES:
            answer = await journey.visit.show(_again_page(journey, result))
            if answer.action == "back":
                return Outcome.BACK, NOTHING
            if answer.action == "guide":
                return None, NOTHING
    return None, text("face.two_late" if is_late else "face.two_tries")


async def _one_try(journey: Journey, photo: bytes, challenge: Challenge, attempt: int) -> FaceResult | Answer:
    vision = journey.machine.vision
    assert vision is not None
    show = functools.partial(_face_page, journey, vision.frames_name, attempt)

    async def compare() -> FaceResult:
        limit_s = _TRY_S * challenge.pace
        return await vision.verify_face(photo, challenge, lambda p: journey.visit.update(show(p)), limit_s)

    return await journey.visit.show_while(show(FaceProgress("look_straight", 0.0, None)), compare)


def _face_page(journey: Journey, frames: str, attempt: int, progress: FaceProgress) -> Page:
    arrow = {"turn_left": "left", "turn_right": "right"}.get(progress.instruction, "")
    instruction = text(f"face.{progress.instruction}")
    if progress.left_s is not None:
        instruction = joined(instruction, text("face.seconds_left", seconds=progress.left_s), by="\n")
    preview = Preview(
        frames=frames,
        instruction=instruction,
        progress=progress.progress,
        arrow=arrow,  # type: ignore[arg-type]
        show_box=True,
    )
    guide = Action(id="guide", label=text("face.way_guide"), style="secondary", icon="headset")
    exit_, back = journey.bar(NOTHING)
    title = text("face.title") if attempt == 0 else text("face.title_again")
    lead = next(
        (text("face.lead_second", who=fact.value) for fact in second.facts_of(journey.visit)), text("face.lead")
    )
    return journey.page("face", title, preview, lead=lead, actions=(exit_, back, guide), timeout_s=0)


def _again_page(journey: Journey, result: FaceResult) -> Page:
    known = {"poor_photo", "no_face", "wrong_side", "too_slow", "not_alike", "several_faces", "not_live"}
    reason = result.reason if result.reason in known else "not_alike"
    exit_, _, again = journey.bar(text("face.again"))
    guide = Action(id="guide", label=text("face.way_guide"), style="secondary", icon="headset")
    title = text("face.late_title") if reason in _LATE else text("face.again_title")
    hero = Hero(icon="user-focus", level="warn", title=title, lead=text(f"face.why_{reason}"))
    return journey.page("face_again", title, hero, actions=(exit_, guide, again))
