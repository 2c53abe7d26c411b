"""Blocks in which a person chooses, types, signs or looks: what a tap, a key or a finger does to them."""

from __future__ import annotations

from io import BytesIO

import pytest
from msgspec.structs import replace
from PIL import Image

from kiosk.pages import PAD_RATIO, Choice, Choices, Field, Picture, SignaturePad
from kiosk.text import same
from screens import theme
from screens.blocks import field
from screens.blocks.signature import Ink
from tests.screens.drawing import WIDTH, alike, drawn, look_of

pytestmark = pytest.mark.usefixtures("presenter")


# -- choices -----------------------------------------------------------------------------------------------------


def three() -> Choices:
    options = (
        Choice(id="hall", label=same("窗口"), detail=same("今天")),
        Choice(id="post", label=same("邮寄"), detail=same("三天")),
        Choice(id="locker", label=same("柜子"), detail=same("随时"), enabled=False, reason=same("柜子已满")),
    )
    return Choices(name="how", label=same("怎么领"), options=options)


def marks(seen: object) -> list[str]:
    return [t.a11y_label for t in seen.targets if t._frame.a == 1]


def test_choice_is_none_until_one_is_tapped_and_then_only_that_one() -> None:
    look = look_of(values={})
    seen = drawn(three(), look)
    assert marks(seen) == []
    assert len(seen.signs("circle")) == 3
    seen.target("邮寄").tapped()
    assert (look.values, marks(seen)) == ({"how": "post"}, ["邮寄"])
    assert (len(seen.signs("check-circle")), len(seen.signs("circle"))) == (1, 2)
    seen.target("窗口").tapped()
    assert (look.values, marks(seen)) == ({"how": "hall"}, ["窗口"])
    assert look.answered == [], "a tap chooses; it does not answer"


def test_choice_that_was_made_before_is_marked_again() -> None:
    assert marks(drawn(three(), look_of(values={"how": "hall"}))) == ["窗口"]


def test_choice_that_is_not_offered_is_grey_and_says_why_instead_of_its_detail() -> None:
    seen = drawn(three())
    assert not seen.target("柜子").enabled
    assert "柜子已满" in seen.texts
    assert "随时" not in seen.texts
    assert {"今天", "三天"} <= set(seen.texts)
    assert alike(seen.words("柜子").colour, theme.DISABLED)
    assert alike(seen.words("邮寄").colour, theme.INK)


def test_error_of_a_choice_stands_beneath_in_red_with_its_sign() -> None:
    seen = drawn(replace(three(), error=same("请选择")))
    assert seen.texts[-1] == "请选择"
    assert alike(seen.words("请选择").colour, theme.RED)
    assert alike(seen.sign("warning-circle").colour, theme.RED)
    assert not drawn(three()).signs("warning-circle")


# -- fields ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "typed", "shown"),
    [
        ("id_number", "99010119900307002X", "990101 19900307 002X"),
        ("id_number", "9901011", "990101 1"),
        ("phone", "13800138000", "138 0013 8000"),
        ("receipt", "990101000120", "9901 0100 0120"),
        ("text", "演示路1号", "演示路1号"),
        ("digits", "12345", "12345"),
        ("phone", "", ""),
    ],
)
def test_typed_value_is_grouped_as_people_read_it(keys: str, typed: str, shown: str) -> None:
    assert field.grouped(typed, keys) == shown


def box(keys: str = "text", value: str = "", max_length: int = 40, **more: object) -> field.Box:
    block = Field(name="f", label=same("栏"), keys=keys, value=value, max_length=max_length, **more)
    seen = drawn(block, look_of(focused=more.get("focused", "")))
    return next(w for w in seen.widgets if isinstance(w, field.Box))


def test_field_shows_what_was_typed_else_what_the_page_brings() -> None:
    assert box(value="旧")._words.text == "旧"
    block = Field(name="f", label=same("栏"), keys="text", value="旧")
    seen = drawn(block, look_of(values={"f": "新"}))
    assert "新" in seen.texts
    assert "旧" not in seen.texts


def test_pin_is_dots_and_long_digits_are_groups() -> None:
    assert box("pin", "1234")._words.text == "●●●●"
    assert box("digits", "123456789012", 12)._words.text == "1234 5678 9012"
    assert box("digits", "12345678901", 11)._words.text == "12345678901"


def test_end_of_a_text_that_is_too_long_stays_in_sight() -> None:
    shown = box("text", "路" * 90 + "终", 200)
    assert shown._words.text.replace("\n", "").endswith("终")
    assert shown._words.text.startswith("…")
    assert shown._words.height <= shown.height


@pytest.mark.parametrize(
    ("focused", "error", "frames", "caret"),
    [("", "", [], 0), ("f", "", [theme.BLUE], 1), ("", "错", [theme.RED], 0), ("f", "错", [theme.RED], 1)],
)
def test_field_with_the_focus_has_a_caret_and_one_with_an_error_a_red_frame(
    focused: str, error: str, frames: list[theme.Colour], caret: int
) -> None:
    block = Field(name="f", label=same("栏"), keys="text", error=same(error))
    seen = drawn(block, look_of(focused=focused))
    (found,) = [w for w in seen.widgets if isinstance(w, field.Box)]
    assert found._caret_colour.a == caret
    drawn_frames = [c for c in seen.fills(found) if c[3] == 1][: len(frames)]
    assert all(alike(one, other) for one, other in zip(drawn_frames, frames, strict=True))
    assert seen.count(theme.RED) == (1 if error else 0)


def test_field_gives_its_error_before_its_hint_and_a_tap_asks_for_the_focus() -> None:
    look = look_of()
    block = Field(name="phone", label=same("电话"), keys="phone", hint=same("十一位"), error=same("少一位"))
    seen = drawn(block, look)
    assert seen.texts[-1] == "少一位"
    assert "十一位" not in seen.texts
    assert alike(seen.sign("warning-circle").colour, theme.RED)
    seen.target("电话").tapped()
    assert look.focuses == ["phone"]
    hint = drawn(Field(name="phone", label=same("电话"), keys="phone", hint=same("十一位")))
    assert alike(hint.sign("info").colour, theme.SECOND)
    assert hint.texts[-1] == "十一位"


# -- signature and picture ---------------------------------------------------------------------------------------


def pad(values: dict, error: str = "") -> tuple[Ink, object]:
    look = look_of(values=values)
    seen = drawn(SignaturePad(name="s", label=same("签名"), error=same(error)), look, height=700)
    (ink,) = [w for w in seen.widgets if isinstance(w, Ink)]
    return ink, seen


def test_strokes_are_shares_of_the_pad_from_its_top_left_corner() -> None:
    values: dict = {}
    ink, _ = pad(values)
    ink.drag("down", 0, ink.height)
    ink.drag("move", ink.width / 2, ink.height / 4)
    ink.drag("up", ink.width / 2, ink.height / 4)
    ink.drag("down", ink.width, 0)
    assert values["s"] == [[[0, 0], [0.5, 0.75]], [[1, 1]]]


def test_finger_that_leaves_the_pad_draws_along_its_edge() -> None:
    values: dict = {}
    ink, _ = pad(values)
    ink.drag("down", -50, ink.height + 80)
    ink.drag("move", ink.width + 9, -9)
    assert values["s"] == [[[0, 0], [1, 1]]]


def test_palm_is_no_stroke_and_the_former_ones_stay() -> None:
    values: dict = {}
    ink, _ = pad(values)
    ink.drag("down", 10, 10)
    ink.drag("up", 10, 10)
    ink.drag("down", 50, 50)
    ink.drag("cancel", 50, 50)
    assert len(values["s"]) == 1
    ink.drag("cancel", 0, 0)
    assert len(values["s"]) == 1


def test_signing_again_begins_on_an_empty_pad() -> None:
    values: dict = {"s": [[[0.1, 0.1], [0.2, 0.2]]]}
    ink, seen = pad(values)
    assert ink._line is not None, "what was signed before is drawn"
    assert ink._line.points == pytest.approx([0.1 * ink.width, 0.9 * ink.height, 0.2 * ink.width, 0.8 * ink.height])
    seen.target("重新签名").tapped()
    assert values["s"] == []
    ink.drag("move", 5, 5)
    assert len(values["s"]) == 1


def test_pad_keeps_its_shape_and_says_what_is_wrong() -> None:
    ink, seen = pad({}, "请签名")
    assert ink.width / ink.height == pytest.approx(PAD_RATIO, rel=0.01)
    assert alike(seen.words("请签名").colour, theme.RED)
    assert seen.texts[-1] == "请签名"


@pytest.mark.parametrize(("size", "scale"), [((100, 60), 3), ((2000, 500), (WIDTH - 60) / 2000)])
def test_picture_keeps_its_shape_and_is_not_blown_up_beyond_three_times(size: tuple[int, int], scale: float) -> None:
    stream = BytesIO()
    Image.new("RGB", size, (10, 200, 30)).save(stream, "PNG")
    seen = drawn(Picture(data=stream.getvalue(), label=same("画面")), height=900)
    assert seen.texts == ["画面"]
    back = next(b for b, _, box in seen.panel._backs if box is not None)
    assert (back.size[0], back.size[1]) == pytest.approx((size[0] * scale, size[1] * scale), abs=1)
