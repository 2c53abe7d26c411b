"""The face step: its time by the person's pace, the countdown, and the true reason when it was late."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from devices.id_card_reader.card import IdCard
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps import verify
from kiosk.messages.content import Identity
from kiosk.pages import Choices, Preview, Settings
from kiosk.text import text
from kiosk.vision.client import FaceProgress, FaceResult
from kiosk.visit import Second, Visit

PORTRAIT: Any = SimpleNamespace(png=lambda: b"")


class Watcher:
    """Stands for the vision process: shows one progress, then gives the next result."""

    frames_name, missing_model = "", ""

    def __init__(self, *results: FaceResult) -> None:
        self.results, self.asked, self.photos = list(results), [], []
        self.go_on = trio.Event()

    async def verify_face(self, photo: bytes, challenge: Any, on_progress: Any, timeout_s: float) -> FaceResult:
        self.photos.append(photo)
        self.asked.append((challenge.pace, timeout_s))
        on_progress(FaceProgress("turn_left", 0.2, None, 5))
        await self.go_on.wait()
        return self.results.pop(0)

    async def preview(self, on: bool) -> None:
        await trio.lowlevel.checkpoint()

    async def snapshot(self, *, boxes: bool = False) -> bytes | None:
        return b"a picture"


@pytest.fixture
def begun(machine: Any, finger: Any) -> Any:
    """Starts the step before this watcher."""

    def begin(watcher: Watcher, *, elder: bool = False) -> tuple[Journey, list[Outcome], Any]:
        machine.vision, machine.vision_ready = watcher, lambda: True
        visit = Visit(machine, Settings(elder=elder))
        visit.card = IdCard(kind="resident", name="测试甲", number="990101199001010027", portrait=PORTRAIT)
        service = machine.catalogue.services["T01"]
        journey = Journey(visit, service, "case", "9" * 24, position=1)
        ended: list[Outcome] = []

        async def play() -> None:
            ended.append(await verify.step(journey, service.steps[1]))

        return journey, ended, play

    return begin


@pytest.mark.parametrize(("elder", "pace"), [(False, 1.0), (True, 3.0)])
async def test_time_goes_by_the_pace_and_the_seconds_are_shown(
    begun: Any, finger: Any, elder: bool, pace: float
) -> None:
    watcher = Watcher(FaceResult("pass", 0.3, "", "test", 4))
    journey, ended, play = begun(watcher, elder=elder)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        await finger.until("face_notice")
        finger.touch("next", way="face")
        page = await finger.until("face")
        while "5 秒" not in (shown := next(b for b in page.blocks if isinstance(b, Preview))).instruction.zh:
            await finger.change("what this test waits for")
            page = await finger.until("face")
        assert shown.instruction.en.endswith("\n5 seconds left"), "a line of its own: 'right 5 seconds left' misleads"
        watcher.go_on.set()
    assert ended == [Outcome.NEXT]
    assert watcher.asked == [(pace, 40.0 * pace)]
    assert journey.parts == {"face": b"a picture"}, "it goes with what is filed"
    assert (journey.visit.identity.method, journey.visit.identity.decision) == ("face", "pass")


async def test_the_face_of_who_acts_is_compared_and_not_the_childs(begun: Any, finger: Any) -> None:
    watcher = Watcher(FaceResult("pass", 0.3, "", "test", 4))
    watcher.go_on.set()
    journey, ended, play = begun(watcher)
    journey.visit.identity, journey.visit.portrait = Identity("face", "pass"), b"the child"
    portrait: Any = SimpleNamespace(png=lambda: b"guardian")
    guardian = IdCard(kind="resident", number="990101198001010027", portrait=portrait)
    journey.visit.accompany(Second(guardian, "guardian"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        await finger.until("face_notice")
        finger.touch("next", way="face")
    assert (ended, watcher.photos, journey.parts) == ([Outcome.NEXT], [b"guardian"], {"face": b"a picture"})


@pytest.mark.parametrize(
    ("birth", "page"),
    [(date(2013, 1, 12), "face_notice"), (date(2013, 1, 13), "guide"), (date(2012, 2, 29), "face_notice")],
    ids=["14 today", "14 tomorrow", "older"],
)
async def test_the_face_of_a_child_who_is_alone_is_not_compared(
    begun: Any, finger: Any, birth: date, page: str
) -> None:
    journey, ended, play = begun(Watcher())
    assert journey.machine.clock.today() == date(2027, 1, 12)
    journey.visit.card = replace(journey.visit.card, birth=birth)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        shown = await finger.until(page)
        assert ("未满 14 周岁" in shown.lead.zh) is (page == "guide")
        finger.touch("back")
    assert ended == [Outcome.BACK]


@pytest.mark.parametrize(
    ("reason", "title", "guide"),
    [("not_live", "时间到了", "没来得及"), ("too_slow", "时间到了", "没来得及"), ("not_alike", "再试一次", "")],
)
async def test_who_was_late_is_told_so_and_may_try_again(
    begun: Any, finger: Any, reason: str, title: str, guide: str
) -> None:
    watcher = Watcher(FaceResult("fail", None, reason), FaceResult("fail", None, reason))
    watcher.go_on.set()
    _, ended, play = begun(watcher)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        await finger.until("face_notice")
        finger.touch("next", way="face")
        page = await finger.until("face_again")
        assert title in page.title.zh
        finger.touch("next")
        page = await finger.until("guide")
        assert guide in page.lead.zh
        assert ("比对成功" in page.lead.zh) is (not guide)
        finger.touch("back")
        page = await finger.until("face_notice")
        assert next(b.selected for b in page.blocks if isinstance(b, Choices)) == "face"
        finger.touch("back")
    assert ended == [Outcome.BACK]


async def test_who_wants_the_guide_gets_the_guide_at_once(begun: Any, finger: Any) -> None:
    journey, ended, play = begun(Watcher())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        await finger.until("face_notice")
        finger.touch("next", way="guide")
        await finger.until("guide")
        finger.touch("back")
        await finger.until("face_notice")
        finger.touch("back")
    assert ended == [Outcome.BACK]
    assert (journey.visit.identity, journey.parts) == (None, {})


@pytest.mark.parametrize("action", ["back", "guide"])
async def test_during_the_comparison_one_may_go_back_or_ask_for_a_guide(begun: Any, finger: Any, action: str) -> None:
    journey, ended, play = begun(Watcher(FaceResult("pass", 0.3, "", "test", 4)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        await finger.until("face_notice")
        finger.touch("next", way="face")
        await finger.until("face")
        finger.touch(action)
        if action == "guide":
            await finger.until("guide")
            finger.touch("back")
        await finger.until("face_notice")
        finger.touch("back")
    assert (ended, journey.visit.identity) == ([Outcome.BACK], None)


async def test_after_two_tries_a_guide_confirms_and_no_third_is_made(begun: Any, finger: Any) -> None:
    watcher = Watcher(*(FaceResult("fail", 0.6, "not_alike") for _ in range(3)))
    watcher.go_on.set()
    _, ended, play = begun(watcher)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        await finger.until("face_notice")
        finger.touch("next", way="face")
        await finger.until("face_again")
        finger.touch("next")
        await finger.until("guide")
        finger.touch("exit")
        await finger.until("confirm_exit")
        assert len(watcher.asked) == 2
        finger.touch("continue")
        await finger.until("guide")
        finger.touch("back")
        await finger.until("face_notice")
        finger.touch("back")
    assert ended == [Outcome.BACK]


@pytest.mark.parametrize("action", ["back", "guide"])
async def test_after_the_first_try_one_may_stop(begun: Any, finger: Any, action: str) -> None:
    watcher = Watcher(FaceResult("fail", 0.6, "several_faces"))
    watcher.go_on.set()
    _, ended, play = begun(watcher)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        await finger.until("face_notice")
        finger.touch("next", way="face")
        page = await finger.until("face_again")
        assert [a.id for a in page.actions] == ["exit", "guide", "next"]
        finger.touch(action)
        if action == "guide":
            await finger.until("guide")
            finger.touch("back")
        await finger.until("face_notice")
        finger.touch("back")
    assert ended == [Outcome.BACK]


async def test_models_that_fail_lead_to_the_guide_with_the_reason(begun: Any, finger: Any) -> None:
    watcher = Watcher(FaceResult("unavailable", None, ""))
    watcher.go_on.set()
    journey, ended, play = begun(watcher)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        await finger.until("face_notice")
        finger.touch("next", way="face")
        page = await finger.until("guide")
        assert text("face.unavailable").zh in page.lead.zh
        finger.touch("back")
        await finger.until("face_notice")
        finger.touch("back")
    assert (ended, journey.parts) == ([Outcome.BACK], {}), "never passed by itself"
