"""The accessibility rules, measured on the widgets of every sample page in every look."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from kiosk.catalogue.loader import load
from kiosk.pages import Page, Settings
from screens import fonts, theme
from screens.glyphs import Glyphs
from screens.panel import Panel, Target, absolute
from screens.words import NO_BREAK, Words
from tests.screens.gallery import LOOKS, pages, shipped_pages
from tests.screens.harness import tree

PAGES, SHIPPED = pages(), shipped_pages()
PITCH = theme.Metrics().pitch
# The pages of the shipped catalogue in the looks that need the most room.
CASES = [(name, look) for name in PAGES for look in LOOKS]
CASES += [(name, look) for name in SHIPPED for look in ("elder", "en")]


def sheets(presenter, page: Page, settings):
    """Every sheet of a page, drawn one after the other."""
    presenter._put(page, settings)
    for index in range(presenter._drawn.count):
        if index:
            presenter._turn(index)
        yield presenter._surface


class Looked:
    """A page in one look, drawn once for all that is measured on it.

    ``broken`` and ``overlapping``: what was wrong first, "" for nothing. ``sizes``: each text, whatever its line
    breaks, with the largest size in which it is drawn.
    """

    def __init__(self, presenter, page: Page, settings: Settings) -> None:
        self.broken = self.overlapping = ""
        self.sizes: dict[str, int] = {}
        for surface in sheets(presenter, page, settings):
            labels = [w for w in tree(surface.page) if isinstance(w, Words)]
            self.broken = self.broken or fault(keeps_the_rules, surface, settings)
            self.overlapping = self.overlapping or fault(lie_apart, labels)
            for label in labels:
                text = "".join(label.text.split())
                self.sizes[text] = max(self.sizes.get(text, 0), label.font_size)


def fault(rule: Callable[..., None], *what: object) -> str:
    try:
        rule(*what)
    except AssertionError as broken:
        return str(broken) or repr(broken)
    return ""


LOOKED: dict[tuple[str, Settings], Looked] = {}


def looked(presenter, name: str, settings: Settings) -> Looked:
    if (name, settings) not in LOOKED:
        LOOKED[name, settings] = Looked(presenter, (PAGES | SHIPPED)[name], settings)
    return LOOKED[name, settings]


@pytest.mark.parametrize(("name", "look"), CASES)
def test_every_page_keeps_the_rules(presenter, name, look):
    assert not looked(presenter, name, LOOKS[look]).broken


def keeps_the_rules(surface, settings: Settings) -> None:
    widgets = list(tree(surface.page))
    targets_are_large_and_apart(surface.targets, settings)
    for label in (w for w in widgets if isinstance(w, Words)):
        large_enough(label, settings)
        inside_its_panel(label)
    for label in (w for w in widgets if isinstance(w, Glyphs)):
        no_empty_box(label)


def targets_are_large_and_apart(targets, settings):
    boxes = []
    for target in targets:
        x, y, width, height = target.box()
        assert min(width, height) * PITCH >= theme.TOUCH_MM - 0.01, f"{target.a11y_label}: {width} x {height} px"
        assert target.a11y_label
        assert x >= 0
        assert y >= 0
        assert x + width <= theme.WIDTH
        top_mm = 700 + (y + height) * PITCH
        assert not settings.low_reach or top_mm <= 1200, f"{target.a11y_label} at {top_mm:.0f} mm"
        boxes.append((x, y, x + width, y + height))
    for place, one in enumerate(boxes):
        for other in boxes[:place]:
            overlap = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
            assert min(overlap) <= 1, "two targets overlap"


def large_enough(label, settings):
    cap_mm = label.font_size * theme.CAP * PITCH
    least = 4.8 * theme.ELDER if settings.elder else 4.8
    assert cap_mm >= least, f"{label.text!r}: {cap_mm:.1f} mm"


def inside_its_panel(label):
    assert label.texture_size[0] <= label.width
    assert label.texture_size[1] <= label.height
    parent = label.parent
    assert isinstance(parent, Panel)
    assert label.x >= -1, label.text
    assert label.right <= parent.width + 1, f"{label.text!r} is wider than its place"
    x, y = absolute(label)
    assert y >= -1, f"{label.text!r} is cut off below"
    assert y + label.height <= theme.HEIGHT + 1
    assert x + label.width <= theme.WIDTH + 1
    if isinstance(parent, Target):
        assert label.y >= -1, f"{label.text!r} leaves its button"
        assert label.top <= parent.height + 1


def no_empty_box(label):
    shown = [c for c in label.text if c.strip()]
    covered = fonts._coverage(label.font_name)
    assert all(ord(c) in covered or fonts._other(ord(c)) for c in shown), label.text


@pytest.mark.parametrize("name", list(PAGES))
def test_no_words_lie_on_others(presenter, name):
    assert not looked(presenter, name, LOOKS["elder"]).overlapping


def lie_apart(labels: list[Words]) -> None:
    for place, one in enumerate(labels):
        for other in labels[:place]:
            assert not overlap(one, other), f"{one.text!r} lies on {other.text!r}"


def overlap(one, other):
    (ax, ay), (bx, by) = absolute(one), absolute(other)
    wide = min(ax + one.width, bx + other.width) - max(ax, bx)
    high = min(ay + one.height, by + other.height) - max(ay, by)
    slack = min(one.height, other.height) * 0.3  # a line's own white space may touch the next line's
    return wide > 4 and high > slack


def contrast(one, other):
    def light(colour):
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    bright, dark = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["progress", "result"])
def test_a_receipt_number_stands_on_one_line(presenter, name, look):
    (surface,) = sheets(presenter, PAGES[name], LOOKS[look])
    (number,) = [w.text for w in tree(surface.page) if isinstance(w, Words) and "1200" in w.text]
    assert number.replace("\N{NO-BREAK SPACE}", " ") == "9901 0100 0120 2701 1200 0017"


@pytest.mark.parametrize("look", LOOKS)
def test_beside_the_code_of_a_receipt_no_white_is_left(presenter, look):
    (surface,) = sheets(presenter, PAGES["result"], LOOKS[look])
    (number,) = [w for w in tree(surface.page) if isinstance(w, Words) and "1200" in w.text]
    card = number.parent
    (code,) = [w for w in card.children if isinstance(w, Panel)]
    if look != "elder":
        assert code.y < number.center_y < code.top, "the number stands beside its code"
    else:
        (note,) = [w for w in card.children if isinstance(w, Words) and abs(w.center_y - code.center_y) < 2]
        assert 0 < note.x - code.right < 60, "the words stand beside the code"


@pytest.mark.parametrize("look", LOOKS)
def test_the_name_of_the_machine_stands_on_one_line(presenter, look):
    surface = next(sheets(presenter, PAGES["home"], LOOKS[look]))
    title = PAGES["home"].title.in_language(LOOKS[look].language)
    assert title in [w.text for w in tree(surface.page) if isinstance(w, Words)]


@pytest.mark.parametrize("look", LOOKS)
def test_how_a_case_stands_is_never_cut_over_two_sheets(presenter, look):
    (block,) = PAGES["progress"].blocks
    blocks = tuple(msgspec.structs.replace(block, number=f"{n:024d}") for n in range(5))
    page = msgspec.structs.replace(PAGES["progress"], blocks=blocks)
    seen = 0
    for surface in sheets(presenter, page, LOOKS[look]):
        said = [w.text for w in tree(surface.page) if isinstance(w, Words)]
        numbers = sum("0000" in text for text in said)
        last = block.stages[-1].label.in_language(LOOKS[look].language)
        assert numbers == said.count(last) > 0
        seen += numbers
    assert seen == len(blocks)


@pytest.mark.parametrize("size", [30, 63, 120])
def test_a_receipt_number_in_a_sentence_is_not_broken_either(presenter, size):
    number = "9901 0100 0120 2701 1200 0017".replace(" ", NO_BREAK)
    words = Words(f"您的申请已经保存好，编号 {number}，不会丢失。", size, width=700)
    assert number in words.text
    assert words.texture_size[0] <= 700


def test_every_pair_of_colours_can_be_read():
    for colour, tint in theme.LEVELS.values():
        assert contrast(colour, tint) >= 4.5
        assert contrast(colour, theme.WHITE) >= 4.5
        assert contrast(theme.INK, tint) >= 7
    for colour, tint, dark, light in map(theme.shades, ["", *(line.colour for line in load().lines.values())]):
        assert contrast(colour, tint) >= 4.5
        assert contrast(theme.WHITE, theme.rgb(dark)) >= 4.5
        assert contrast(theme.WHITE, theme.rgb(light)) >= 4.5
        assert contrast(theme.ON_NAVY_SECOND, theme.rgb(light)) >= 4.5
    for back in (theme.WHITE, theme.PAGE):
        assert contrast(theme.SECOND, back) >= 4.5
    assert contrast(theme.DISABLED, theme.GREY_TINT) >= 4.5


@pytest.mark.parametrize(("diagonal_in", "bottom_mm"), [(27, 700), (32, 900), (21.5, 1100)])
def test_in_low_reach_touch_begins_where_a_seated_person_reaches(diagonal_in: float, bottom_mm: float) -> None:
    metrics = theme.Metrics(diagonal_in, bottom_mm)
    top_mm = bottom_mm + (theme.HEIGHT - metrics.reach_top) * metrics.pitch
    assert 1200 - metrics.pitch < top_mm <= 1200


def test_offscreen_sizes_follow_the_panel_not_the_pixels(presenter):
    small = theme.Metrics(diagonal_in=21.5)
    assert small.type("caption") * theme.CAP * small.pitch >= 4.8
    assert small.touch * small.pitch >= theme.TOUCH_MM
    assert small.type("body") > theme.Metrics().type("body")


def test_rare_characters_are_drawn_or_marked_never_left_as_an_empty_box(presenter):
    drawn = "".join(part for _, part in fonts.runs("王𠮷䶮㛃", fonts.bold()))
    assert drawn == "王𠮷䶮㛃"
    assert "".join(part for _, part in fonts.runs("\U0003ffff", fonts.regular())) == fonts.MISSING


def test_private_use_characters_are_drawn_as_what_they_stand_for_and_icons_stay_icons(presenter):
    drawn = "".join(part for _, part in fonts.runs("王\ue863\ue816\ue864", fonts.regular()))
    assert drawn == "王䶮\U00020087\u9fbb"
    assert "".join(part for _, part in fonts.runs("王\ue000", fonts.bold())) == "王" + fonts.MISSING
    path, sign = fonts.icon("house")
    assert list(fonts.runs(sign, path)) == [(path, sign)]


def test_an_unknown_icon_is_still_a_picture():
    from screens.icons import glyph, known

    path, char = glyph("no-such-thing")
    assert ord(char) in fonts._coverage(path)
    assert not known("no-such-thing")
    assert known("identification_card")


def test_sample_pages_use_every_block():
    from kiosk.pages import Block

    used = {type(b) for page in PAGES.values() for b in page.blocks}
    assert used == set(msgspec.inspect.type_info(Block).types[0:0]) | set(Block.__args__)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", list(PAGES))
def test_large_type_is_larger_on_every_page(presenter, name, language):
    usual = looked(presenter, name, Settings(language=language)).sizes
    large = looked(presenter, name, Settings(language=language, elder=True)).sizes
    shares = {text: large[text] / usual[text] for text in usual if text in large}
    assert shares
    for text, share in shares.items():
        assert share >= 1.2, f"{text!r}: {share:.2f}"
    assert sorted(shares.values())[len(shares) // 2] >= 1.3
