"""Every kind of field: what is taken and in which form, what is refused and in which words."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from kiosk.catalogue.kinds import spec_type
from kiosk.journey.engine import Journey
from kiosk.journey.fields.kinds import FormField, Wrong
from kiosk.journey.fields.region import below, words_of
from kiosk.journey.fields.registry import KINDS
from kiosk.journey.fields.vehicles import plates
from kiosk.pages import Choices, Field
from kiosk.text import same
from tests.kiosk.journey.conftest import Counter, words
from tests.kiosk.journey.test_engine import BOTH, journeys, question, rows

__all__ = ["journeys"]
TODAY = date(2027, 1, 12)


def read(kind: str, typed: str, **more: Any) -> str:
    field = FormField(name="x", label=same("x"), kind=kind, **more)  # type: ignore[arg-type]
    return KINDS[kind].judge(field, KINDS[kind].normal(typed), TODAY)


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("phone", "１３９ 0000-0001", "13900000001"),
        ("number", "007", "7"),
        ("date", "2024 02 29", "2024-02-29"),
        ("date", "１９９００３０７", "1990-03-07"),
        ("decision", "990101 2027 00000", "990101202700000"),
        ("decision", "9901012027000001", "9901012027000001"),
        ("uscc", "9 1110000 600037341l", "91110000600037341L"),
        ("id_number", "990000 19900307 003x", "99000019900307003X"),
        ("vin", "1m8gdm9axkp042788", "1M8GDM9AXKP042788"),
        ("plate", "京a·12345", "京A12345"),
        ("plate", "沪AD12345", "沪AD12345"),
        ("plate", "粤B12345D", "粤B12345D"),
        ("plate", "粤Z1234港", "粤Z1234港"),
        ("plate", "川A1234警", "川A1234警"),
        ("plate", "川A12B4学", "川A12B4学"),
        ("plate", "使123456", "使123456"),
    ],
)
def test_what_is_taken_is_kept_in_one_form(kind: str, typed: str, kept: str) -> None:
    assert read(kind, typed) == kept
    assert KINDS[kind].shown(kept).zh


@pytest.mark.parametrize(
    ("kind", "eve", "birthday"),
    [("date", "20210113", "20210112"), ("id_number", "990000202101130010", "990000202101120015")],
)
def test_who_has_reached_the_age_is_sent_to_the_counter(kind: str, eve: str, birthday: str) -> None:
    assert read(kind, eve, younger_than=6)
    with pytest.raises(Wrong) as refused:
        read(kind, birthday, younger_than=6)
    assert "未满 6 周岁" in refused.value.words.zh
    assert read(kind, birthday)


@pytest.mark.parametrize(
    ("kind", "typed", "said"),
    [
        ("phone", "139000000", "现在是 9 位"),
        ("phone", "12900000001", "13 到 19"),
        ("number", "", "请填写数字"),
        ("number", "1.5", "请填写数字"),
        ("date", "990229", "现在是 6 位"),
        ("date", "20230229", "2023 年 2 月只有 28 天"),
        ("date", "19000229", "1900 年 2 月只有 28 天"),
        ("date", "20270431", "2027 年 4 月只有 30 天"),
        ("date", "20271301", "没有 13 月"),
        ("date", "00010101", "年份 0001 不对"),
        ("decision", "12345", "现在是 5 位"),
        ("uscc", "91110000600037341", "现在是 17 位"),
        ("id_number", "99000019900307101", "18 位，现在是 17 位"),
        ("id_number", "9900001990030710XX", "现在是 18 位"),
        ("id_number", "990000199003071017", "最后一位对不上"),
        ("id_number", "990000199002301019", "出生日期不对"),
        ("id_number", "990000202801071015", "出生日期不对"),
        ("uscc", "911100O060003734I0", "没有字母 I O"),
        ("uscc", "91110000600037342L", "最后一位对不上"),
        ("vin", "1M8GDM9AXKP04278O", "没有字母 O"),
        ("vin", "1M8GDM9AXKP04278", "现在是 16 位"),
        ("plate", "", "先选省份"),
        ("plate", "A12345", "先选省份"),
        ("plate", "京AI2345", "没有字母 I"),
        ("plate", "京A1234", "没有这样的车牌"),
        ("plate", "京AABC12", "没有这样的车牌"),
        ("plate", "京AL12345", "没有这样的车牌"),
        ("plate", "京A12345D港", "没有这样的车牌"),
        ("plate", "沪Z1234港", "没有这样的车牌"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_plain_words(kind: str, typed: str, said: str) -> None:
    with pytest.raises(Wrong) as error:
        read(kind, typed)
    assert said in error.value.words.zh
    assert error.value.words.en
    assert not error.value.may_be


def test_bounds_of_numbers_and_days() -> None:
    assert read("number", "3", least=1, most=3) == "3"
    assert read("date", "20270112", earliest="today", latest="today") == "2027-01-12"
    for kind, typed, more in (
        ("number", "0", {"least": 1}),
        ("number", "4", {"most": 3}),
        ("date", "20270111", {"earliest": "today"}),
        ("date", "20270113", {"latest": "today"}),
        ("date", "20201231", {"earliest": "2021-01-01"}),
        ("plate", "川A1234警", {"plates": ("usual",)}),
    ):
        with pytest.raises(Wrong):
            read(kind, typed, **more)


def test_no_two_kinds_of_plates_share_a_number_that_ends_in_a_sign() -> None:
    assert len({kind.key for kind in plates().kinds}) == 10
    assert [plates().kind_of(f"川A1234{tail}") for tail in plates().tails] == [
        *("trailer", "training", "police", "", "", "consulate"),
    ]


def test_divisions_lie_below_each_other_by_their_codes(counter: Counter) -> None:
    found = counter.machine.catalogue.divisions
    assert below(found, "") == ["990000"]
    assert below(found, "99") == ["990100", "990200", "991100"]
    assert below(found, "9901") == ["990101", "990102"]
    assert below(found, "990221") == ["990221101"]
    assert (words_of(found, "990221101").zh, words_of(found, "990101").en) == (
        "通办省远山市远山县清溪镇",
        "Pilot District, Tongban City, Tongban Province",
    )


def form(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "form", "title": BOTH, "fields": [{"label": BOTH, **field} for field in fields]}


async def test_a_form_of_many_kinds_is_walked_page_by_page(counter: Counter, journeys: list[Journey]) -> None:
    options = [{"id": each, "label": BOTH} for each in ("work", "study")]
    fields = (
        {"name": "vin", "kind": "vin"},
        {"name": "born", "kind": "date", "optional": True},
        {"name": "why", "kind": "choice", "options": options},
        {"name": "where", "kind": "region"},
        {"name": "plate", "kind": "plate"},
    )
    counter.steps("T01", form(*fields), question("last"), "review")
    async with counter.doing("T01"):
        page = await counter.first("form")
        assert [type(block) for block in page.blocks] == [Field, Field, Choices]
        typed = {"vin": "1M8GDM9A1KP042788", "born": "20230229"}
        page = await counter.touch("next", "form", **typed)
        assert [bool(block.error) for block in page.blocks] == [True, True, True]  # type: ignore[union-attr]
        assert "校验位对不上" in words(page)
        page = await counter.touch("next", "region", **{**typed, "born": "", "why": "study"})
        assert journeys[0].answers == {"vin": "1M8GDM9A1KP042788", "why": "study"}, "warned of once, then taken"
        await counter.touch("region:990000", "region")
        page = await counter.touch("region:990200", "region")
        assert "已选：通办省远山市" in words(page)
        await counter.touch("back", "region")
        await counter.touch("back", "region")
        await counter.touch("back", "form")
        await counter.touch("next", "region", vin="1M8GDM9AXKP042788", why="work", born="20240229")
        for code in ("990000", "990200", "990222"):
            page = await counter.touch(f"region:{code}", "region")
        assert [tile.action.id for tile in page.blocks[0].tiles] == ["region:990222201"]  # type: ignore[union-attr]
        page = await counter.touch("region:990222201", "form")
        (plate,) = [block for block in page.blocks if isinstance(block, Field)]
        assert (plate.keys, "京" in plate.heads, "警" in plate.tails) == ("plate", True, True)
        await counter.touch("back", "region")
        for code in ("990000", "990200", "990222"):
            await counter.touch(f"region:{code}", "region")
        await counter.touch("region:990222201", "form")
        await counter.touch("next", "choose", plate="京AD12345")
        assert journeys[0].answers == {
            "vin": "1M8GDM9AXKP042788",
            "born": "2024-02-29",
            "why": "work",
            "where": "990222201",
            "plate": "京AD12345",
        }
        await counter.touch("next", "review", last="a")
        shown = [value for value, _ in rows(counter)]
        assert shown[1:5] == ["2024 年 2 月 29 日", "字", "通办省远山市石㟰县大𡎚乡", "京A·D12345"]
        counter.last("next")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"kind": "choice"}, "two options"),
        ({"kind": "number", "least": 3, "most": 2}, "no number fits"),
        ({"kind": "date", "latest": "2027-02-30"}, "no date"),
        ({"kind": "plate", "plates": ["usul"]}, "no kind of plate"),
        ({"kind": "text", "pattern": "[0-9]+"}, "nobody is told"),
        ({"kind": "decision", "pattern": "[0-9]{21}", "error": BOTH}, "more than the 20 characters"),
    ],
)
def test_the_check_names_a_field_that_nothing_fits(counter: Counter, field: dict[str, Any], said: str) -> None:
    spec = msgspec.convert(form({"name": "x", **field}), spec_type("form"))
    faults = list(spec.faults(counter.machine.catalogue.services["T01"], 0))
    assert [said in fault.what for fault in faults] == [True]
    assert faults[0].path[:2] == ("fields", 0)
