"""How a page is put together: sizes, line breaks, sheets, keys, the action bar, the steps, the header's chips."""

from __future__ import annotations

from math import hypot

import pytest

from kiosk.clock import Clock
from kiosk.pages import (
    Action,
    Chip,
    Fact,
    Facts,
    Field,
    Hero,
    Notice,
    Page,
    Paragraph,
    Settings,
    SignaturePad,
    StepMark,
    Tile,
    Tiles,
)
from kiosk.text import same
from screens import fonts, stack, theme
from screens.blocks import draw
from screens.buttons import button, least_height
from screens.frames import page as frame
from screens.frames.bar import action_bar
from screens.frames.chips import chips_row
from screens.frames.home import settings_bar
from screens.frames.steps import dots
from screens.keyboard import keyboard
from screens.words import NO_BREAK, Words
from tests.screens.drawing import WIDTH, Drawn, alike, look_of

pytestmark = pytest.mark.usefixtures("presenter")
LARGE = Settings(elder=True)


def action(style: str = "secondary", label: str = "做", **more: object) -> Action:
    return Action(id=more.pop("id", label), label=same(label), style=style, **more)


# -- sizes -------------------------------------------------------------------------------------------------------


def test_sizes_follow_the_millimetres_of_the_panel() -> None:
    usual = theme.Metrics()
    assert usual.pitch == pytest.approx(27 * 25.4 / hypot(1080, 1920))
    assert usual.px(20) == usual.touch == 65
    assert (usual.px(usual.pitch), usual.px(usual.pitch * 1.01)) == (1, 2), "rounded up"
    small = theme.Metrics(diagonal_in=15.6)
    assert small.touch * small.pitch >= theme.TOUCH_MM
    assert small.touch > usual.touch
    for name in ("display", "title", "large", "medium", "body", "caption"):
        cap_mm = usual.type(name) * theme.CAP * usual.pitch
        assert cap_mm >= theme._TYPE[name][0] - usual.pitch / 2
        assert theme.Metrics(elder=True).type(name) == pytest.approx(usual.type(name) * theme.ELDER, abs=1)
    ladder = [usual.type(name) for name in ("display", "title", "large", "medium", "body", "caption")]
    assert ladder == sorted(ladder, reverse=True)
    assert len(set(ladder)) == 6


def test_reach_of_a_seated_person_ends_1200_mm_above_the_floor() -> None:
    usual = theme.Metrics()
    assert (theme.HEIGHT - usual.reach_top) * usual.pitch == pytest.approx(500, abs=usual.pitch)
    assert theme.Metrics(bottom_height_mm=500).reach_top < usual.reach_top
    assert theme.Metrics(diagonal_in=15.6).reach_top == 0, "a small panel is within reach up to its top"
    assert theme.Metrics(bottom_height_mm=100).reach_top == 0


def test_shades_of_a_line_are_darker_and_paler_than_its_colour() -> None:
    assert theme.rgb("#10203A") == pytest.approx((16 / 255, 32 / 255, 58 / 255, 1))
    assert theme.rgb("#FFFFFF", 0.5)[3] == 0.5
    made = theme.shades("#808080")
    assert (made.colour, made.light) == (theme.rgb("#808080"), "#808080")
    assert made.dark == "#4A4A4A"
    assert made.tint == theme.rgb("#F2F2F2")
    assert theme.shades("").light == "#1447B8"


# -- words -------------------------------------------------------------------------------------------------------


def lines(words: str, width: float, size: int = 40, **how: object) -> list[str]:
    return Words(words, size, width=width, **how).text.split("\n")


def test_no_line_begins_with_a_stop_or_ends_with_an_opening_bracket() -> None:
    text = "请把身份证放在读卡器上，不要拿开；（读完之后）请取回！谢谢您的配合。" * 2
    for width in range(130, 900, 20):
        for line in lines(text, width):
            assert line[0] not in "，。；：？！）》、"
            assert line[-1] not in "（《"
        assert "".join(lines(text, width)) == text


def test_two_lines_break_where_the_sentence_does() -> None:
    assert lines("网络已经恢复了，可以继续办理", 400) == ["网络已经恢复了，", "可以继续办理"]


def test_lines_are_even_and_leave_no_lonely_last_character() -> None:
    broken = lines("一二三四五六七八九十甲乙丙丁戊己庚辛壬癸子", 400)
    assert len(broken) == 3
    assert min(map(len, broken)) >= 5


def test_english_words_stay_whole_and_a_longer_one_than_the_line_goes_on() -> None:
    assert lines("Put your card on the reader", 330) == ["Put your card", "on the reader"]
    long = "990101" * 12
    broken = lines(long, 300)
    assert "".join(broken) == long
    assert len(broken) > 1
    assert max(Words(line, 40).width for line in broken) <= 300


def test_type_shrinks_until_it_fits_but_never_below_its_floor() -> None:
    whole = Words("出入境证件签注办理", 60, width=300, lines=1, floor=20)
    assert ("\n" in whole.text, whole.width <= 300, 20 <= whole.font_size < 60) == (False, True, True)
    floored = Words("出入境证件签注办理", 60, width=300, lines=1, floor=50)
    assert floored.font_size == 50
    assert "\n" in floored.text
    assert Words("短", 60, width=300, lines=1, floor=20).font_size == 60


def test_number_that_holds_together_shrinks_before_it_breaks() -> None:
    number = "9901 0100 0120".replace(" ", NO_BREAK)
    for width in range(150, 420, 27):
        made = Words(number, 60, width=width)
        assert (made.text, made.width <= width) == (number, True), width


def test_line_breaks_of_a_text_stay_and_bold_is_another_face() -> None:
    assert lines("一\n二", 900) == ["一", "二"]
    assert Words("字", 30).font_name == fonts.regular()
    assert Words("字", 30, bold=True).font_name == fonts.bold()
    assert Words("", 30, width=200).text == ""


# -- buttons, keys, bars -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "back", "ink"),
    [
        ("primary", theme.BLUE, theme.WHITE),
        ("secondary", theme.BLUE_TINT, theme.BLUE),
        ("exit", theme.WHITE, theme.RED),
        ("plain", theme.BLUE_TINT, theme.BLUE),
    ],
)
def test_button_has_the_colours_of_its_style_and_is_grey_with_its_reason_when_shut(
    style: str, back: theme.Colour, ink: theme.Colour
) -> None:
    look = look_of()
    seen = Drawn(button(look, action(style, "办理", icon="printer"), 400))
    assert alike(seen.words("办理").colour, ink)
    assert alike(seen.sign("printer").colour, ink)
    assert seen.count(back) >= 1
    assert seen.left(seen.sign("printer")) < seen.left(seen.words("办理"))
    seen.panel.tapped()
    assert look.answered == ["办理"]
    shut = action(style, "办理", enabled=False, reason=same("没有网络"))
    seen = Drawn(button(look, shut, 400))
    assert alike(seen.words("办理").colour, theme.DISABLED)
    assert seen.texts == ["办理", "没有网络"]
    assert not seen.panel.enabled
    assert (
        seen.panel.height >= least_height(look, shut, 400, "medium") > least_height(look, action(), 400, "medium") == 0
    )


def field(keys: str, value: str = "", most: int = 6) -> tuple[object, Drawn]:
    block = Field(name="f", label=same("栏"), keys=keys, value=value, max_length=most)
    look = look_of(values={"f": value}, focused="f")
    draw(block, look, WIDTH)
    return look, Drawn(keyboard(look, block))


LETTERS = "qwertyuiopasdfghjklzxcvbnm"


@pytest.mark.parametrize(
    ("keys", "labels"),
    [
        ("digits", [*"123456789", "清空", "0", "删除"]),
        ("phone", [*"123456789", "清空", "0", "删除"]),
        ("date", [*"123456789", "清空", "0", "删除"]),
        ("pin", [*"123456789", "清空", "0", "删除"]),
        ("id_number", [*"123456789X0", "删除"]),
        ("receipt", [*"1234567890", *LETTERS.upper(), "-", "删除"]),
        ("text", [*"1234567890", *LETTERS, "删除", "清空", "-", "空格", ".", ","]),
    ],
)
def test_every_kind_of_field_has_its_keys_in_their_order(keys: str, labels: list[str]) -> None:
    _, seen = field(keys)
    assert [t.a11y_label for t in seen.targets] == labels
    for target in seen.targets:
        assert target.rapid, "a key may be tapped again at once"
        assert seen.left(target) >= 0
        assert seen.left(target) + target.width <= theme.WIDTH
    assert alike(seen.sign("backspace").colour, theme.INK)


def test_a_plate_begins_with_its_province_and_has_other_keys_then() -> None:
    block = Field(
        name="f", label=same("栏"), keys="plate", max_length=8, heads="京津冀晋蒙辽吉黑沪苏浙皖", tails="挂警"
    )
    look = look_of(values={"f": ""}, focused="f")
    drawn: list[str] = []
    look.redraw = lambda: drawn.append(look.values["f"])
    draw(block, look, WIDTH)
    seen = Drawn(keyboard(look, block))
    assert [t.a11y_label for t in seen.targets] == [*"京津冀晋蒙辽吉黑沪苏浙皖", "清空", "删除"]
    seen.target("津").tapped()
    seen = Drawn(keyboard(look, block))
    assert [t.a11y_label for t in seen.targets] == [*"1234567890", *LETTERS.upper(), "删除", "挂", "警"]
    seen.target("A").tapped()
    seen.target("删除").tapped()
    seen.target("删除").tapped()
    assert drawn == ["津", ""], "the keys change with the first sign and when nothing stands there"


def test_keys_write_erase_and_clear_up_to_the_length() -> None:
    look, seen = field("text", "ab", 5)
    for key in ("q", "空格", "1", "z"):
        seen.target(key).tapped()
    assert look.values == {"f": "abq 1"}
    seen.target("删除").tapped()
    assert look.values == {"f": "abq "}
    assert look.fields["f"]._words.text == "abq"
    seen.target("清空").tapped()
    seen.target("删除").tapped()
    assert look.values == {"f": ""}


def bar_of(*actions: Action, layout: str = "step", settings: Settings | None = None) -> Drawn:
    page = Page(kind="x", title=same("x"), layout=layout, actions=actions)
    return Drawn(action_bar(look_of(page, settings)))


def test_bar_has_the_way_out_left_and_the_way_on_right_and_widest() -> None:
    seen = bar_of(action("primary", "下一步"), action("secondary", "上一步"), action("exit", "退出"))
    assert [t.a11y_label for t in seen.targets] == ["退出", "上一步", "下一步"]
    widths = [t.width for t in seen.targets]
    assert widths[2] > widths[1] > widths[0]
    assert len({seen.top(t) for t in seen.targets}) == 1
    assert seen.left(seen.targets[0]) == theme.MARGIN
    assert seen.left(seen.targets[2]) + seen.targets[2].width == pytest.approx(theme.WIDTH - theme.MARGIN, abs=1)


def test_fourth_button_of_a_bar_gives_the_way_on_a_row_of_its_own() -> None:
    seen = bar_of(action("primary", "下一步"), *(action("secondary", f"别的{n}") for n in range(3)))
    assert [t.a11y_label for t in seen.targets] == ["别的0", "别的1", "别的2", "下一步"]
    rows = {round(seen.top(t)) for t in seen.targets}
    assert len(rows) == 2
    assert seen.targets[-1].width == pytest.approx(theme.CONTENT, abs=1)


def test_words_that_do_not_fit_side_by_side_get_rows() -> None:
    long = "我不同意以上内容并且要离开"
    seen = bar_of(action("exit", "退出"), action("secondary", long), action("primary", "下一步"), settings=LARGE)
    assert len({round(seen.top(t)) for t in seen.targets}) > 1
    assert seen.targets[-1].a11y_label == "下一步"


def test_only_button_of_a_full_page_cannot_be_missed() -> None:
    one, same_on_a_step = bar_of(action("primary", "好"), layout="full"), bar_of(action("primary", "好"))
    assert one.targets[0].height >= 190 > same_on_a_step.targets[0].height
    assert action_bar(look_of()) is None


def test_settings_of_the_home_page_are_cells_of_one_width_and_the_guide_is_red() -> None:
    shut = action("plain", "静", icon="x", enabled=False)
    cells = (action("plain", "关怀", icon="text-aa"), action("plain", "呼叫", icon="headset"), shut)
    look = look_of(Page(kind="home", title=same("x"), layout="home", actions=cells))
    seen = Drawn(settings_bar(look))
    assert [t.a11y_label for t in seen.targets] == ["关怀", "呼叫", "静"]
    assert {t.width for t in seen.targets} == {theme.WIDTH / 3}
    assert alike(seen.sign("text-aa").colour, theme.BLUE)
    assert alike(seen.sign("headset").colour, theme.RED)
    assert alike(seen.sign("x").colour, theme.DISABLED)
    assert settings_bar(look_of(Page(kind="home", title=same("x"), layout="home"))) is None


def steps_of(*marks: tuple[str, str], width: float = WIDTH) -> Drawn:
    made = tuple(StepMark(label=same(label), state=state) for label, state in marks)
    return Drawn(dots(look_of(Page(kind="x", title=same("x"), steps=made)), width))


def test_steps_tell_what_is_done_where_one_is_and_what_comes() -> None:
    seen = steps_of(("刷卡", "done"), ("核对", "now"), ("签名", "waiting"), ("提交", "waiting"))
    assert seen.left(seen.words("刷卡")) < seen.left(seen.words("核对")) < seen.left(seen.words("签名"))
    assert {"2", "3", "4"} <= set(seen.texts)
    assert "1" not in seen.texts
    assert alike(seen.sign("check").colour, theme.WHITE)
    assert alike(seen.words("2").colour, theme.NAVY)
    assert alike(seen.words("3").colour, theme.WHITE)
    assert seen.count(theme.rgb("#128A58")) == 2, "a dot and the way on from it"
    assert seen.count(theme.rgb("#04122E", 0.28)) == 4, "two dots and two ways"
    assert seen.count(theme.WHITE) == 1
    assert alike(seen.words("核对").colour, theme.WHITE)
    assert alike(seen.words("签名").colour, theme.ON_NAVY_SECOND)


def test_steps_whose_names_do_not_fit_name_only_the_present_one_within_the_edge() -> None:
    names = [f"很长的步骤名字{n}" for n in range(8)]
    for now in (0, 7):
        marks = [(name, "now" if n == now else "waiting") for n, name in enumerate(names)]
        seen = steps_of(*marks)
        assert [t for t in seen.texts if t.startswith("很长")] == [names[now]]
        word = seen.words(names[now])
        assert seen.left(word) >= 0
        assert seen.left(word) + word.width <= WIDTH + 1


def test_chips_have_the_colour_of_their_level_and_go_on_in_a_new_row() -> None:
    levels = ("ok", "warn", "error", "info")
    chips = tuple(Chip(icon="", text=same(f"一条很长的小消息{level}"), level=level) for level in levels)
    look = look_of(Page(kind="x", title=same("x"), chips=chips))
    seen = Drawn(chips_row(look, WIDTH))
    for level, colour in (("ok", "#7BE0B0"), ("error", "#FFC2BC"), ("info", "#FFFFFF")):
        assert alike(seen.sign(theme.LEVEL_ICONS[level]).colour, theme.rgb(colour))
    assert alike(seen.sign("warning").colour, theme.GOLD)
    tops = [round(seen.top(seen.words(f"一条很长的小消息{level}"))) for level in levels]
    assert tops == sorted(tops, reverse=True)
    assert len(set(tops)) == 2
    for word in (w for w in seen.widgets if isinstance(w, Words)):
        assert seen.left(word) + word.width <= WIDTH


# -- sheets ------------------------------------------------------------------------------------------------------


def facts(count: int) -> Facts:
    return Facts(rows=tuple(Fact(label=same(f"栏{n}"), value=same(f"值{n}")) for n in range(count)))


def rows_of(sheets: list[tuple[object, ...]]) -> list[str]:
    return [r.label.zh for sheet in sheets for b in sheet if isinstance(b, Facts) for r in b.rows]


def test_what_fits_stays_on_one_sheet_and_what_does_not_is_cut_between_rows() -> None:
    look = look_of()
    assert stack.sheets(look, (facts(4),), stack.Space(WIDTH, 900), 120) == [(facts(4),)]
    cut = stack.sheets(look, (facts(30),), stack.Space(WIDTH, 900), 120)
    assert len(cut) > 1
    assert rows_of(cut) == [f"栏{n}" for n in range(30)], "every row once, in order"
    assert look.metrics.airy == 1.0, "what was tried is put back"
    assert all(cut)


def test_rows_close_up_before_a_second_sheet_is_begun() -> None:
    look = look_of()
    natural = stack.natural(look, (facts(9),), WIDTH)
    assert len(stack.sheets(look, (facts(9),), stack.Space(WIDTH, natural - 20), 120)) == 1
    assert len(stack.sheets(look, (facts(9),), stack.Space(WIDTH, natural * 0.5), 120)) > 1


def test_grid_that_the_next_sheet_can_hold_is_not_cut() -> None:
    look = look_of()
    grid = Tiles(tiles=tuple(Tile(action=action(label=f"事{n}")) for n in range(8)), columns=2, wide=True)
    height = stack.natural(look, (grid,), WIDTH) + 60
    cut = stack.sheets(look, (facts(8), grid), stack.Space(WIDTH, height), 50)
    assert cut[-1][-1] == grid
    assert [type(b) for sheet in cut for b in sheet].count(Tiles) == 1


def test_block_that_cannot_be_cut_and_fits_nowhere_has_a_sheet_of_its_own() -> None:
    look = look_of()
    notice = Notice(level="info", text=same("很长的话" * 60))
    cut = stack.sheets(look, (facts(2), notice, facts(2)), stack.Space(WIDTH, 300), 0)
    assert [notice] in [list(sheet) for sheet in cut]
    assert rows_of(cut) == ["栏0", "栏1"] * 2


def test_sign_alone_stands_near_the_middle_and_facts_at_the_top() -> None:
    look = look_of(Page(kind="x", title=same("x"), blocks=(Hero(icon="", level="ok", title=same("好")),)))
    seen = Drawn(stack.arrange(look, look.page.blocks, WIDTH, 1200, centred=False))
    middle = seen.top(seen.words("好"))
    assert 400 < middle < 900
    look = look_of()
    seen = Drawn(stack.arrange(look, (facts(2),), WIDTH, 1200, centred=False))
    assert seen.top(seen.words("栏0")) > 1000
    assert look.metrics.airy == 2.4, "a sparse page takes larger distances"
    assert look.metrics.roomy == 1.0, "and no larger type"


def test_one_thing_said_is_said_in_larger_type() -> None:
    page = Page(kind="x", title=same("x"), blocks=(Hero(icon="", level="ok", title=same("好")),))
    look = look_of(page)
    stack.arrange(look, page.blocks, WIDTH, 1200, centred=True)
    assert look.metrics.roomy == 1.1
    crowded = look_of(page)
    stack.arrange(crowded, (*page.blocks, facts(3), facts(3)), WIDTH, 1200, centred=True)
    assert crowded.metrics.roomy == 1.0


def test_signature_takes_the_room_that_is_left_and_no_more_than_a_hand_needs() -> None:
    look = look_of(values={})
    pad = SignaturePad(name="s", label=same("签"))
    assert stack._share(look, (pad,), [pad], WIDTH, 2400) == 860
    notice = Notice(level="info", text=same("字"))
    left = 700 - stack._height(look, notice, WIDTH) - theme.GUTTER
    assert stack._share(look, (notice, pad), [pad], WIDTH, 700) == pytest.approx(left)
    assert stack._share(look, (notice,), [], WIDTH, 700) == 0.0


# -- a whole page ------------------------------------------------------------------------------------------------


def whole(
    page: Page, settings: Settings | None = None, index: int = 0, focused: str = ""
) -> tuple[Drawn, object, list[int]]:
    turned: list[int] = []
    look = look_of(page, settings, values={}, focused=focused)
    made = frame.draw(look, Clock(), index, turned.append)
    return Drawn(made.root), made, turned


def test_page_of_several_sheets_counts_them_and_turns_both_ways() -> None:
    page = Page(kind="x", title=same("核对"), blocks=(facts(50),), actions=(action("primary", "下一步"),))
    seen, made, turned = whole(page)
    assert made.count > 2
    assert f"1 / {made.count}" in seen.texts
    assert not seen.target("上一页").enabled
    seen.target("下一页").tapped()
    assert turned == [1]
    seen, made, turned = whole(page, index=1)
    assert f"2 / {made.count}" in seen.texts
    seen.target("上一页").tapped()
    seen.target("下一页").tapped()
    assert turned == [0, 2]
    seen, made, _ = whole(page, index=999)
    assert (made.index, f"{made.count} / {made.count}" in seen.texts) == (made.count - 1, True)
    assert not seen.target("下一页").enabled


def test_lead_of_a_page_is_its_first_paragraph_but_not_on_the_home_page() -> None:
    page = Page(kind="x", title=same("题"), lead=same("先说一句"), blocks=(Paragraph(text=same("再说")),))
    seen, *_ = whole(page)
    assert seen.top(seen.words("先说一句")) > seen.top(seen.words("再说"))
    assert frame._blocks(look_of(page))[0] == Paragraph(text=same("先说一句"), size="large")
    home = Page(kind="home", layout="home", title=same("题"), lead=same("大厅"), blocks=(Paragraph(text=same("再说")),))
    assert frame._blocks(look_of(home)) == home.blocks


def test_keyboard_stands_on_the_bar_only_while_its_field_has_the_focus() -> None:
    block = Field(name="f", label=same("电话"), keys="phone")
    page = Page(kind="x", title=same("题"), blocks=(block,), actions=(action("primary", "下一步"),))
    seen, *_ = whole(page, focused="f")
    five = seen.target("5")
    assert seen.top(seen.target("下一步")) < seen.top(five) - five.height
    assert seen.top(five) < seen.top(seen.target("电话"))
    seen, *_ = whole(page)
    assert "5" not in [t.a11y_label for t in seen.targets]


def test_title_is_not_written_twice_where_a_sign_says_it() -> None:
    hero = Hero(icon="", level="ok", title=same("办好了"))
    seen, *_ = whole(Page(kind="x", title=same("办好了"), blocks=(hero,)))
    assert seen.texts.count("办好了") == 1
    seen, *_ = whole(Page(kind="x", title=same("结果"), blocks=(hero,)))
    assert {"结果", "办好了"} <= set(seen.texts)


def test_header_has_line_title_and_the_way_to_help() -> None:
    page = Page(
        kind="x",
        title=same("补领驾驶证"),
        icon="identification-badge",
        help=Action(id="help", label=same("帮助"), icon="question"),
        chips=(Chip(icon="wifi-high", text=same("已联网"), level="ok"),),
    )
    look = look_of(page)
    made = frame.draw(look, Clock(), 0, lambda _n: None)
    seen = Drawn(made.root)
    assert seen.sign("identification-badge")
    assert seen.left(seen.target("帮助")) > seen.left(seen.words("补领驾驶证"))
    assert "已联网" in seen.texts
    seen.target("帮助").tapped()
    assert look.answered == ["help"]
    assert made.ring is not None


def test_low_reach_brings_everything_that_is_touched_below_1200_mm() -> None:
    page = Page(
        kind="x", title=same("题"), blocks=(Tiles(tiles=(Tile(action=action(label="办")),), wide=True, columns=1),)
    )
    seen, *_ = whole(page, Settings(low_reach=True))
    metrics = theme.Metrics()
    top_mm = metrics.bottom_height_mm + seen.top(seen.target("办")) * metrics.pitch
    assert top_mm <= 1200
    usual, *_ = whole(page)
    assert usual.top(usual.target("办")) > seen.top(seen.target("办"))
