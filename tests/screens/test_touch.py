"""A touch panel that loses half of what it should tell: the next tap still counts, and no ghost keeps a visit."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from kiosk.pages import Field, Page, Settings
from kiosk.text import Text, same
from tests.screens import harness
from tests.screens.gallery import LOOKS, NEXT, home, pages
from tests.screens.harness import Showing, frames, middle, running, showing

PAGES = pages()
BLANK = (5, 900)


@contextmanager
def counted(presenter):
    touches = []
    presenter.on_touch = lambda: touches.append(1)
    yield touches
    presenter.on_touch = lambda: None


async def press_and_lose(shown: Showing, label: str) -> None:
    """A finger goes down on a button; the panel is unplugged before it says that it was lifted."""
    shown.hand.down(*middle(shown.target(label)))
    await frames(3)


@pytest.mark.parametrize("lost_on", ["退出", "上一步", "下一步"])
async def test_release_that_never_comes_is_ended_by_the_next_tap(presenter, lost_on):
    async with showing(presenter, PAGES["review"]) as shown:
        await press_and_lose(shown, lost_on)
        assert shown.answer is None
        await shown.tap_after_a_moment("下一步")
        assert shown.answer is not None
        assert shown.answer.action == "next"


async def test_release_lost_many_times_over(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        for label in ("退出", "上一步", "退出", "下一步") * 5:
            await press_and_lose(shown, label)
        await shown.tap_after_a_moment("退出")
        assert shown.answer is not None
        assert shown.answer.action == "exit"


async def test_release_whose_press_was_lost_does_nothing_and_ends_nothing(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        shown.hand.up(*middle(shown.target("下一步")))
        shown.hand.move(*middle(shown.target("退出")))
        await frames(3)
        assert shown.answer is None
        await shown.tap_after_a_moment("下一步")
        assert shown.answer is not None


async def test_finger_that_never_lifts_does_not_lock_the_others_out(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        shown.hand.finger(1, "down", *middle(shown.target("退出")))
        await frames(3)
        x, y = middle(shown.target("下一步"))
        shown.hand.finger(2, "down", x, y)
        await frames(3)
        shown.hand.finger(2, "up", x, y)
        await frames(3)
        assert shown.answer is not None
        assert shown.answer.action == "next"


async def test_second_finger_gives_the_first_ones_button_up(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        for number, label in ((1, "退出"), (2, "下一步")):
            shown.hand.finger(number, "down", *middle(shown.target(label)))
            await frames(2)
        shown.hand.finger(1, "up", *middle(shown.target("退出")))
        await frames(2)
        assert shown.answer is None, "the older finger was given up"
        shown.hand.finger(2, "up", *middle(shown.target("下一步")))
        await frames(3)
        assert shown.answer is not None
        assert shown.answer.action == "next"


async def test_twenty_ghost_fingers_leave_room_for_a_real_one(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        for number in range(20):
            shown.hand.finger(number, "down", 40 + 50 * number, 700)
        await frames(3)
        x, y = middle(shown.target("下一步"))
        shown.hand.finger(77, "down", x, y)
        await frames(2)
        shown.hand.finger(77, "up", x, y)
        await frames(3)
        assert shown.answer is not None


async def test_presses_that_are_never_released_are_no_activity(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        with counted(presenter) as touches:
            for _ in range(5):
                await press_and_lose(shown, "下一步")
        assert touches == []


async def test_ghost_that_taps_at_one_spot_counts_once(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        with counted(presenter) as touches:
            for offset in (0, 3, -4, 2):
                shown.hand.down(BLANK[0], BLANK[1] + offset)
                shown.hand.up(BLANK[0], BLANK[1] + offset)
                await frames(3)
            assert len(touches) == 1
            await shown.tap_after_a_moment("退出")
            assert len(touches) == 2


async def test_ghosts_at_two_spots_count_once_each(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        with counted(presenter) as touches:
            for offset in (0, 100) * 10:
                shown.hand.down(BLANK[0], BLANK[1] + offset)
                shown.hand.up(BLANK[0], BLANK[1] + offset)
                await frames(1)
        assert len(touches) == 2


async def test_a_drop_of_water_on_one_button_leaves_the_others_to_a_person_and_is_no_activity(presenter):
    """The panel tells of ten taps a second at one place."""
    async with showing(presenter, PAGES["review"]) as shown:
        wet, way_out = (middle(shown.target(label)) for label in ("下一步", "退出"))
        harness.MOMENT[0] += 1
        presenter._surface._fresh(shown.target("下一步"))  # its first tap was taken on the page before
        with counted(presenter) as touches:
            for _ in range(20):
                harness.MOMENT[0] += 0.1
                shown.hand.down(*wet)
                shown.hand.up(*wet)
                await frames(1)
            assert (touches, shown.answer) == ([], None)
            harness.MOMENT[0] += 0.05
            shown.hand.down(*way_out)
            shown.hand.up(*way_out)
            await frames(3)
        assert shown.answer is not None
        assert (shown.answer.action, len(touches)) == ("exit", 1)


async def test_a_finger_that_lies_on_the_pad_and_trembles_is_no_activity(presenter):
    async with showing(presenter, PAGES["sign"]) as shown:
        pad = next(target for target in presenter._surface.targets if target.drags is not None)
        x, y = middle(pad)
        with counted(presenter) as touches:
            shown.hand.finger(1, "down", x, y)
            for number in range(40):
                shown.hand.finger(1, "move", x + number % 3, y)
                await frames(1)
            assert len(touches) == 1
            shown.hand.finger(1, "move", x + 60, y)
            await frames(1)
            assert len(touches) == 2


async def test_button_that_went_away_under_the_finger(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        await press_and_lose(shown, "上一步")
        presenter.update(replace(PAGES["review"], actions=(NEXT,)))
        await frames(3)
        await shown.tap_after_a_moment("下一步")
        assert shown.answer is not None


async def test_page_drawn_anew_under_the_finger_does_not_lose_the_tap(presenter):
    page = PAGES["review"]
    async with showing(presenter, page) as shown:
        x, y = middle(shown.target("下一步"))
        shown.hand.down(x, y)
        await frames(2)
        presenter.update(replace(page, lead=Text("网络恢复了。", "The network is back.")))
        await frames(2)
        shown.hand.up(x, y)
        await frames(3)
        assert shown.answer is not None


def due_has_come():
    """The page that asked what is due, with so much of it that all else has moved down."""
    page, due = PAGES["due_asking"], PAGES["due"].blocks[0]
    return replace(page, blocks=(replace(due, items=due.items * 2), page.blocks[-1]))


async def test_what_comes_by_itself_takes_no_tap_that_was_meant_for_what_stood_there(presenter):
    page, come = PAGES["due_asking"], due_has_come()
    async with showing(presenter, page) as shown:
        x, y = middle(shown.target("罚款缴纳"))
        presenter.update(come)
        await frames(3)
        assert shown.presenter._surface._at(x, y).a11y_label != "罚款缴纳"
        shown.hand.down(x, y)
        shown.hand.up(x, y)
        await frames(3)
        assert shown.answer is None
        await shown.tap_after_a_moment("退出")
        assert shown.answer is not None, "what has not moved answers at once"


@pytest.mark.parametrize("look", LOOKS)
async def test_what_is_due_comes_in_without_moving_what_stands_below(presenter, look):
    page = PAGES["due_asking"]
    due, tiles = PAGES["due"].blocks[0], page.blocks[-1]
    async with showing(presenter, page, LOOKS[look]) as shown:
        before = [t.box() for t in shown.presenter._surface.targets]
        for count in range(due.room + 1):
            presenter.update(replace(page, blocks=(replace(due, items=due.items[1 : count + 1]), tiles)))
            await frames(3)
            now = [t.box() for t in shown.presenter._surface.targets]
            assert set(before) <= set(now), f"{count} items"


async def test_finger_held_over_from_the_page_before_answers_nothing(presenter):
    async with running(presenter) as nursery:
        first, second = Showing(presenter), Showing(presenter)
        nursery.start_soon(first.show, PAGES["review"], Settings())
        await frames(3)
        x, y = middle(first.target("下一步"))
        first.hand.down(x, y)
        await frames(2)
        nursery.start_soon(second.show, PAGES["sign"], Settings())
        await frames(3)
        first.hand.up(x, y)
        await frames(3)
        assert second.answer is None
        await second.tap_after_a_moment("下一步")
        assert second.answer is not None


async def test_pad_whose_finger_never_lifts_lets_the_page_be_left(presenter):
    async with showing(presenter, PAGES["sign"]) as shown:
        x, y = middle(shown.target("请用手指在线上方签名"))
        shown.hand.down(x, y)
        shown.hand.move(x + 80, y + 20)
        await frames(3)
        await shown.tap_after_a_moment("下一步")
        assert shown.answer is not None
        assert len(shown.answer.values["signature"]) == 1


async def test_palm_laid_down_beside_the_signing_finger_is_no_ink(presenter):
    async with showing(presenter, PAGES["sign"]) as shown:
        x, y = middle(shown.target("请用手指在线上方签名"))
        shown.hand.finger(1, "down", x, y)
        shown.hand.finger(1, "move", x + 20, y)
        shown.hand.finger(2, "down", x + 200, y - 100)
        await frames(2)
        shown.hand.finger(1, "move", x + 40, y + 5)
        shown.hand.finger(2, "up", x + 200, y - 100)
        shown.hand.finger(1, "move", x + 60, y)
        shown.hand.finger(1, "up", x + 60, y)
        await frames(3)
        left, _, width, _ = shown.target("请用手指在线上方签名").box()
        strokes = presenter.values()["signature"]
        assert max(point[0] for stroke in strokes for point in stroke) <= (x + 61 - left) / width
        assert abs(strokes[-1][-1][0] - (x + 60 - left) / width) < 0.01


async def test_palm_on_the_bar_while_signing_does_not_go_on(presenter):
    async with showing(presenter, PAGES["sign"]) as shown:
        x, y = middle(shown.target("请用手指在线上方签名"))
        palm = middle(shown.target("下一步"))
        shown.hand.finger(1, "down", x, y)
        await frames(2)
        shown.hand.finger(2, "down", *palm)
        await frames(2)
        shown.hand.finger(1, "move", x + 40, y)
        await frames(2)
        shown.hand.finger(2, "up", *palm)
        await frames(3)
        assert shown.answer is None


async def test_key_that_never_lifts_does_not_stop_the_typing(presenter):
    async with showing(presenter, PAGES["form"]) as shown:
        await press_and_lose(shown, "9")
        for key in "38":
            await shown.tap(key)
        assert presenter.values() == {"phone": "13800138"}


async def test_paged_list_turns_after_a_lost_release(presenter):
    async with showing(presenter, home(), Settings(elder=True)) as shown:
        await press_and_lose(shown, "交通管理")
        await shown.tap_after_a_moment("下一页")
        assert presenter._index == 1
        assert shown.answer is None


async def test_double_tap_within_one_frame_answers_one_page(presenter):
    async with running(presenter) as nursery:
        first, second = Showing(presenter), Showing(presenter)
        nursery.start_soon(first.show, PAGES["review"], Settings())
        await frames(3)
        target = first.target("下一步")
        from tests.screens import harness

        harness.MOMENT[0] += 1
        for _ in range(3):
            first.hand.tap(target)
        await frames(4)
        assert first.answer is not None
        nursery.start_soon(second.show, PAGES["sign"], Settings())
        await frames(4)
        assert second.answer is None


async def test_double_tap_does_not_type_into_the_next_page(presenter):
    form = Page(
        kind="form", title=same("号码"), blocks=(Field(name="n", label=same("号码"), keys="digits"),), actions=(NEXT,)
    )
    async with running(presenter) as nursery:
        first, second = Showing(presenter), Showing(presenter)
        nursery.start_soon(first.show, PAGES["review"], Settings())
        await frames(3)
        await first.tap_after_a_moment("下一步")
        nursery.start_soon(second.show, form, Settings())
        await frames(3)
        await second.tap("5")  # a moment later, where the button was
        assert presenter.values() == {"n": ""}
        await second.tap_after_a_moment("5")
        assert presenter.values() == {"n": "5"}


async def test_what_was_tapped_is_seen_pressed_before_its_page_is_made(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        seen = []
        surface = presenter._surface
        presenter._window.bind(on_draw=lambda *_: seen.append((bool(surface._over.children), shown.answer)))
        shown.hand.tap(shown.target("下一步"))
        await frames(4)
        assert seen[0] == (True, None), "the mark is on the glass while nothing was answered yet"
        assert shown.answer is not None
        assert surface._over.children, "it stays until the next page"


@contextmanager
def a_slow_machine(presenter, seconds=1.0):
    """Each page takes so long until it is on the glass; what is touched meanwhile is told of afterwards."""
    seen, window = presenter._surface.seen, presenter._window
    drawn = [presenter._surface.page]

    def late(*_):
        if presenter._surface.page is not drawn[0]:
            drawn[0] = presenter._surface.page
            harness.MOMENT[0] += seconds
        seen()

    window.unbind(on_flip=seen)
    window.bind(on_flip=late)
    yield
    window.unbind(on_flip=late)
    window.bind(on_flip=seen)


async def test_trembling_hand_agrees_to_no_sheet_that_a_slow_machine_drew_meanwhile(presenter):
    notice = replace(PAGES["review"], blocks=PAGES["review"].blocks * 6)
    async with showing(presenter, notice) as shown:
        with a_slow_machine(presenter):
            await shown.tap("还有，看下一页")
            while any(target.a11y_label == "还有，看下一页" for target in presenter._surface.targets):
                await shown.tap_after_a_moment("还有，看下一页")
            await shown.tap("下一步")  # the same trembling finger: the last sheet has only just been seen
            assert shown.answer is None
            await shown.tap_after_a_moment("下一步")
            assert shown.answer is not None


async def test_what_comes_by_itself_takes_no_tap_until_a_slow_machine_has_shown_it(presenter):
    page, come = PAGES["due_asking"], due_has_come()
    async with showing(presenter, page) as shown:
        x, y = middle(shown.target("罚款缴纳"))
        with a_slow_machine(presenter):
            presenter.update(come)
            await frames(3)
            shown.hand.down(x, y)
            shown.hand.up(x, y)
            await frames(3)
            assert shown.answer is None
