"""Order, conditions, back and the edges of every step: what is skipped leaves nothing, and nothing begins in vain."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import trio

from devices.id_card_reader.card import IdCard
from kiosk.catalogue.model import About, Condition, StepSpec, Use
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps import choose, sign
from kiosk.pages import Action, Choices, Facts, Field, Settings
from kiosk.text import same, text
from kiosk.visit import Visit
from offline_cache.errors import StoreFull
from tests.kiosk.journey.conftest import ZHAO, Counter, words

BOTH = {"zh": "字", "en": "word"}
CHILD = IdCard(kind="resident", name="测试丁", number="990101201301010015", birth=date(2013, 1, 1))


def question(name: str, *options: str, **more: Any) -> dict[str, Any]:
    found = [{"id": option, "label": {"zh": option, "en": option}} for option in options or ("a", "b")]
    return {"kind": "choose", "name": name, "label": BOTH, "title": BOTH, "options": found, **more}


def field(name: str, pattern: str = ".+") -> dict[str, Any]:
    return {"name": name, "label": BOTH, "keys": "text", "pattern": pattern, "error": BOTH}


def address(**more: Any) -> dict[str, Any]:
    return {"kind": "form", "title": BOTH, "fields": [field("address")], **more}


SOON = {"fact": "card.valid_to", "op": "days_ahead_at_most", "value": 90}
POST = [{"fact": "answers.way", "op": "is", "value": "post"}]


@pytest.fixture
def journeys(monkeypatch: pytest.MonkeyPatch) -> list[Journey]:
    """Every journey that begins."""
    found: list[Journey] = []
    init = Journey.__init__

    def noted(journey: Journey, *arguments: Any, **named: Any) -> None:
        init(journey, *arguments, **named)
        found.append(journey)

    monkeypatch.setattr(Journey, "__init__", noted)
    return found


def rows(counter: Counter) -> list[tuple[str, str]]:
    """Value and action of each row that can be changed."""
    (facts,) = [block for block in counter.page.blocks if isinstance(block, Facts)]
    return [(row.value.zh, row.action.id) for row in facts.rows if row.action]


@pytest.fixture
def post(counter: Counter) -> Counter:
    """A way to choose, an address only for the post, something else, and the review."""
    counter.steps("T01", question("way", "post", "hall"), address(only_if=POST), question("colour"), "review")
    return counter


async def test_what_was_asked_for_another_choice_leaves_no_answer_behind(
    post: Counter, journeys: list[Journey]
) -> None:
    async with post.doing("T01"):
        await post.first("choose")
        await post.touch("next", "form", way="post")
        await post.touch("next", "choose", address="某路 1 号")
        await post.touch("next", "review", colour="a")
        assert [value for value, _ in rows(post)] == ["post", "某路 1 号", "a"]
        page = await post.touch(rows(post)[0][1], "choose")
        assert [block.selected for block in page.blocks if isinstance(block, Choices)] == ["post"]
        page = await post.touch("next", "choose", way="hall")
        assert [block.name for block in page.blocks if isinstance(block, Choices)] == ["colour"]
        await post.touch("next", "review", colour="a")
        assert [value for value, _ in rows(post)] == ["hall", "a"]
        assert "某路" not in words(post.page)
        assert journeys[0].answers == {"way": "hall", "colour": "a"}
        assert [record.answers for record in journeys[0].records.values()] == [{"way": "hall"}, {"colour": "a"}]
        post.last("next")


async def test_back_passes_over_what_was_not_asked_and_through_what_was(post: Counter) -> None:
    async with post.doing("T01"):
        await post.first("choose")
        await post.touch("next", "choose", way="hall")
        page = await post.touch("back", "choose")
        assert [block.name for block in page.blocks if isinstance(block, Choices)] == ["way"]
        await post.touch("next", "form", way="post")
        await post.touch("next", "choose", address="x")
        page = await post.touch("back", "form")
        assert [block.value for block in page.blocks if isinstance(block, Field)] == ["x"]
        await post.touch("back", "choose")
        post.last("back")
    assert post.machine.outbox.counts().depth == 0


async def test_every_change_leads_to_the_step_that_asked_and_back_from_there_one_further(counter: Counter) -> None:
    counter.steps("T01", question("one"), question("two"), address(), "review")
    async with counter.doing("T01"):
        await counter.first("choose")
        await counter.touch("next", "choose", one="a")
        await counter.touch("next", "form", two="b")
        await counter.touch("next", "review", address="x")
        assert [value for value, _ in rows(counter)] == ["a", "b", "x"]
        page = await counter.touch(rows(counter)[1][1], "choose")
        assert [(b.name, b.selected) for b in page.blocks if isinstance(b, Choices)] == [("two", "b")]
        page = await counter.touch("back", "choose")
        assert [b.name for b in page.blocks if isinstance(b, Choices)] == ["one"]
        await counter.touch("next", "choose", one="b")
        await counter.touch("next", "form", two="b")
        await counter.touch("next", "review", address="y")
        assert [value for value, _ in rows(counter)] == ["b", "b", "y"]
        await counter.touch(rows(counter)[2][1], "form")
        await counter.touch("back", "choose")
        await counter.touch("back", "choose")
        counter.last("back")


@pytest.mark.parametrize("action", ["change:9", "change:x", "change:", "change:-1", "change:2"])
async def test_a_change_that_nobody_offered_changes_nothing(counter: Counter, action: str) -> None:
    """The review of a page before, or of a script: there is nothing at that place to go back to."""
    counter.steps("T01", question("one"), "review", question("two"))
    async with counter.doing("T01"):
        await counter.first("choose")
        await counter.touch("next", "review", one="a")
        await counter.touch(action, "choose")
        counter.last("next", two="a")


@pytest.mark.parametrize(
    ("card", "condition", "is_asked"),
    [
        (ZHAO, {"fact": "card.age", "op": "at_most", "value": 15}, False),
        (CHILD, {"fact": "card.age", "op": "at_most", "value": 15}, True),
        (None, {"fact": "card.age", "op": "at_most", "value": 15}, True),
        (ZHAO, {"fact": "card.kind", "op": "one_of", "value": ["resident"]}, True),
        (ZHAO, {"fact": "card.kind", "op": "is", "value": "foreigner_2023"}, False),
        (replace(ZHAO, sex="2"), {"fact": "card.sex", "op": "is", "value": "1"}, False),
        (replace(ZHAO, valid_to=date(2027, 2, 1)), SOON, True),
        (replace(ZHAO, valid_to=date(2030, 2, 1)), SOON, False),
        (ZHAO, {"fact": "fee_due_fen", "op": "at_least", "value": 1}, True),
        (ZHAO, {"fact": "answers.nothing", "op": "is", "value": "x"}, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_list", [True, False])
async def test_a_step_is_left_out_only_when_it_is_known_that_its_condition_does_not_hold(
    counter: Counter, card: IdCard | None, condition: dict[str, Any], is_asked: bool, as_list: bool
) -> None:
    counter.visit.card = card
    counter.steps("T01", question("guardian", only_if=[condition] if as_list else condition), question("last"))
    async with counter.doing("T01"):
        page = await counter.first("choose")
        asked = [block.name for block in page.blocks if isinstance(block, Choices)]
        assert asked == (["guardian"] if is_asked else ["last"])
        counter.last("back")


async def test_back_leads_to_nothing_that_is_not_asked_any_more(counter: Counter) -> None:
    child = {"fact": "card.age", "op": "at_most", "value": 15}
    counter.steps("T01", question("first"), question("guardian", only_if=child), question("last"))
    async with counter.doing("T01"):
        await counter.first("choose")
        await counter.touch("next", "choose", first="a")
        await counter.touch("next", "choose", guardian="a")
        counter.visit.card = ZHAO
        page = await counter.touch("back", "choose")
        assert [block.name for block in page.blocks if isinstance(block, Choices)] == ["first"]
        counter.last("back")


async def test_without_a_date_nobody_has_an_age(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(counter.machine.clock), "knows_date", False)
    counter.visit.card = ZHAO
    counter.steps("T01", question("guardian", only_if={"fact": "card.age", "op": "at_most", "value": 15}))
    async with counter.doing("T01"):
        page = await counter.first("choose")
        assert [block.name for block in page.blocks if isinstance(block, Choices)] == ["guardian"]
        counter.last("back")


async def test_what_the_department_said_decides_too(counter: Counter, journeys: list[Journey]) -> None:
    fee = {"fact": "fee_due_fen", "op": "at_least", "value": 1}
    counter.steps("T01", question("first"), question("pay", only_if=fee))
    async with counter.doing("T01"):
        await counter.first("choose")
        journeys[0].facts = {"fee_due_fen": 0}
        counter.last("next", first="a")
    assert counter.finger.history == ["choose"]


async def test_all_conditions_must_hold_and_answers_of_a_step_left_out_are_none(counter: Counter) -> None:
    child = {"fact": "card.age", "op": "at_most", "value": 15}
    guardian = {"fact": "answers.guardian", "op": "is", "value": "a"}
    resident = {"fact": "card.kind", "op": "is", "value": "resident"}
    counter.visit.card = ZHAO
    counter.steps(
        "T01",
        question("guardian", only_if=child),
        question("which", only_if=[child, guardian]),
        question("school", only_if=[resident, child]),
        question("last"),
    )
    async with counter.doing("T01"):
        page = await counter.first("choose")
        assert [block.name for block in page.blocks if isinstance(block, Choices)] == ["last"]
        assert [mark.state for mark in page.steps] == ["now"]
        counter.last("next", last="a")


def test_a_step_keeps_and_adds_only_what_its_kind_says(machine: Any) -> None:
    journey = Journey(Visit(machine, Settings()), machine.catalogue.services["T01"], "case")
    journey.position = next(i for i, step in enumerate(journey.service.steps) if step.kind == "form")
    journey.keep("delivery", "hall", same("hall"))
    with pytest.raises(KeyError, match="colour"):
        journey.keep("colour", "1", same("1"))
    with pytest.raises(KeyError, match="signature"):
        journey.add_part("signature", b"x")
    journey.position = next(i for i, step in enumerate(journey.service.steps) if step.kind == "sign")
    journey.add_part("signature", b"x")
    assert (journey.answers, journey.parts) == ({"delivery": "hall"}, {"signature": b"x"})


async def test_a_step_that_calls_itself_local_asks_nobody(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    async def asks(journey: Journey, _spec: StepSpec) -> Outcome:
        await journey.ask("eligibility", None)
        return Outcome.NEXT

    monkeypatch.setattr(choose, "step", asks)
    counter.steps("T01", question("one"))
    async with counter.doing("T01"):
        page = await counter.first("fault")
        assert "没有提交任何内容" in words(page)
        counter.last("continue")
    assert counter.asked == []


@pytest.mark.parametrize(
    ("lost", "history"), [("ends", ["device_away"]), ("waits", ["choose"]), ("goes_on", ["choose"])]
)
async def test_a_step_that_ends_without_its_device_is_not_begun(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, lost: Any, history: list[str]
) -> None:
    monkeypatch.setattr(choose.Spec, "about", About(mark="fill", devices=(Use(device="camera", lost=lost),)))
    counter.steps("T01", question("one"))
    async with counter.doing("T01"):
        page = await counter.first(history[0])
        assert lost != "ends" or "没有提交任何内容" in words(page)
        counter.last("continue", one="a")
    assert counter.finger.history == history


@pytest.mark.parametrize(("is_online", "history"), [(False, ["needs_network"]), (True, ["choose"])])
async def test_a_step_that_ends_without_the_city_is_not_begun(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, is_online: bool, history: list[str]
) -> None:
    monkeypatch.setattr(choose.Spec, "about", About(mark="fill", offline="ends"))
    counter.steps("T01", question("one"))
    if is_online:
        counter.online()
    async with counter.doing("T01"):
        await counter.first(history[0])
        counter.last("continue", one="a")
    assert counter.finger.history == history


@pytest.mark.parametrize(("offline", "page"), [("goes_on", "offline_notice"), ("ends", "needs_network")])
async def test_when_the_city_does_not_answer_it_goes_on_or_ends_as_the_kind_says(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, journeys: list[Journey], offline: Any, page: str
) -> None:
    async def unanswered(_journey: Journey, _spec: StepSpec) -> Outcome:
        await trio.lowlevel.checkpoint()
        return Outcome.OFFLINE

    monkeypatch.setattr(choose, "step", unanswered)
    monkeypatch.setattr(choose.Spec, "about", About(mark="fill", offline=offline))
    counter.steps("T01", question("one"), address())
    counter.online()
    async with counter.doing("T01"):
        await counter.first(page)
        if offline == "goes_on":
            await counter.touch("next", "form")
            assert journeys[0].offline
            await counter.touch("back", "offline_notice")
            counter.last("back")
        else:
            counter.last("continue")
    assert journeys[0].offline is (offline == "goes_on")


async def fails(*_: Any, **__: Any) -> Any:
    await trio.lowlevel.checkpoint()
    raise StoreFull("no room")


@pytest.mark.parametrize("where", ["number", "step", "behind a page"])
async def test_a_store_that_fails_is_told_whereever_it_fails(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    counter.visit.card = ZHAO
    counter.visit.typed["T01"] = {"one": "a"}
    counter.steps("T01", "eligibility", "file")
    if where == "number":
        monkeypatch.setattr(counter.machine, "next_receipt_number", fails)
    elif where == "step":
        monkeypatch.setattr("kiosk.journey.steps.eligibility.step", fails)
    else:
        monkeypatch.setattr("kiosk.journey.steps.eligibility.under_way", fails)
    async with counter.doing("T01"):
        page = await counter.first("not_filed")
        assert text("file.full_title").zh in words(page)
        counter.last("continue")
    assert counter.visit.typed["T01"] == {"one": "a"}, "it can be tried again"


@pytest.mark.parametrize("error", [StoreFull("no room"), ValueError("a surprise")])
async def test_what_fails_after_the_filing_says_that_the_case_is_safe(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, journeys: list[Journey], error: Exception
) -> None:
    async def broken(journey: Journey, _spec: StepSpec) -> Outcome:
        journey.filed = True
        await trio.lowlevel.checkpoint()
        raise error

    monkeypatch.setattr(choose, "step", broken)
    counter.steps("T01", question("one"), "file")
    async with counter.doing("T01"):
        page = await counter.first("fault")
        assert "已经保存好" in words(page)
        counter.last("continue")
    assert journeys[0].filed


async def test_after_the_filing_nothing_leads_back(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    async def files(journey: Journey, _spec: StepSpec) -> Outcome:
        journey.filed = True
        await journey.visit.show(journey.page("signed", same("x")))
        return Outcome.NEXT

    monkeypatch.setattr(sign, "step", files)
    counter.steps("T01", question("one"), "sign", question("two"))
    async with counter.doing("T01"):
        await counter.first("choose")
        await counter.touch("next", "signed", one="a")
        assert counter.page.is_free
        await counter.touch("next", "choose")
        counter.last("back")
    assert counter.finger.history == ["choose", "signed", "choose"]


async def test_leaving_in_the_middle_is_asked_and_what_is_free_is_not(counter: Counter) -> None:
    counter.steps("T01", question("one"), "rate")
    async with counter.doing("T01"):
        await counter.first("choose")
        assert not counter.page.is_free
        await counter.touch("exit", "confirm_exit")
        await counter.touch("continue", "choose")
        await counter.touch("next", "rate", one="a")
        assert counter.page.is_free
        counter.last("skip")


def test_the_bar_has_back_and_next_unless_told_otherwise(machine: Any) -> None:
    journey = Journey(Visit(machine, Settings()), machine.catalogue.services["T01"], "case")

    def ids(*actions: Action) -> list[str]:
        return [action.id for action in actions]

    assert ids(*journey.bar()) == ["exit", "back", "next"]
    assert ids(*journey.bar(back=False)) == ["exit", "next"]
    assert ids(*journey.bar(same(""))) == ["exit", "back"]


def test_the_dots_are_those_of_the_steps_that_are_asked(machine: Any) -> None:
    service = machine.catalogue.services["T01"]
    journey = Journey(Visit(machine, Settings()), service, "case")
    journey.position = next(i for i, step in enumerate(service.steps) if step.kind == "form")
    assert [mark.state for mark in journey.marks()] == ["done", "done", "now", "waiting", "waiting"]
    journey.position = len(service.steps)
    assert {mark.state for mark in journey.marks()} == {"done"}


def test_conditions_are_a_list_or_one_table() -> None:
    one = Condition(fact="card.age", op="at_most", value=15)
    assert StepSpec(kind="x", only_if=one).conditions == (one,)
    assert StepSpec(kind="x", only_if=(one, one)).conditions == (one, one)
    assert StepSpec(kind="x").conditions == ()
