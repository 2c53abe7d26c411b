"""One citizen at the machine, in virtual time: idling, leaving, settings, and what is typed meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from devices.id_card_reader.card import IdCard
from kiosk.config import ScreenConfig
from kiosk.messages.content import Identity
from kiosk.pages import Action, Answer, Field, Page, Settings, StepMark
from kiosk.text import same
from kiosk.visit import FiledCase, Second, Visit, VisitEnded
from tests.waiting import HANG_S

FORM = Page(
    kind="form",
    title=same("form"),
    blocks=(Field(name="phone", label=same("phone"), keys="phone"),),
    actions=(Action(id="next", label=same("next"), style="primary"),),
    steps=(StepMark(label=same("fill"), state="now"),),
    is_free=False,
)


async def shown(visit: Visit, page: Page, play: Callable[[], Awaitable[None]]) -> Answer | str:
    """Show ``page`` while the test plays the person; the answer, or the reason why the visit ended."""
    outcome: list[Answer | str] = []

    async def show() -> None:
        try:
            outcome.append(await visit.show(page))
        except VisitEnded as ended:
            outcome.append(ended.reason)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(show)
        await play()
    return outcome[0]


async def test_a_touch_answers_and_a_page_is_published_once(machine: Any, finger: Any) -> None:
    lines: list[dict] = []
    machine.status.publish = lambda event, /, **facts: lines.append({"type": event, **facts})

    async def play() -> None:
        await finger.until("form")
        finger.touch("next", phone="139")

    answer = await shown(Visit(machine, Settings()), FORM, play)
    assert answer == Answer(action="next", values={"phone": "139"})
    assert lines == [{"type": "page", "kind": "form", "service": ""}]


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("张\u200b三\ufeff", "张三"),
        ("\u202e13800138000\u2069", "13800138000"),
        ("一号\0楼\x1b[2J\x7f", "一号楼[2J"),
        ("a\r\nb\tc\u2028d", "a  b c d"),
        ("\u200b\u200d \u3000", ""),
        ("王\ud800五\udfff", "王五"),
        ("葛\U000e0100 𬱖 é 한 😀", "葛\U000e0100 𬱖 é 한 😀"),
    ],
)
async def test_what_shows_nothing_is_not_what_a_person_typed(machine: Any, finger: Any, typed: str, seen: str) -> None:
    async def play() -> None:
        await finger.until("form")
        finger.touch("next", phone=typed, chosen=["k"])

    answer = await shown(Visit(machine, Settings()), FORM, play)
    assert answer == Answer(action="next", values={"phone": seen, "chosen": ["k"]})


async def test_warning_page_comes_at_twenty_seconds_and_continue_keeps_what_was_typed(
    machine: Any, finger: Any, autojump_clock: Any
) -> None:
    began = trio.current_time()
    warned: list[float] = []

    async def play() -> None:
        await finger.until("form")
        finger.typed = {"phone": "1390"}
        await finger.until("still_there")
        warned.append(trio.current_time() - began)
        finger.touch("continue")
        page = await finger.until("form")
        assert page.blocks[0].value == "1390"
        finger.touch("next")

    assert isinstance(await shown(Visit(machine, Settings()), FORM, play), Answer)
    assert warned == [machine.config.screen.idle_timeout_s - 20.0]


async def test_nobody_there_ends_the_visit_when_the_time_is_over(
    machine: Any, finger: Any, autojump_clock: Any
) -> None:
    began = trio.current_time()
    assert await shown(Visit(machine, Settings()), FORM, lambda: finger.until("still_there")) == "timeout"
    assert trio.current_time() - began == machine.config.screen.idle_timeout_s
    assert min(finger.ticks) <= 1.0, "the countdown is drawn to its end"


async def test_every_touch_begins_the_countdown_anew(machine: Any, finger: Any, autojump_clock: Any) -> None:
    visit = Visit(machine, Settings())
    began = trio.current_time()

    async def play() -> None:
        await finger.until("form")
        await trio.sleep(90)
        visit.touched()
        await finger.until("still_there")
        assert trio.current_time() - began == 190
        finger.touch("exit")

    assert await shown(visit, FORM, play) == "exit"


async def test_a_touch_that_waits_while_the_machine_stands_still_is_taken_before_the_visit_ends(
    machine: Any, finger: Any, autojump_clock: Any
) -> None:
    async def play() -> None:
        await finger.until("still_there")
        await trio.sleep(19.5)
        autojump_clock.jump(300)
        await trio.sleep(0.25)
        finger.touch("continue")
        await finger.until("form")
        finger.touch("next")

    assert isinstance(await shown(Visit(machine, Settings()), FORM, play), Answer)


async def test_a_machine_that_always_stands_still_ends_the_visit_of_who_is_not_there(
    machine: Any, finger: Any, autojump_clock: Any
) -> None:
    async def play() -> None:
        await finger.until("still_there")
        for _ in range(50):
            await trio.sleep(0.1)
            autojump_clock.jump(10)

    assert await shown(Visit(machine, Settings()), FORM, play) == "timeout"


async def test_a_short_limit_of_a_training_machine_warns_half_way(
    machine: Any, finger: Any, autojump_clock: Any
) -> None:
    machine.config = msgspec.structs.replace(machine.config, screen=ScreenConfig(idle_timeout_s=6.0))
    began = trio.current_time()
    assert await shown(Visit(machine, Settings()), FORM, lambda: finger.until("still_there")) == "timeout"
    assert trio.current_time() - began == 6.0


async def test_elder_mode_gives_three_times_the_time(machine: Any, finger: Any, autojump_clock: Any) -> None:
    visit = Visit(machine, Settings(elder=True))
    began = trio.current_time()
    assert await shown(visit, FORM, lambda: finger.until("still_there")) == "timeout"
    assert trio.current_time() - began == 3 * machine.config.screen.idle_timeout_s - 20 + 60


async def test_a_page_without_limit_waits_for_ever(machine: Any, finger: Any, autojump_clock: Any) -> None:
    page = Page(kind="printing", title=same("x"), timeout_s=0)

    async def play() -> None:
        await finger.until("printing")
        await trio.sleep(3600)
        finger.touch("next")

    assert isinstance(await shown(Visit(machine, Settings()), page, play), Answer)
    assert "still_there" not in finger.history


async def test_leaving_in_the_middle_is_asked_once_and_can_be_taken_back(machine: Any, finger: Any) -> None:
    async def play() -> None:
        await finger.until("form")
        finger.touch("exit", phone="13")
        await finger.until("confirm_exit")
        finger.touch("continue")
        page = await finger.until("form")
        assert page.blocks[0].value == "13"
        finger.touch("exit")
        await finger.until("confirm_exit")
        finger.touch("exit")

    assert await shown(Visit(machine, Settings()), FORM, play) == "exit"


async def test_language_and_large_type_change_without_losing_what_was_typed(machine: Any, finger: Any) -> None:
    visit = Visit(machine, Settings())

    async def play() -> None:
        await finger.until("form")
        finger.touch("set:language", phone="139")
        await trio.testing.wait_all_tasks_blocked()
        assert finger.settings.language == "en"
        finger.touch("set:elder", phone="1399")
        await trio.testing.wait_all_tasks_blocked()
        assert finger.settings.elder
        page = await finger.until("form")
        assert page.blocks[0].value == "1399"
        finger.touch("next", phone="1399")

    assert await shown(visit, FORM, play) == Answer(action="next", values={"phone": "1399"})


async def test_help_offers_every_setting_and_the_guide_and_leads_back(machine: Any, finger: Any) -> None:
    async def play() -> None:
        await finger.until("form")
        finger.touch("help", phone="1")
        page = await finger.until("help")
        offered = {t.action.id for t in page.blocks[0].tiles}
        assert offered == {"set:elder", "set:low_reach", "set:speech", "set:language", "call_guide"}
        finger.touch("call_guide")
        await finger.until("guide_called")
        finger.touch("continue")
        await finger.until("help")
        finger.touch("continue")
        page = await finger.until("form")
        assert page.blocks[0].value == "1"
        finger.touch("next")

    assert isinstance(await shown(Visit(machine, Settings()), FORM, play), Answer)


async def test_voice_says_politely_that_it_is_not_there_yet(machine: Any, finger: Any) -> None:
    async def play() -> None:
        await finger.until("form")
        finger.touch("set:speech", phone="1")
        await finger.until("speech_later")
        finger.touch("continue")
        page = await finger.until("form")
        assert page.blocks[0].value == "1"
        finger.touch("next")

    assert isinstance(await shown(Visit(machine, Settings()), FORM, play), Answer)


async def test_the_person_wins_over_work_that_takes_too_long(machine: Any, finger: Any, autojump_clock: Any) -> None:
    visit = Visit(machine, Settings())
    ended: list[str] = []

    async def work() -> str:
        try:
            await trio.sleep(60)
        except trio.Cancelled:
            ended.append("canceled")
            raise
        return "done"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_touch_after, finger, 5.0)
        outcome = await visit.show_while(FORM, work)
    assert outcome == Answer(action="back")
    assert ended == ["canceled"]


async def test_idling_out_while_work_runs_ends_the_visit(machine: Any, finger: Any, autojump_clock: Any) -> None:
    with pytest.raises(VisitEnded) as ended:
        await Visit(machine, Settings()).show_while(FORM, trio.sleep_forever)
    assert ended.value.reason == "timeout"


async def _touch_after(finger: Any, seconds: float) -> None:
    await trio.sleep(seconds)
    finger.touch("back")


async def test_what_a_canceled_page_wanted_to_show_last_is_shown_under_no_later_page(machine: Any, finger: Any) -> None:
    visit = Visit(machine, Settings())
    busy = msgspec.structs.replace(FORM, kind="busy")

    async def late_update() -> None:
        await finger.until("busy")
        finger.touch("help")
        await finger.until("help")
        visit.update(busy)  # beneath the page of the frame
        nursery.cancel_scope.cancel()
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        await visit.show_while(busy, late_update)

    async def play() -> None:
        with trio.fail_after(HANG_S):
            await finger.until("form")
        finger.touch("next")

    assert await shown(visit, FORM, play) == Answer(action="next", values={})


async def test_nothing_of_a_person_stays_on_a_visit_that_was_wiped(machine: Any) -> None:
    visit = Visit(machine, Settings())
    empty = {name: bool(value) for name, value in personal(visit).items()}
    visit.card = IdCard("resident", name="王小明")
    visit.accompany(Second(IdCard("resident", name="王大明"), "agent"))
    visit.identity = Identity("guide", "confirmed")
    visit.portrait = b"JPEG"
    visit.filed.append(FiledCase("c-1", "990100000120270112000019", "T01"))
    visit.typed["T01"] = {"phone": "13900000001"}
    visit.update(FORM)
    assert all(personal(visit).values())
    visit.forget()
    assert {name: bool(value) for name, value in personal(visit).items()} == empty
    assert not any(empty.values())


def personal(visit: Visit) -> dict[str, object]:
    return {
        "card": visit.card,
        "second": visit.second,
        "identity": visit.identity,
        "portrait": visit.portrait,
        "filed": visit.filed,
        "typed": visit.typed,
        "page behind": visit._behind,
    }
