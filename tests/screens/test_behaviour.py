"""What a person can do: tap, type, sign, be interrupted."""

from __future__ import annotations

import numpy as np
import trio
from msgspec.structs import replace
from PIL import Image

from kiosk.pages import Action, Answer, Fact, Facts, Field, Page, Preview, Settings
from kiosk.text import Text, same
from screens import stack
from screens.blocks.choices import Row
from screens.blocks.preview import Live
from screens.words import Words
from tests.screens.gallery import EXIT, NEXT, home, pages, shipped_pages
from tests.screens.harness import MOMENT, Showing, frames, middle, running, showing, tree

PAGES = pages()


async def test_tap_answers_once_with_the_values(presenter):
    async with showing(presenter, PAGES["choice"]) as shown:
        await shown.tap("到窗口领取")
        assert shown.answer is None
        await shown.tap_after_a_moment("下一步")
        assert shown.answer == Answer(action="next", values={"how": "hall"})


async def test_only_the_option_that_was_tapped_last_looks_chosen(presenter):
    async with showing(presenter, PAGES["choice"]) as shown:
        rows = [target for target in shown.presenter._surface.targets if isinstance(target, Row)]
        assert [row._on.opacity for row in rows].count(1) == 1, "the one that is chosen beforehand"
        for label in ("到窗口领取", "邮寄到家", "到窗口领取"):
            await shown.tap(label)
            assert [row.a11y_label for row in rows if row._on.opacity or row._frame.a] == [label]


async def test_second_tap_is_ignored(presenter):
    async with running(presenter) as nursery:
        first, second = Showing(presenter), Showing(presenter)
        nursery.start_soon(first.show, PAGES["review"], Settings())
        await frames(3)
        await first.tap_after_a_moment("下一步")
        assert first.answer.action == "next"
        nursery.start_soon(second.show, PAGES["sign"], Settings())
        await frames(3)
        await second.tap("下一步")  # the same trembling finger, a moment later
        assert second.answer is None
        await second.tap_after_a_moment("下一步")
        assert second.answer.action == "next"


async def test_the_arrow_stands_on_the_side_to_which_the_head_must_turn(presenter):
    turn = {side: replace(PAGES["face"].blocks[0], arrow=side) for side in ("left", "right", "")}
    async with showing(presenter, replace(PAGES["face"], blocks=(turn["left"],))) as shown:
        for side in ("left", "right", "left", ""):
            presenter.update(replace(PAGES["face"], blocks=(turn[side],)))
            await frames(2)
            (live,) = [widget for widget in tree(shown.presenter._surface.page) if isinstance(widget, Live)]
            seen = [arrow for arrow in live._arrows.values() if arrow.opacity]
            assert ["left" if arrow.center_x < live.width / 2 else "right" for arrow in seen] == [side] * bool(side)


async def test_keys_are_for_the_field_that_is_wrong_not_for_an_empty_one_before_it(presenter):
    first = Field(name="first", label=same("一"), keys="digits")
    wrong = Field(name="wrong", label=same("二"), keys="digits", value="12", error=same("少一位"))
    page = replace(PAGES["review"], blocks=(first, wrong))
    async with showing(presenter, page) as shown:
        await shown.tap("3")
        await shown.tap_after_a_moment("下一步")
        assert shown.answer.values == {"first": "", "wrong": "123"}


async def test_of_two_answers_before_the_page_is_gone_the_first_counts(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        presenter._answered("exit")
        presenter._answered("next")
        await frames(3)
        assert shown.answer.action == "exit"


async def test_nothing_is_taken_while_no_answer_is_waited_for(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        await shown.tap("退出")
        await shown.tap_after_a_moment("下一步")
        assert shown.answer.action == "exit"


async def test_finger_slid_off_a_button_does_nothing(presenter):
    async with showing(presenter, PAGES["review"]) as shown:
        x, y = middle(shown.target("下一步"))
        shown.hand.down(x, y)
        await frames(2)
        assert presenter._surface._over.children, "the pressed mark is shown at once"
        shown.hand.move(x, y + 600)
        await frames(2)
        shown.hand.up(x, y + 600)
        await frames(2)
        assert not presenter._surface._over.children
        assert shown.answer is None


async def test_disabled_tile_answers_nothing_and_says_why(presenter):
    async with showing(presenter, home()) as shown:
        await shown.tap("新生儿“一件事”")
        assert shown.answer is None
        assert any(getattr(w, "text", "") == "网络恢复后可办" for w in tree(presenter._surface.page))


async def test_typing_groups_the_number_and_stops_at_its_length(presenter):
    async with showing(presenter, PAGES["form"]) as shown:
        for key in "38000999":
            await shown.tap(key)
        assert presenter.values() == {"phone": "13800138000"}
        shown_text = presenter._surface.lives[-1]._words.text
        assert shown_text == "138 0013 8000"
        await shown.tap("删除")
        assert presenter.values() == {"phone": "1380013800"}
        await shown.tap("清空")
        assert presenter.values() == {"phone": ""}


async def test_pin_is_never_written_out(presenter):
    async with showing(presenter, PAGES["login"]):
        texts = [getattr(w, "text", "") for w in tree(presenter._surface.page)]
        assert "●●●●" in texts
        assert not any("1234" in t for t in texts)


async def test_focus_goes_to_the_tapped_field_and_changes_the_keys(presenter):
    async with showing(presenter, PAGES["form_two"]) as shown:
        assert shown.target("X")
        await shown.tap("回执编号")
        await shown.tap("Q")
        assert presenter.values()["receipt"] == "11010820270112Q"


async def test_typed_values_survive_an_update(presenter):
    page = PAGES["form"]
    async with showing(presenter, page) as shown:
        await shown.tap("3")
        presenter.update(replace(page, lead=Text("还有一分钟。", "One minute left.")))
        await frames(2)
        assert presenter.values() == {"phone": "1380013"}
        await shown.tap_after_a_moment("下一步")
        assert shown.answer.values == {"phone": "1380013"}


async def test_typed_values_survive_a_change_of_language_and_size(presenter):
    page = PAGES["form"]
    async with running(presenter) as nursery:
        first, second = Showing(presenter), Showing(presenter)
        leaving = trio.CancelScope()
        nursery.start_soon(_show_in, first, page, leaving)
        await frames(3)
        await first.tap("3")
        leaving.cancel()
        await frames(1)
        nursery.start_soon(second.show, page, Settings(language="en", elder=True))
        await frames(3)
        assert second.target("Continue")
        assert presenter.values() == {"phone": "1380013"}


async def _show_in(shown: Showing, page: Page, scope: trio.CancelScope) -> None:
    with scope:
        await shown.show(page, Settings())


async def test_the_same_page_again_starts_empty(presenter):
    page = PAGES["login"]
    async with running(presenter) as nursery:
        for _ in range(2):
            shown = Showing(presenter)
            nursery.start_soon(shown.show, page, Settings())
            await frames(3)
            assert presenter.values() == {"pin": "1234"}
            await shown.tap_after_a_moment("9")
            await shown.tap_after_a_moment("登录")
            assert shown.answer.values == {"pin": "12349"}


async def test_signature_strokes_are_shares_of_the_pad_with_y_down(presenter):
    async with showing(presenter, PAGES["sign"]) as shown:
        pad = shown.target("请用手指在线上方签名")
        x, y, width, height = pad.box()
        shown.hand.down(x + width * 0.25, y + height * 0.75)
        await frames(2)
        shown.hand.move(x + width * 0.5, y + height * 0.5)
        await frames(2)
        shown.hand.up(x + width * 0.5, y + height * 0.5)
        await frames(2)
        ((start, end),) = [[s[0], s[-1]] for s in presenter.values()["signature"]]
        assert [round(v, 1) for v in (*start, *end)] == [0.2, 0.2, 0.5, 0.5] or abs(start[0] - 0.25) < 0.01
        assert abs(start[1] - 0.25) < 0.01
        await shown.tap_after_a_moment("重新签名")
        assert presenter.values() == {"signature": []}


async def test_preview_shows_frames_and_takes_instructions_without_redrawing_the_page(presenter):
    block = Preview(frames="any", instruction=same("看正前方"))
    page = Page(kind="face", title=same("人脸核验"), blocks=(block,), actions=(EXIT,))
    async with showing(presenter, page):
        live = presenter._surface.lives[-1]
        seen = live._seq
        root = presenter._surface.page
        presenter.update(replace(page, blocks=(replace(block, instruction=same("向左转头"), progress=0.5),)))
        await frames(8)
        assert live._seq > seen
        assert presenter._surface.page is root, "only the live part was drawn anew"
        assert live._words.text == "向左转头"


async def test_preview_of_a_camera_that_is_gone_stays_a_sign(presenter, monkeypatch):
    def gone(_name):
        raise FileNotFoundError

    monkeypatch.setattr(presenter, "_open_frames", gone)
    page = Page(kind="face", title=same("人脸核验"), blocks=(Preview(frames="x", instruction=same("请稍候")),))
    async with showing(presenter, page):
        await frames(6)
        assert presenter._surface.lives[-1]._texture is None


async def test_countdown_turns_amber_below_twenty_seconds(presenter):
    async with showing(presenter, PAGES["review"]):
        presenter.tick(60, 120)
        ring = presenter._drawn.ring
        calm = ring._number.font_size
        assert ring._number.text == "60"
        presenter.tick(12.2, 120)
        assert ring._number.text == "13"
        assert ring._number.font_size > calm
        presenter.tick(0, 0)
        assert ring._number is None


async def test_paging_shows_what_does_not_fit_and_keeps_the_wait(presenter):
    async with showing(presenter, home(), Settings(elder=True)) as shown:
        assert presenter._drawn.count > 1
        await shown.tap("下一页")
        assert presenter._index == 1
        assert shown.answer is None


async def test_what_is_typed_is_seen_on_whichever_sheet(presenter):
    """A page that is cut between its fields: the first of the sheet is typed in, and one without any has no keys."""
    async with showing(presenter, shipped_pages()["delivery"], Settings(language="en")) as shown:
        assert presenter._drawn.count == 3
        assert "1" not in {t.a11y_label for t in presenter._surface.targets}, "the lead alone"
        await shown.tap("Next page")
        await shown.tap_after_a_moment("2")
        await shown.tap_after_a_moment("Next page")
        MOMENT[0] += 1
        for key in "13":
            await shown.tap(key)
        assert presenter.values() == {"post_address": "2", "post_phone": "13"}
        assert "q" not in {t.a11y_label for t in presenter._surface.targets}, "a number gets digits"
        await shown.tap_after_a_moment("Previous")
        await shown.tap_after_a_moment("q")
        assert presenter.values() == {"post_address": "2q", "post_phone": "13"}


async def test_a_sheet_is_turned_without_laying_out_the_others_anew(presenter, monkeypatch):
    rows = tuple(Fact(label=same(f"项{n}"), value=same(f"值{n}")) for n in range(40))
    page = Page(kind="x", title=same("核对"), blocks=(Facts(rows=rows),), actions=(NEXT,))
    async with showing(presenter, page) as shown:
        measured, drawn = [], stack.draw
        monkeypatch.setattr(stack, "draw", lambda block, *more: measured.append(block) or drawn(block, *more))
        await shown.tap("下一页")
        assert presenter._index == 1
        assert {block.rows[0] for block in measured} == {measured[-1].rows[0]}, "only the sheet that is shown"


async def test_every_touch_is_reported(presenter):
    touches = []
    presenter.on_touch = lambda: touches.append(1)
    async with showing(presenter, PAGES["review"]) as shown:
        shown.hand.down(5, 900)
        shown.hand.up(5, 900)
        await frames(3)
    presenter.on_touch = lambda: None
    assert touches == [1]


async def test_still_page_is_not_drawn_again(presenter):
    async with showing(presenter, PAGES["choice"]):
        await frames(5)
        flips = []
        window = presenter._window
        window.bind(on_flip=lambda *_: flips.append(1))
        await frames(20)
        assert not flips


async def test_run_may_be_canceled_and_run_again(presenter):
    for _ in range(2):
        async with showing(presenter, PAGES["review"]) as shown:
            await shown.tap_after_a_moment("退出")
            assert shown.answer.action == "exit"


async def test_forget_paints_over_the_last_frame_at_once(presenter, monkeypatch):
    """At a stop no frame follows: what a camera showed last stood in the driver's buffers."""
    monkeypatch.setattr(presenter, "_open_frames", lambda _name: _Magenta())
    page = Page(kind="face", title=same("人脸核验"), blocks=(Preview(frames="x", instruction=same("请稍候")),))
    async with showing(presenter, page):
        while not _magenta_pixels(presenter._window):
            await frames(1)
        presenter.forget()
        assert _magenta_pixels(presenter._window) == 0


async def test_forget_waits_for_the_graphics_driver_last(presenter, monkeypatch):
    done = []
    async with showing(presenter, PAGES["review"]):
        monkeypatch.setattr("kivy.graphics.opengl.glFinish", lambda: done.append("finished"))
        presenter._window.bind(on_flip=lambda *_: done.append("shown"))
        presenter.forget()
        assert (done[-1], len(set(done))) == ("finished", 2)


class _Magenta:
    """A camera before a wall of a colour that no page has."""

    def __init__(self) -> None:
        self._shown = 0

    def latest(self):
        self._shown += 1
        return self._shown, np.full((480, 640, 3), (255, 0, 255), np.uint8)


def _magenta_pixels(window) -> int:
    from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glReadPixels

    raw = glReadPixels(0, 0, *window.system_size, GL_RGBA, GL_UNSIGNED_BYTE)
    pixels = np.frombuffer(raw, np.uint8).reshape(-1, 4)
    return int((pixels[:, :3] == (255, 0, 255)).all(axis=1).sum())


async def test_forget_leaves_nothing_of_anyone_on_the_glass_and_not_nothing(presenter, tmp_path):
    async with showing(presenter, PAGES["choice"]):
        presenter.forget()
        presenter.screenshot(tmp_path / "before.png")
    async with showing(presenter, PAGES["review"]):
        presenter.forget()
        assert presenter.values() == {}
        presenter.screenshot(tmp_path / "after.png")
        assert not presenter._surface.targets
    before, after = (Image.open(tmp_path / f"{name}.png") for name in ("before", "after"))
    assert before.tobytes() == after.tobytes(), "the same for everybody"
    colours = after.getcolors(1 << 20)
    assert colours is not None
    assert len(colours) > 100, "not an empty glass"
    said = [w.text for w in tree(presenter._surface.page) if isinstance(w, Words)]
    assert any("清除" in words for words in said)


async def test_long_number_is_typed_with_digits_and_read_in_groups(presenter):
    field = Field(name="n", label=same("回执编号"), keys="digits", max_length=24)
    page = Page(kind="receipt_number", title=same("回执编号"), blocks=(field,), actions=(NEXT,))
    async with showing(presenter, page) as shown:
        for key in "990108":
            await shown.tap(key)
        assert presenter._surface.lives[-1]._words.text == "9901 08"
        labels = {t.a11y_label for t in presenter._surface.targets}
        assert not labels & set("QWERTYqwerty"), "digits get digits"


async def test_update_reaches_every_kind_of_page(presenter):
    """What changes while it is shown (a device comes back, the network goes) is drawn, whatever the page is made of."""
    of_each_kind = {(page.layout, frozenset(map(type, page.blocks))): name for name, page in PAGES.items()}
    for name in of_each_kind.values():
        page = PAGES[name]
        async with showing(presenter, page):
            grey = tuple(replace(action, enabled=False, reason=same("请稍候")) for action in page.actions)
            presenter.update(replace(page, actions=grey))
            enabled = {t.a11y_label for t in presenter._surface.targets if t.enabled}
            assert not enabled & {a.label.in_language("zh") for a in grey}, name
            presenter.update(page)
            enabled = {t.a11y_label for t in presenter._surface.targets if t.enabled}
            assert {a.label.in_language("zh") for a in page.actions} <= enabled, name


async def test_after_forget_the_home_page_follows_without_an_empty_frame(presenter):
    from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glReadPixels

    different = []

    def look(window):
        pixels = bytes(glReadPixels(0, 0, *window.system_size, GL_RGBA, GL_UNSIGNED_BYTE))
        different.append(len(set(memoryview(pixels).cast("I"))))

    async with showing(presenter, PAGES["form"]) as shown:
        await shown.tap("3")
        presenter._window.bind(on_flip=look)
        presenter.forget(home())
        assert presenter.values() == {}
        await frames(3)
        presenter._window.unbind(on_flip=look)
    assert different
    assert min(different) > 100, "a frame without a page"


async def test_a_field_named_alike_on_another_page_starts_anew(presenter):
    async with showing(presenter, PAGES["form"]) as shown:
        await shown.tap("3")
    other = Page(
        kind="other", title=same("x"), blocks=(Field(name="phone", label=same("y"), keys="phone"),), actions=(NEXT,)
    )
    async with showing(presenter, other):
        assert presenter.values() == {"phone": ""}


async def test_action_bar_keeps_exit_left_and_primary_right(presenter):
    page = replace(PAGES["review"], actions=(NEXT, Action(id="b", label=same("返回"), style="secondary"), EXIT))
    async with showing(presenter, page) as shown:
        places = [shown.target(label).box()[0] for label in ("退出", "返回", "下一步")]
        assert places == sorted(places)
        assert shown.target("下一步").width > shown.target("退出").width
