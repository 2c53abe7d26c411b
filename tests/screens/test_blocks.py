"""Every block drawn alone: its words, signs and colours, what can be touched in it and what that does."""

from __future__ import annotations

import pytest
import zxingcpp
from msgspec import structs
from PIL import Image

from kiosk.catalogue.model import Line
from kiosk.pages import (
    Action,
    Board,
    BoardRow,
    CardPrompt,
    DueItem,
    DueList,
    Fact,
    Facts,
    Grades,
    Hero,
    LineCard,
    LineCards,
    Notice,
    Page,
    Paragraph,
    Receipt,
    Settings,
    Stage,
    Stages,
    Tile,
    Tiles,
)
from kiosk.text import same
from screens import theme
from screens.blocks import receipt
from screens.blocks.due_list import place
from screens.blocks.hero import Spinner
from tests.screens.drawing import WIDTH, alike, both, drawn, look_of

pytestmark = pytest.mark.usefixtures("presenter")
LARGE = Settings(elder=True)
GREEN_LINE = Line(key="green", name=both("绿线"), icon="tree", colour="#0C7A4D")


def action(id: str = "do", label: str = "做", **more: object) -> Action:
    return Action(id=id, label=same(label), **more)


# -- hero, notice, paragraph -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "sign", "colour"),
    [
        ("info", "info", theme.BLUE),
        ("ok", "check-circle", theme.GREEN),
        ("warn", "warning", theme.AMBER),
        ("error", "warning-circle", theme.RED),
    ],
)
def test_hero_and_notice_tell_the_level_by_sign_and_colour(level: str, sign: str, colour: theme.Colour) -> None:
    tint = theme.LEVELS[level][1]
    for block in (Hero(icon="", level=level, title=same("题")), Notice(level=level, text=same("题"))):
        seen = drawn(block)
        assert alike(seen.sign(sign).colour, colour)
        assert seen.count(tint) == 1
        others = [t for other, (_, t) in theme.LEVELS.items() if other != level]
        assert [seen.count(other) for other in others] == [0, 0, 0]


def test_hero_stands_sign_over_title_over_lead_in_the_middle() -> None:
    seen = drawn(Hero(icon="printer", level="ok", title=same("打印"), lead=same("请稍候")))
    assert seen.texts == ["打印", "请稍候"]
    assert seen.top(seen.sign("printer")) > seen.top(seen.words("打印"))
    for part in (seen.words("打印"), seen.words("请稍候"), seen.sign("printer")):
        assert abs(seen.left(part) + part.width / 2 - WIDTH / 2) <= 1
    assert seen.words("打印").font_size > seen.words("请稍候").font_size


def test_hero_turns_only_while_busy() -> None:
    turning = drawn(Hero(icon="", level="info", title=same("等"), busy=True))
    spinner = next(w for w in turning.widgets if isinstance(w, Spinner))
    spinner._step(0.1)
    assert spinner._turn.angle == pytest.approx(330)
    still = drawn(Hero(icon="", level="info", title=same("等")))
    assert not [w for w in still.widgets if isinstance(w, Spinner)]


def test_spinner_stands_still_after_its_stop() -> None:
    spinner = Spinner(100)
    spinner.start()
    assert spinner._turning.is_triggered
    spinner.stop()
    assert not spinner._turning.is_triggered


def test_notice_has_its_detail_beneath_and_only_then_bold_words() -> None:
    seen = drawn(Notice(level="warn", icon="wifi-slash", text=same("断网"), detail=same("已保存")))
    assert seen.texts == ["断网", "已保存"]
    assert alike(seen.sign("wifi-slash").colour, theme.AMBER)
    assert not seen.signs("warning")
    plain = drawn(Notice(level="warn", text=same("断网")))
    assert plain.words("断网").font_name != seen.words("断网").font_name
    assert plain.panel.height < seen.panel.height


def test_notice_that_keeps_room_is_as_high_as_the_list_that_follows_it() -> None:
    look = look_of()
    seen = drawn(Notice(level="info", text=same("查询中"), room=2), look)
    assert seen.panel.height == place(2, look, WIDTH)
    assert place(0, look, WIDTH) == 0
    items = tuple(due("later", label=f"事{n}", reason="一\n二") for n in range(2))
    listed = drawn(DueList(title=same("待办"), items=items, room=2), look)
    assert abs(listed.panel.height - seen.panel.height) < 2


def test_paragraph_is_of_second_rank_when_small_and_centred_beside_a_hero() -> None:
    assert alike(drawn(Paragraph(text=same("字"), size="caption")).words("字").colour, theme.SECOND)
    assert alike(drawn(Paragraph(text=same("字"))).words("字").colour, theme.INK)
    left = drawn(Paragraph(text=same("字")))
    assert left.left(left.words("字")) == 0
    hero = Page(kind="x", title=same("x"), blocks=(Hero(icon="", level="ok", title=same("好")),))
    middle = drawn(Paragraph(text=same("字")), look_of(hero))
    word = middle.words("字")
    assert abs(middle.left(word) + word.width / 2 - WIDTH / 2) <= 1


# -- facts, board ------------------------------------------------------------------------------------------------


def test_facts_stand_label_beside_value_with_a_rule_between_rows() -> None:
    rows = tuple(Fact(label=same(label), value=same(value)) for label, value in (("名", "赵"), ("住址", "演示路1号")))
    seen = drawn(Facts(rows=rows))
    assert seen.count(theme.RULE) == 1
    assert drawn(Facts(title=same("核对"), rows=rows)).count(theme.RULE) == 2
    for label, value in (("名", "赵"), ("住址", "演示路1号")):
        assert seen.left(seen.words(label)) < seen.left(seen.words(value))
    assert seen.left(seen.words("赵")) == seen.left(seen.words("演示路1号")), "the values share one column"
    assert alike(seen.words("名").colour, theme.SECOND)
    assert alike(seen.words("赵").colour, theme.INK)
    assert seen.top(seen.words("赵")) > seen.top(seen.words("演示路1号"))


def test_change_button_of_a_fact_answers_and_its_value_keeps_clear_of_it() -> None:
    look = look_of()
    long = "很长的住址" * 12
    row = Fact(label=same("住址"), value=same(long), action=action("change:address", "修改"))
    seen = drawn(Facts(rows=(row,)), look)
    button = seen.target("修改")
    value = seen.words(long)
    assert seen.left(value) + value.width <= seen.left(button)
    button.tapped()
    assert look.answered == ["change:address"]


def board_row(level: str = "ok", **more: object) -> BoardRow:
    return BoardRow(icon="printer", name=same("打印机"), state=same("正常"), level=level, **more)


@pytest.mark.parametrize("level", ["info", "ok", "warn", "error"])
def test_row_of_the_board_says_its_state_in_words_with_sign_and_colour(level: str) -> None:
    colour, tint = theme.LEVELS[level]
    seen = drawn(Board(rows=(board_row(level),)))
    assert alike(seen.words("正常").colour, colour)
    assert alike(seen.sign(theme.LEVEL_ICONS[level]).colour, colour)
    assert alike(seen.sign("printer").colour, colour)
    assert seen.count(tint) == 2


def test_board_rules_its_rows_and_its_buttons_answer() -> None:
    look = look_of()
    many = tuple(action(f"test:{n}", f"很长的检查名字{n}", icon="printer") for n in range(4))
    rows = (board_row(detail=same("01-12 09:00")), board_row("warn", actions=many))
    seen = drawn(Board(title=same("设备"), rows=rows), look)
    assert seen.count(theme.RULE) == 2
    assert drawn(Board(rows=rows), look_of()).count(theme.RULE) == 1
    assert "01-12 09:00" in seen.texts
    for number in (0, 3):
        seen.target(f"很长的检查名字{number}").tapped()
    assert look.answered == ["test:0", "test:3"]
    edges = {seen.left(t) + t.width for t in seen.targets}
    assert max(edges) <= WIDTH - 28 + 1, "buttons that do not fit begin a new row"
    assert len({seen.top(t) for t in seen.targets}) > 1


# -- what is due -------------------------------------------------------------------------------------------------


def due(urgency: str, label: str = "换证", reason: str = "快到期", **more: object) -> DueItem:
    return DueItem(
        action=action(f"service:{label}", label, **more),
        line=GREEN_LINE,
        reason=same(reason),
        urgency=urgency,
        urgency_label=same(f"急{urgency}"),
    )


@pytest.mark.parametrize(
    ("urgency", "colour", "tint", "sign"),
    [
        ("overdue", theme.RED, theme.RED_TINT, "warning-circle"),
        ("soon", theme.AMBER, theme.AMBER_TINT, "clock"),
        ("later", theme.BLUE, theme.BLUE_TINT, "calendar-blank"),
        ("info", theme.SECOND, theme.GREY_TINT, "info"),
    ],
)
def test_urgency_is_told_by_words_sign_and_colour(urgency: str, colour: object, tint: object, sign: str) -> None:
    seen = drawn(DueList(title=same("待办"), items=(due(urgency),)))
    assert alike(seen.words(f"急{urgency}").colour, colour)
    assert alike(seen.sign(sign).colour, colour)
    assert seen.count(tint) == 1


def test_due_item_has_its_line_s_sign_and_colour_and_answers() -> None:
    look = look_of()
    seen = drawn(DueList(title=same("待办"), items=(due("soon"), due("later", "审车", icon="car"))), look)
    assert alike(seen.sign("tree").colour, theme.rgb(GREEN_LINE.colour))
    assert alike(seen.sign("car").colour, theme.rgb(GREEN_LINE.colour))
    assert seen.texts[0] == "待办"
    assert seen.top(seen.words("换证")) > seen.top(seen.words("审车"))
    seen.target("审车").tapped()
    assert look.answered == ["service:审车"]


def test_due_item_that_cannot_be_done_now_is_grey_and_says_why() -> None:
    seen = drawn(DueList(title=same("待办"), items=(due("soon", enabled=False, reason="快到期"),)))
    assert "快到期" in seen.texts
    shut = DueItem(
        action=Action(id="x", label=same("换证"), enabled=False, reason=same("没有网络")),
        line=GREEN_LINE,
        reason=same("快到期"),
        urgency="soon",
        urgency_label=same("急"),
    )
    seen = drawn(DueList(title=same("待办"), items=(shut,)))
    assert ("没有网络" in seen.texts, "快到期" in seen.texts) == (True, False)
    assert alike(seen.words("换证").colour, theme.DISABLED)
    assert alike(seen.sign("tree").colour, theme.DISABLED)
    assert not seen.target("换证").enabled


def test_nothing_due_is_good_news_and_keeps_the_room() -> None:
    look = look_of()
    seen = drawn(DueList(title=same("待办"), items=(), empty=same("没有待办"), room=2), look)
    assert alike(seen.sign("check-circle").colour, theme.GREEN)
    assert "没有待办" in seen.texts
    assert abs(seen.panel.height - place(2, look, WIDTH)) < 2
    one = drawn(DueList(title=same("待办"), items=(due("soon"),), room=2), look)
    assert abs(one.panel.height - place(2, look, WIDTH)) < 2
    four = drawn(DueList(title=same("待办"), items=tuple(due("soon", f"事{n}") for n in range(4)), room=2), look)
    assert four.panel.height > one.panel.height


# -- lines and tiles ---------------------------------------------------------------------------------------------


def cards(count: int, **more: object) -> LineCards:
    return LineCards(
        cards=tuple(
            LineCard(
                action=action(f"line:{n}", f"线{n}", **more),
                line=GREEN_LINE,
                items=(same(f"事{n}"),),
                count=same(f"{n}项"),
            )
            for n in range(count)
        )
    )


@pytest.mark.parametrize(("count", "settings", "columns"), [(3, None, 3), (4, None, 4), (5, None, 1), (3, LARGE, 1)])
def test_lines_stand_side_by_side_up_to_four_and_beneath_in_large_type(
    count: int, settings: Settings | None, columns: int
) -> None:
    look = look_of(settings=settings)
    seen = drawn(cards(count), look)
    assert len({seen.left(t) for t in seen.targets}) == columns
    assert len({round(t.height) for t in seen.targets}) == 1
    assert {f"线{n}" for n in range(count)} <= set(seen.texts)
    assert {f"{n}项" for n in range(count)} <= set(seen.texts)
    seen.targets[-1].tapped()
    assert look.answered == [f"line:{count - 1}"]


@pytest.mark.parametrize("settings", [None, LARGE])
def test_line_that_is_not_offered_says_why(settings: Settings | None) -> None:
    seen = drawn(cards(1, enabled=False, reason=same("今天不办")), look_of(settings=settings))
    assert ("今天不办" in seen.texts, "0项" in seen.texts) == (True, False)
    assert not seen.targets[0].enabled


def tiles(count: int, **more: object) -> Tiles:
    made = tuple(
        Tile(action=action(f"service:{n}", f"事{n}"), line=GREEN_LINE, lead=same(f"说{n}")) for n in range(count)
    )
    return Tiles(title=same("常办"), tiles=made, **more)


@pytest.mark.parametrize(
    ("block", "settings", "columns"),
    [
        (tiles(4), None, 4),
        (tiles(3), None, 3),
        (tiles(5, columns=2, wide=True), None, 2),
        (tiles(4), LARGE, 2),
        (tiles(1), None, 1),
    ],
)
def test_tiles_fill_their_rows_from_the_left(block: Tiles, settings: Settings | None, columns: int) -> None:
    seen = drawn(block, look_of(settings=settings))
    first = [(seen.left(t), -seen.top(t)) for t in seen.targets]
    assert len({left for left, _ in first}) == columns
    assert [t.a11y_label for t in sorted(seen.targets, key=lambda t: (-seen.top(t), seen.left(t)))] == [
        f"事{n}" for n in range(len(block.tiles))
    ]
    assert max(seen.left(t) + t.width for t in seen.targets) <= WIDTH + 1


def test_wide_tiles_carry_a_second_sentence_and_upright_ones_do_not() -> None:
    assert "说0" in drawn(tiles(2, columns=1, wide=True)).texts
    assert "说0" not in drawn(tiles(2)).texts


@pytest.mark.parametrize("wide", [True, False])
def test_tile_that_is_not_offered_is_grey_with_the_reason(wide: bool) -> None:
    shut = Tile(
        action=action("service:x", "办证", enabled=False, reason=same("缺读卡器")), line=GREEN_LINE, lead=same("说")
    )
    seen = drawn(Tiles(tiles=(shut,), wide=wide, columns=1))
    assert ("缺读卡器" in seen.texts, "说" in seen.texts) == (True, False)
    assert alike(seen.words("办证").colour, theme.DISABLED)
    assert alike(seen.sign("tree").colour, theme.DISABLED)
    assert seen.count(theme.GREY_TINT) == 1


@pytest.mark.parametrize("wide", [True, False])
def test_badge_of_a_tile_is_white_on_red(wide: bool) -> None:
    seen = drawn(Tiles(tiles=(Tile(action=action(), line=GREEN_LINE, badge=same("待办 2")),), wide=wide, columns=2))
    assert alike(seen.words("待办 2").colour, theme.WHITE)
    assert seen.count(theme.RED) == 1


# -- grades, receipt, stages -------------------------------------------------------------------------------------


def test_grades_are_told_by_faces_from_green_to_red_and_each_answers() -> None:
    look = look_of()
    names = ("很满意", "满意", "一般", "不满意", "很不满意")
    seen = drawn(
        Grades(label=same("评价"), actions=tuple(action(f"{5 - n}", name) for n, name in enumerate(names))), look
    )
    assert seen.texts == ["评价", *names]
    faces = ("emoticon-excited", "smiley", "smiley-meh", "smiley-sad", "emoticon-frown")
    colours = (theme.GREEN, theme.GREEN, theme.BLUE, theme.AMBER, theme.RED)
    for face, colour in zip(faces, colours, strict=True):
        assert alike(seen.sign(face).colour, colour)
    heights = [seen.top(seen.sign(face)) for face in faces]
    assert heights == sorted(heights, reverse=True), "the best is the uppermost, as its words are"
    for target in seen.targets:
        target.tapped()
    assert look.answered == ["5", "4", "3", "2", "1"]


@pytest.mark.parametrize(
    ("number", "said"),
    [("990101000120270112000017", "9901 0100 0120 2701 1200 0017"), ("12345", "1234 5"), ("A-12", "A-12"), ("", "")],
)
def test_receipt_number_is_read_in_groups_of_four_unless_it_has_its_own(number: str, said: str) -> None:
    assert receipt.grouped(number) == said


def test_code_of_a_receipt_can_be_read_by_a_phone() -> None:
    from kivy.graphics import Rectangle

    seen = drawn(Receipt(label=same("编号"), number="9901", qr="https://example.invalid/9901", note=same("请拍照")))
    assert seen.texts == ["编号", "9901", "请拍照"]
    textures = [
        i.texture for w in seen.widgets for i in w.canvas.children if isinstance(i, Rectangle) and i.texture is not None
    ]
    code = max(textures, key=lambda t: t.width)
    image = Image.frombytes("RGBA", code.size, code.pixels).resize((code.width * 2, code.height * 2), 0)
    found = {
        r.text for i in (image, image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)) for r in zxingcpp.read_barcodes(i)
    }
    assert found == {"https://example.invalid/9901"}


def test_receipt_without_a_code_has_its_number_and_no_hole() -> None:
    with_code = drawn(Receipt(label=same("编号"), number="9901", qr="x"))
    without = drawn(Receipt(label=same("编号"), number="9901", qr=""))
    assert without.texts == ["编号", "9901"]
    assert without.panel.height < with_code.panel.height


def stage(label: str, state: str) -> Stage:
    return Stage(label=same(label), detail=same(f"{label}于"), state=state)


def test_stages_tell_what_is_done_under_way_and_to_come() -> None:
    told = (("送达", "done"), ("受理", "now"), ("办结", "waiting"))
    seen = drawn(Stages(title=same("换证"), number="99010001", stages=tuple(stage(*each) for each in told)))
    assert seen.texts == [
        "换证",
        "9901 0001".replace(" ", "\N{NO-BREAK SPACE}"),
        *(w for s, _ in told for w in (s, f"{s}于")),
    ]
    assert alike(seen.sign("check").colour, theme.WHITE)
    assert alike(seen.sign("dots-three").colour, theme.WHITE)
    assert alike(seen.sign("clock").colour, theme.SECOND)
    assert alike(seen.words("办结").colour, theme.SECOND)
    assert seen.words("办结").font_name != seen.words("受理").font_name
    assert seen.count(theme.GREEN) == 2, "a dot and the line that leads on from it"
    assert seen.count(theme.BLUE) == 1
    assert seen.count(theme.RULE) == 1, "no line leads on from the last one"


def test_stage_that_ended_the_case_is_a_red_cross() -> None:
    seen = drawn(Stages(title=same(""), stages=(stage("不予许可", "stopped"),)))
    assert alike(seen.sign("x").colour, theme.WHITE)
    assert seen.count(theme.RED) == 1
    assert seen.texts == ["不予许可", "不予许可于"]


# -- the card prompt ---------------------------------------------------------------------------------------------


def test_card_prompt_says_what_to_do_and_its_buttons_answer() -> None:
    look = look_of()
    block = CardPrompt(
        title=same("请放身份证"),
        lead=same("放在读卡器上"),
        actions=(
            action("number", "用编号"),
            action("no", "不能用", enabled=False, reason=same("没有网络")),
            action("c", "再一个很长的办法"),
        ),
    )
    seen = drawn(block, look)
    assert seen.texts[:2] == ["请放身份证", "放在读卡器上"]
    seen.target("用编号").tapped()
    assert look.answered == ["number"]
    assert alike(seen.words("不能用").colour, theme.DISABLED)
    assert alike(seen.words("用编号").colour, theme.BLUE)
    assert not seen.target("不能用").enabled
    assert seen.texts[-1] == "没有网络", "beneath the buttons"
    alone = drawn(structs.replace(block, actions=block.actions[1:2]), look)
    why, shut = alone.words("没有网络"), alone.target("不能用")
    assert alone.left(why) > alone.left(shut) + shut.width, "beside the button, where there is room"
    assert max(seen.left(t) + t.width for t in seen.targets) <= WIDTH
