"""What stands around the blocks: the home header and its clock, the countdown ring, the cover, and the glass itself."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from kiosk.clock import Clock
from kiosk.pages import Action, Chip, Field, Hero, Page, Settings
from kiosk.text import same, text
from screens import fonts, theme
from screens.blocks import draw
from screens.frames import home, step
from screens.frames.cover import cover
from screens.frames.ring import Ring
from screens.icons import glyph, known
from screens.keyboard import keyboard
from screens.panel import Panel, Target, absolute
from tests.screens.drawing import Drawn, alike, look_of

pytestmark = pytest.mark.usefixtures("presenter")


class At(Clock):
    """A wall clock that stands; ``knows`` is whether it can be believed."""

    def __init__(self, *when: int, knows: bool = True) -> None:
        super().__init__()
        self.when, self._knows = datetime(*when, tzinfo=UTC), knows

    def now(self) -> datetime:
        return self.when

    @property
    def knows_date(self) -> bool:
        return self._knows


HOME = Page(
    kind="home",
    layout="home",
    title=same("通办"),
    lead=same("测试大厅"),
    brand=Action(id="brand", label=same("徽标"), icon="shield-check"),
    chips=(Chip(icon="wifi-high", text=same("已联网"), level="ok"),),
)


def header(
    page: Page = HOME, clock: Clock | None = None, settings: Settings | None = None
) -> tuple[Drawn, float, object]:
    look = look_of(page, settings)
    band, top = home.header(look, clock or At(2027, 1, 12, 1, 5))
    return Drawn(band), top, look


# -- the home page -----------------------------------------------------------------------------------------------


def test_home_header_says_what_and_where_this_is() -> None:
    seen, top, look = header()
    assert seen.top(seen.words("通办")) > seen.top(seen.words("测试大厅")) > seen.top(seen.words("已联网"))
    assert seen.words("通办").font_size > seen.words("测试大厅").font_size
    assert alike(seen.words("测试大厅").colour, theme.ON_NAVY_SECOND)
    seen.target("徽标").tapped()
    assert look.answered == ["brand"]
    assert seen.target("徽标").rapid, "five taps come quickly"
    assert 0 < top < seen.panel.height, "the first card lies over the lower part"


def test_home_header_without_an_emblem_to_touch_has_one_to_look_at() -> None:
    seen, *_ = header(Page(kind="home", layout="home", title=same("通办")))
    assert seen.targets == []
    assert seen.sign("shield-check")


def test_nothing_lies_over_the_home_header_where_a_sign_stands() -> None:
    closed = Page(
        kind="home", layout="home", title=same("通办"), blocks=(Hero(icon="", level="warn", title=same("停")),)
    )
    seen, top, _ = header(closed)
    assert top >= seen.panel.height
    assert header(Page(kind="home", layout="home", title=same("通办")))[1] < top + 200


def test_low_reach_brings_the_home_page_s_content_down() -> None:
    low, usual = header(settings=Settings(low_reach=True))[1], header()[1]
    assert low >= theme.Metrics().reach_top
    assert low > usual


@pytest.mark.parametrize(
    ("language", "date"),
    [
        ("zh", text("screens.date", month=1, day=12, month_name="", weekday=text("screens.weekday_2")).zh),
        ("en", ""),
    ],
)
def test_clock_tells_local_time_and_date(language: str, date: str) -> None:
    seen, *_ = header(settings=Settings(language=language))
    assert "09:05" in seen.texts, "01:05 UTC in China"
    if date:
        assert date in seen.texts
    assert any("12" in words for words in seen.texts if ":" not in words)


def test_time_that_nothing_proves_is_not_shown() -> None:
    seen, *_ = header(clock=At(2027, 1, 12, 1, 5, knows=False))
    assert not [words for words in seen.texts if ":" in words]


def test_clock_is_drawn_anew_when_the_minute_changes_and_not_before() -> None:
    clock = At(2027, 1, 12, 1, 5)
    made = home.Time(look_of(HOME), clock)
    first = list(made.children)
    clock.when = datetime(2027, 1, 12, 1, 5, 59, tzinfo=UTC)
    made._draw()
    assert list(made.children) == first
    clock.when = datetime(2027, 1, 12, 1, 6, tzinfo=UTC)
    made._draw()
    assert sorted(w.text for w in made.children if ":" in w.text) == ["09:06"]
    assert len(made.children) == 2
    made.start()
    assert made._ticking.is_triggered
    made.stop()
    assert not made._ticking.is_triggered


def test_clock_keeps_its_place_whatever_the_date() -> None:
    wide = home.Time(look_of(HOME), At(2027, 9, 27, 1, 5)).width
    assert home.Time(look_of(HOME), At(2027, 1, 1, 1, 5)).width == wide


# -- steps, ring, cover ------------------------------------------------------------------------------------------


def test_full_page_has_no_band_of_its_own_but_the_header_s_colours_beneath() -> None:
    page = Page(kind="x", layout="full", title=same("题"))
    band, ring = step.header(look_of(page), titled=True)
    assert isinstance(ring, Ring)
    assert band._backs == []
    band, _ = step.header(look_of(Page(kind="x", title=same("题"))), titled=True)
    assert len(band._backs) == 1
    assert step.backdrop(look_of(page), 900).height == 900


def test_header_names_its_title_only_where_no_sign_says_it() -> None:
    page = Page(kind="x", title=same("题"))
    assert "题" in Drawn(step.header(look_of(page), titled=True)[0]).texts
    assert "题" not in Drawn(step.header(look_of(page), titled=False)[0]).texts


def test_header_without_help_has_nothing_to_touch() -> None:
    assert Drawn(step.header(look_of(Page(kind="x", title=same("题"))), titled=True)[0]).targets == []


def test_cover_says_in_both_languages_that_the_visit_is_erased() -> None:
    seen = Drawn(cover(theme.Metrics()))
    wanted = [text(f"screens.{key}") for key in ("wiping", "wiping_lead")]
    said = ["".join(words.split()) for words in seen.texts]
    assert said == ["".join(words.split()) for words in (*(w.zh for w in wanted), *(w.en for w in wanted))]
    assert seen.panel.height == theme.HEIGHT
    assert seen.targets == []
    for word in seen.texts:
        middle = seen.words(word)
        assert abs(seen.left(middle) + middle.width / 2 - theme.WIDTH / 2) <= 1


# -- keys ---------------------------------------------------------------------------------------------------------


def keys_of(kind: str, growth: float = 1.0) -> Drawn:
    block = Field(name="f", label=same("栏"), keys=kind)
    look = look_of(values={"f": ""}, focused="f")
    draw(block, look, theme.CONTENT)
    return Drawn(keyboard(look, block, growth))


@pytest.mark.parametrize("kind", ["digits", "text"])
def test_keys_grow_in_height_and_never_in_width(kind: str) -> None:
    usual, high = keys_of(kind), keys_of(kind, 1.4)
    assert high.panel.height > usual.panel.height
    assert [t.width for t in high.targets] == [t.width for t in usual.targets]
    for target in usual.targets:
        assert target.height >= theme.Metrics().touch
    assert {t.height for t in high.targets} == {round((124 if kind == "digits" else 100) * 1.4)}


def test_space_is_the_widest_key_and_erase_is_wider_than_a_letter() -> None:
    seen = keys_of("text")
    width = {t.a11y_label: t.width for t in seen.targets}
    assert width["空格"] == pytest.approx(4 * width["q"], abs=1)
    assert width["清空"] == pytest.approx(2 * width["q"], abs=1)
    assert width["删除"] == pytest.approx(1.6 * width["q"], abs=1)
    assert max(width, key=lambda key: width[key]) == "空格"


@pytest.mark.parametrize("kind", ["digits", "id_number", "receipt", "text", "code"])
def test_rows_of_keys_stand_in_the_middle_with_the_same_gap(kind: str) -> None:
    seen = keys_of(kind)
    rows: dict[int, list[Target]] = {}
    for target in seen.targets:
        rows.setdefault(round(seen.top(target)), []).append(target)
    assert len(rows) >= 4
    for row in rows.values():
        left, right = seen.left(row[0]), theme.WIDTH - seen.left(row[-1]) - row[-1].width
        assert left == pytest.approx(right, abs=2)
        assert left >= theme.KEY_SIDE - 1
        for one, other in pairwise(row):
            assert seen.left(other) - seen.left(one) - one.width == pytest.approx(theme.KEY_GAP, abs=2)


@pytest.mark.parametrize("kind", ["digits", "id_number", "receipt", "text"])
def test_every_key_writes_what_stands_on_it(kind: str) -> None:
    block = Field(name="f", label=same("栏"), keys=kind)
    look = look_of(values={"f": ""}, focused="f")
    draw(block, look, theme.CONTENT)
    written = 0
    for target in Drawn(keyboard(look, block)).targets:
        if len(target.a11y_label) == 1:
            look.values["f"] = ""
            target.tapped()
            assert look.values == {"f": target.a11y_label}
            written += 1
    assert written >= 10
    assert look.answered == [], "a key answers nothing"


def test_keys_that_take_back_are_darker_than_keys_that_write() -> None:
    seen = keys_of("text")
    assert seen.count(theme.KEY_DARK) == 2
    assert seen.count(theme.WHITE) == len(seen.targets) - 2
    assert keys_of("id_number").count(theme.KEY_DARK) == 1, "an ID number has an X in place of the clearing key"


# -- panels and signs --------------------------------------------------------------------------------------------


def test_panel_counts_from_its_top_left_corner_and_grows_downwards() -> None:
    outer, inner = Panel(300), Panel(100, 40)
    outer.put(inner, 30, 20)
    assert outer.height == 60
    outer.put_middle(Panel(20, 10), 0, 60, 300, 100)
    outer.finish(200)
    assert inner.pos == [30, 140]
    middle = next(child for child in outer.children if child is not inner)
    assert middle.pos == [140, 85]
    root = Panel(500)
    root.put(outer, 7, 11)
    root.finish(400)
    assert absolute(inner) == (37, 329)


def test_live_part_is_found_on_the_page_though_it_is_no_child() -> None:
    outer, live = Panel(300), Panel(50, 50)
    outer.put_live(live, 10, 5)
    outer.finish(100)
    assert live not in outer.children
    assert outer.live == [live]
    assert absolute(live) == (10, 45)


def test_target_tells_where_it_is_and_does_nothing_by_itself() -> None:
    done: list[int] = []
    target = Target(120, 80, lambda: done.append(1), enabled=False, label="做")
    page = Panel(400)
    page.put(target, 40, 10)
    page.finish(200)
    assert target.box() == (40, 110, 120, 80)
    assert (target.enabled, target.rapid, target.drags, done) == (False, False, None, [])


def test_sign_has_a_solid_form_where_one_is_asked_for() -> None:
    assert glyph("house") != glyph("house", fill=True)
    solid, heavy = glyph("magnifying-glass", fill=True), glyph("magnifying-glass", bold=True)
    assert solid == heavy, "whose solid form is harder to read"
    assert (known("house"), known("identification_card"), known("")) == (True, True, False)


def test_faces_differ_and_have_every_character_that_pages_use() -> None:
    assert fonts.regular() != fonts.bold()
    for face in (fonts.regular(), fonts.bold()):
        covered = fonts._coverage(face)
        assert {ord(c) for c in "通办证件身份交管户政出入境0123456789ABCXYZ，。：；（）"} <= set(covered)
