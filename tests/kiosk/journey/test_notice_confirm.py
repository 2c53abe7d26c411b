"""Notice and confirm: a pledge is a free choice, its words can be told later; what cannot be undone: two touches."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kiosk.catalogue.kinds import spec_type
from kiosk.catalogue.loader import load
from kiosk.journey.engine import Journey
from kiosk.pages import Choices, Notice, SignaturePad
from kiosk.planning.plan import plan_of
from kiosk.text import text
from tests.kiosk.journey.conftest import Counter, words
from tests.kiosk.journey.test_engine import BOTH, journeys, question, rows

__all__ = ["journeys"]


def told(zh: str) -> dict[str, str]:
    return {"zh": zh, "en": f"in English: {zh}"}


def notice(**more: Any) -> dict[str, Any]:
    return {
        "kind": "notice",
        "name": "pledge",
        "title": told("遗失声明"),
        "words": [told("证件确已遗失"), told("找到后交回旧证")],
        "agree": told("我承诺"),
        "version": "2027-01",
        **more,
    }


def confirm() -> dict[str, Any]:
    return {
        "kind": "confirm",
        "name": "sure",
        "title": told("旧证作废"),
        "warn": [told("旧证马上失效")],
        "agree": told("作废旧证"),
    }


async def test_who_agrees_leaves_the_answer_and_the_version_of_the_words(
    counter: Counter, journeys: list[Journey]
) -> None:
    counter.steps("T01", notice(), "review")
    async with counter.doing("T01"):
        page = await counter.first("notice")
        assert "找到后交回旧证" in words(page)
        assert [action.id for action in page.actions] == ["exit", "back", "next"], "who does not agree can only leave"
        await counter.touch("next", "review")
        assert journeys[0].answers == {"pledge": "yes", "pledge_version": "2027-01"}
        ((value, change),) = rows(counter)
        assert value == "我承诺"
        await counter.touch(change, "notice")
        counter.last("back")


async def test_who_declines_gets_the_ordinary_way_and_nothing_of_the_other(
    counter: Counter, journeys: list[Journey]
) -> None:
    proof = question("proof", only_if=[{"fact": "answers.pledge", "op": "is", "value": "no"}])
    counter.steps("T01", notice(may_refuse=True, otherwise=told("请拍摄报案回执")), proof, "review")
    async with counter.doing("T01"):
        page = await counter.first("notice")
        (free,) = [block for block in page.blocks if isinstance(block, Notice)]
        assert (free.text.zh, free.detail.zh) == ("承诺是自愿的，不承诺也能办。", "请拍摄报案回执")
        page = await counter.touch("refuse", "choose")
        assert [block.name for block in page.blocks if isinstance(block, Choices)] == ["proof"]
        await counter.touch("next", "review", proof="a")
        assert journeys[0].answers == {"pledge": "no", "pledge_version": "2027-01", "proof": "a"}
        assert [value for value, _ in rows(counter)] == ["未承诺，按普通方式办理", "a"]
        await counter.touch(rows(counter)[0][1], "notice")
        await counter.touch("next", "review")
        assert journeys[0].answers == {"pledge": "yes", "pledge_version": "2027-01"}, "the proof is not filed any more"
        counter.last("next")


async def test_what_cannot_be_undone_takes_two_touches_at_two_places(counter: Counter, journeys: list[Journey]) -> None:
    counter.steps("T01", question("way"), confirm(), question("last"))
    async with counter.doing("T01"):
        await counter.first("choose")
        page = await counter.touch("next", "confirm", way="a")
        assert "旧证马上失效" in words(page)
        page = await counter.touch("next", "confirm")
        assert "还没有打勾" in words(page)
        assert "sure" not in journeys[0].answers, "the button alone, where the one before stood, does nothing"
        await counter.touch("next", "choose", sure="yes")
        assert journeys[0].answers == {"way": "a", "sure": "yes"}
        page = await counter.touch("back", "confirm")
        (row,) = [block for block in page.blocks if isinstance(block, Choices)]
        assert row.selected == ""
        await counter.touch("next", "confirm")
        assert counter.visit.typed["T01"].get("sure") is None, "a mark of before is no confirmation of now"
        await counter.touch("back", "choose")
        counter.last("back")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (notice(words=[]), "nothing is told"),
        (notice(version=" "), "nobody can tell later"),
        (notice(otherwise=BOTH), "nobody can decline"),
        ({**confirm(), "warn": []}, "nobody is warned"),
    ],
)
def test_the_check_names_a_notice_that_tells_nothing(counter: Counter, table: dict[str, Any], said: str) -> None:
    spec = msgspec.convert(table, spec_type(table["kind"]))
    service = counter.machine.catalogue.services["T01"]
    assert [said in fault.what for fault in spec.faults(service, 0)] == [True]


async def test_a_statement_stands_whole_above_the_signature_and_is_kept_with_its_version(
    counter: Counter, journeys: list[Journey]
) -> None:
    states = {**confirm(), "name": "loss", "words": [told("证件确已丢失")], "version": "2027-01"}
    del states["kind"]
    counter.steps("T01", {"kind": "sign", "states": states}, question("last"))
    async with counter.doing("T01"):
        page = await counter.first("sign")
        assert [word in words(page) for word in ("旧证作废", "旧证马上失效", "证件确已丢失")] == [True] * 3
        assert page.blocks[-1] == SignaturePad(name="signature", label=text("sign.label")), "it is read before"
        assert page.actions[-1].label.zh == "作废旧证"
        counter.finger.touch("next")
        await counter.finger.change("the page that misses the signature")
        assert journeys[0].answers == {}, "who has not signed has stated nothing"
        await counter.touch("next", "choose", signature=[[[0.1, 0.1], [0.9, 0.9]]])
        assert journeys[0].answers == {"loss": "yes", "loss_version": "2027-01"}
        counter.last("back")
        assert (await counter.finger.until("sign")).kind == "sign"
        counter.finger.touch("back")


def test_what_several_state_at_once_has_its_own_page_after_the_one_signature() -> None:
    services = load().services
    alone = [step.kind for step in plan_of([services["H03"]]).steps]
    plan = plan_of([services["H03"], services["T02"]], share=["loss"])
    both = [step.kind for step in plan.steps]
    assert ("confirm" in alone, both.count("sign"), both.count("confirm")) == (False, 1, 1)
    assert both.index("sign") < both.index("confirm") < both.index("file")
    assert {place.part for place in plan.steps[both.index("confirm")].places} == {0, 1}, "stated once for both"
