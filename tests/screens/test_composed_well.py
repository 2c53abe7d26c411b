"""What an eye found wrong on the pages of the shipped catalogue, kept right."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from msgspec import structs

from kiosk.catalogue.model import Line
from kiosk.clock import Clock
from kiosk.pages import (
    Action,
    Choice,
    Choices,
    DueItem,
    DueList,
    Fact,
    Facts,
    Field,
    Page,
    Paragraph,
    Receipt,
    Settings,
    Tile,
    Tiles,
)
from kiosk.text import same
from screens import stack
from screens.frames import page as frame
from screens.frames import step
from screens.panel import Panel
from screens.words import Words
from tests.screens.drawing import WIDTH, Drawn, drawn, look_of
from tests.screens.gallery import pages, shipped_pages

TRAFFIC = Line(name=same("交通管理"), icon="car", colour="#1447B8", key="traffic")


def violation(rows: int) -> Facts:
    return Facts(title=same("通A12345"), rows=tuple(Fact(label=same(f"栏{n}"), value=same("值")) for n in range(rows)))


def test_facts_of_one_named_thing_are_not_torn_apart_when_the_next_sheet_can_hold_them() -> None:
    look = look_of()
    height = stack.natural(look, (violation(6),), WIDTH) * 1.6
    cut = stack.sheets(look, (violation(6), violation(6), violation(6)), stack.Space(WIDTH, height), 50)
    assert [sheet for sheet in cut if sheet != (violation(6),)] == []


def test_what_is_left_of_a_due_list_does_not_swell_to_the_room_that_the_list_keeps() -> None:
    look = look_of()
    urgent = {"urgency": "soon", "urgency_label": same("急")}
    items = tuple(
        DueItem(action=Action(id=f"do{n}", label=same("换证")), reason=same("到期"), **urgent) for n in range(9)
    )
    due = DueList(title=same("待办"), items=items, room=2)
    height = stack.natural(look, (due,), WIDTH) * 0.4
    _, *rest = stack.sheets(look, (due,), stack.Space(WIDTH, height), 0)
    assert {block.room for sheet in rest for block in sheet} == {0}


def test_what_is_chosen_keeps_no_room_free_for_the_keys_of_what_is_typed_on_the_next_sheet() -> None:
    """Seen in large type with a low reach: a sheet of one sentence, and the two options on one sheet each."""
    look, lead = look_of(), Paragraph(text=same("怎么领取？"), size="large")
    ways = Choices(
        name="how", label=same("怎么领取"), options=tuple(Choice(id=str(n), label=same("邮寄到家")) for n in range(3))
    )
    phone = Field(name="phone", label=same("手机号码"), keys="phone")
    height = stack.natural(look, (lead, ways), WIDTH) + 10
    cut = stack.sheets(look, (lead, ways, phone), stack.Space(WIDTH, height, keys=height * 0.6), 0)
    assert cut == [(lead, ways), (phone,)]


def test_code_that_is_to_be_scanned_is_the_largest_thing_of_its_page() -> None:
    code = Receipt(label=same("应缴"), number="¥ 180.00", qr="https://pay.example/c/1")
    to_scan = structs.replace(code, to_scan=True)
    usual, large = (drawn(each).panel.height for each in (code, to_scan))
    assert large > usual * 1.4


def test_words_of_a_lower_tile_stand_in_the_middle_of_its_row() -> None:
    short, long = (
        Tile(action=Action(id="a", label=same("短"))),
        Tile(action=Action(id="b", label=same("长")), lead=same("一行\n两行\n三行\n四行")),
    )
    seen = drawn(Tiles(tiles=(short, long), columns=2, wide=True))
    card, words = seen.target("短"), seen.words("短")
    middle = seen.top(words) - words.height / 2
    assert abs(middle - (seen.top(card) - card.height / 2)) <= 2


def test_header_of_a_line_s_own_page_names_it_once() -> None:
    band, _ = step.header(look_of(Page(kind="line", title=TRAFFIC.name, line=TRAFFIC)), titled=True)
    assert Drawn(band).texts.count("交通管理") == 1


def test_a_name_is_broken_after_its_slash() -> None:
    assert Words("签注余次/证件信息查询", 30, width=230, lines=2).text.split("\n")[0].endswith("/")


def test_a_long_list_is_cut_with_few_layouts_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each lays out every row that it tries: row after row, eighty of them held the screen for ten seconds."""
    tried: list[object] = []
    drawn = stack.draw
    monkeypatch.setattr(stack, "draw", lambda block, *more: tried.append(block) or drawn(block, *more))
    look = look_of()
    cut = stack.sheets(look, (violation(80),), stack.Space(WIDTH, 900), 120)
    assert sum(len(block.rows) for (block,) in cut) == 80
    assert len(tried) < 12 * 3 * len(cut), "three distances, and few tries for each sheet"
    look.metrics = replace(look.metrics, airy=min(stack._SHRINKAGE))
    assert max(stack.natural(look, sheet, WIDTH) for sheet in cut) <= 900 - 120


@cache
def forms() -> dict[str, Page]:
    """Every sample page with something to type, by name."""
    every = {**pages(), **shipped_pages()}
    return {name: page for name, page in every.items() if any(isinstance(b, Field) for b in page.blocks)}


@pytest.mark.parametrize(
    ("elder", "low", "language"), [(True, False, "zh"), (True, False, "en"), (False, True, "en"), (True, True, "en")]
)
def test_no_sheet_of_a_form_is_higher_than_the_room_above_its_keys(
    monkeypatch: pytest.MonkeyPatch, elder: bool, low: bool, language: str
) -> None:
    """What does not fit is drawn over the pager and the keys."""
    sheets: list[tuple[float, float]] = []

    def arrange(look, blocks, width, height, **_how):
        look.metrics = replace(look.metrics, airy=min(stack._SHRINKAGE))
        sheets.append((stack.natural(look, blocks, width), height))
        return Panel(width, height)

    monkeypatch.setattr(frame, "arrange", arrange)
    for name, page in forms().items():
        index, count, heights = 0, 1, {}
        while index < count:
            first = next(block.name for block in page.blocks if isinstance(block, Field))
            settings = Settings(elder=elder, low_reach=low, language=language)
            look = look_of(page, settings, values={}, focused=first)
            look.heights = heights
            count = frame.draw(look, Clock(), index, lambda _n: None).count
            need, height = sheets[-1]
            assert need <= height, f"sheet {index + 1} of {name}"
            index += 1
