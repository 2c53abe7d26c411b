"""A typed receipt number opens nothing by itself: what the pages say to who has its slip, a card, or only guessed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import argon2
import pytest

from kiosk.cases import is_slip_code, new_slip_code, unbroken
from kiosk.journey import kept
from kiosk.journey.kept import has_slip
from kiosk.messages.questions import ProgressAnswer, ProgressQuestion
from kiosk.pages import Page, Stages
from kiosk.roster import PRINTER
from kiosk.slip_tries import AT_ONCE, PACE_S, SlipTries
from kiosk.slips.intents import Slip, begin_slip, hand_over
from tests.kiosk.journey.conftest import CODE, LI, ZHAO, Counter, number, told, words
from tests.kiosk.journey.test_progress import keep

WRONG = "27182818"
SECRETS = ("驾驶证", "赵", "已送达", "已受理", "已暂存")
"""What a page about this case would show."""


def city(*cases: Any) -> Callable[[ProgressQuestion], ProgressAnswer]:
    """A hub that tells a case to its person and to who has the code of its slip."""

    def answer(question: ProgressQuestion) -> ProgressAnswer:
        named = [case for case in cases if case.receipt_number == question.receipt_number]
        if question.id_number:
            return ProgressAnswer(list(cases) if question.id_number == ZHAO.number else [])
        opened = named if question.slip_code == CODE else []
        return ProgressAnswer(opened, known=bool(named) and not opened)

    return answer


@pytest.fixture(params=["at the city", "at the city, before today's hub", "here, without a network"])
async def held(request: pytest.FixtureRequest, counter: Counter) -> str:
    """Where the case is that somebody asks for."""
    case = told(1, "delivered", "accepted")
    if request.param == "at the city":
        counter.answers["progress"] = city(case)
    elif request.param.startswith("at"):
        counter.answers["progress"] = lambda question: ProgressAnswer([] if question.slip_code else [case])
    else:
        await keep(counter, 1)
    return request.param


async def typed(counter: Counter, service: str = "C01") -> None:
    """Up to the page that asks for the code."""
    if service == "C01":
        await counter.first("progress_how")
        await counter.touch("number", "receipt_number")
    else:
        await counter.first("receipt_number")
    page = await counter.touch("next", "slip_code", number=number(1))
    tells_nothing(page)


def tells_nothing(page: Page) -> None:
    said = words(page)
    assert not [secret for secret in SECRETS if secret in said], said
    assert not [block for block in page.blocks if isinstance(block, Stages)]
    assert "reprint" not in {action.id for action in page.actions}


@pytest.mark.attack(11)
async def test_without_the_code_the_page_says_only_that_the_number_is_known(counter: Counter, held: str) -> None:
    async with counter.doing("C01"):
        await typed(counter)
        page = await counter.touch("no_code", "known")
        tells_nothing(page)
        assert "这个编号的业务在系统里" in words(page)
        assert "请刷本人身份证" in words(page)
        await counter.touch("back", "slip_code")
        await counter.touch("back", "receipt_number")
        await counter.touch("back", "progress_how")
        counter.last("back")


@pytest.mark.attack(11)
@pytest.mark.parametrize("code", [WRONG, "20270120", "2027011", "", "00000000", "1' or '1"])
@pytest.mark.parametrize("held", ["at the city", "here, without a network"], indirect=True)
async def test_a_wrong_code_opens_nothing_and_says_so_kindly(counter: Counter, held: str, code: str) -> None:
    async with counter.doing("C01"):
        await typed(counter)
        page = await counter.touch("next", "slip_code", slip_code=code)
        tells_nothing(page)
        assert "请对照回执" in words(page) or "请核对" in words(page)
        await counter.touch("back", "receipt_number")
        await counter.touch("back", "progress_how")
        counter.last("back")


@pytest.mark.attack(11)
async def test_nobody_rates_a_case_whose_number_was_guessed(counter: Counter, held: str) -> None:
    async with counter.doing("C02"):
        await typed(counter, "C02")
        tells_nothing(await counter.touch("no_code", "known"))
        await counter.touch("back", "slip_code")
        await counter.touch("back", "receipt_number")
        counter.last("back")
    assert counter.filed("rating") == []


@pytest.mark.attack(11)
async def test_a_slip_is_not_printed_again_for_a_number(counter: Counter) -> None:
    """A slip that may not have come out is offered to its person, to nobody else."""
    machine = counter.machine
    await keep(counter, 1)
    case_id = machine.outbox.find(receipt_number=number(1))[0].case_id or ""
    slip = Slip(number=number(1), service="T01")
    hand_over(machine, PRINTER, begin_slip(machine, case_id, slip), case_id, slip)
    counter.visit.card = LI
    async with counter.doing("C01"):
        page = await counter.first("progress")
        assert "本机没有查到" in words(page)
        await counter.touch("number", "receipt_number")
        await counter.touch("next", "slip_code", number=number(1))
        page = await counter.touch("no_code", "known")
        tells_nothing(page)
        assert "card" not in {action.id for action in page.actions}, "the card was read: it is another person's"
        await counter.touch("back", "slip_code")
        page = await counter.touch("next", "progress", slip_code=CODE)
        await counter.touch("reprint", "slip")
        counter.last("next")
    (paper,) = counter.papers
    assert unbroken(CODE).replace("\N{NO-BREAK SPACE}", " ") in paper, "the copy has the code too"


async def test_who_has_a_slip_of_before_rates_with_the_card(counter: Counter) -> None:
    counter.answers["progress"] = city(told(1, "delivered", "accepted"))
    counter.visit.card = ZHAO
    async with counter.doing("C02"):
        await counter.first("receipt_number")
        await counter.touch("next", "slip_code", number=number(1))
        page = await counter.touch("no_code", "rate")
        assert "驾驶证有效期满换证" in words(page)
        await counter.touch("grade:5", "rated")
        counter.last("continue")
    assert len(counter.filed("rating")) == 1


@pytest.mark.attack(11)
async def test_another_persons_card_rates_nothing(counter: Counter) -> None:
    counter.answers["progress"] = city(told(1, "delivered", "accepted"))
    counter.visit.card = LI
    async with counter.doing("C02"):
        await counter.first("receipt_number")
        await counter.touch("next", "slip_code", number=number(1))
        page = await counter.touch("no_code", "receipt_number")
        assert "不在您名下" in words(page)
        tells_nothing(page)
        counter.last("back")
    assert counter.filed("rating") == []


async def test_a_copy_that_the_card_opened_has_no_code_and_says_what_to_use(counter: Counter) -> None:
    machine = counter.machine
    await keep(counter, 1)
    case_id = machine.outbox.find(receipt_number=number(1))[0].case_id or ""
    slip = Slip(number=number(1), service="T01")
    hand_over(machine, PRINTER, begin_slip(machine, case_id, slip), case_id, slip)
    counter.visit.card = ZHAO
    async with counter.doing("C01"):
        await counter.first("progress")
        await counter.touch("reprint", "slip")
        counter.last("next")
    (paper,) = counter.papers
    assert "查询请刷本人身份证" in paper
    assert "查询码" not in paper.replace("连同查询码", "")


@pytest.mark.attack(11)
async def test_tries_are_slowed_over_all_visits_of_a_machine(counter: Counter) -> None:
    counter.answers["progress"] = city(told(1, "delivered"))
    for _ in range(AT_ONCE):
        counter.machine.slip_tries.miss()
    asked = len(counter.asked)
    async with counter.doing("C01"):
        await typed(counter)
        page = await counter.touch("next", "slip_wait", slip_code=CODE)
        tells_nothing(page)
        assert "1 分钟后" in words(page)
        assert "刷身份证可以马上查询" in words(page)
        assert len(counter.asked) == asked, "nobody is asked meanwhile"
        await counter.touch("back", "slip_code")
        await counter.touch("back", "receipt_number")
        await counter.touch("back", "progress_how")
        counter.last("back")


@pytest.mark.attack(11)
async def test_a_hub_that_slows_a_machine_is_heard(counter: Counter) -> None:
    counter.answers["progress"] = ProgressAnswer([], wait_s=3599)
    async with counter.doing("C01"):
        await typed(counter)
        page = await counter.touch("next", "slip_wait", slip_code=CODE)
        assert "60 分钟后" in words(page)
        await counter.touch("back", "slip_code")
        await counter.touch("back", "receipt_number")
        await counter.touch("back", "progress_how")
        counter.last("back")


@pytest.mark.attack(11)
def test_the_pace_is_bounded_whatever_order_and_however_long_nobody_tried() -> None:
    now = 1000.0
    tries = SlipTries(lambda: now)
    now += 10 * 86400
    done = 0
    for _ in range(3600):
        if not tries.wait_s():
            tries.miss()
            done += 1
        now += 1
    assert done == AT_ONCE + 3600 // PACE_S - 1 or done == AT_ONCE + 3600 // PACE_S


@pytest.mark.attack(11)
async def test_the_store_keeps_a_slow_digest_of_the_code_and_never_the_code(counter: Counter) -> None:
    machine = counter.machine
    await keep(counter, 1)
    await keep(counter, 2)
    rows = machine.store.query("SELECT value FROM value WHERE namespace = 'paper_mark'")
    first, second = (bytes(row["value"]) for row in rows)
    assert first != second, "salted: the same code of two slips looks different"
    assert CODE.encode() not in first + second
    assert await has_slip(machine, number(1), CODE)
    assert not await has_slip(machine, number(1), WRONG)
    assert not await has_slip(machine, number(3), CODE)
    machine.outbox.claim(0.0)
    machine.outbox.delivered(1, b"receipt")
    assert await has_slip(machine, number(1), CODE), "a delivered case opens without a network too"


@pytest.mark.attack(11)
def test_who_tries_all_codes_of_a_stolen_store_pays_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    costs: dict[str, Any] = {}
    monkeypatch.setattr(kept, "hash_secret_raw", lambda *_said, **settings: costs.update(settings))
    kept._slow_digest(CODE, bytes(16))
    assert costs["type"] is argon2.Type.ID
    assert costs["memory_cost"] * costs["time_cost"] >= 32 * 1024 * 3
    assert costs["parallelism"] == 1


async def test_a_code_is_asked_anew_for_each_number(counter: Counter) -> None:
    await keep(counter, 1)
    counter.visit.card = LI
    async with counter.doing("C01"):
        await counter.first("progress")
        await counter.touch("number", "receipt_number")
        await counter.touch("next", "slip_code", number=number(1))
        await counter.touch("next", "progress", slip_code=CODE)
        counter.last("next")
    assert "slip_code" not in counter.visit.typed.get("C01", {})


def test_codes_are_by_chance_and_a_typing_mistake_is_seen() -> None:
    codes = [new_slip_code() for _ in range(200)]
    assert all(is_slip_code(code) for code in codes)
    assert len(set(codes)) > 195
    for code, at in itertools.product(codes[:20], range(8)):
        others = [code[:at] + digit + code[at + 1 :] for digit in "0123456789" if digit != code[at]]
        assert not any(is_slip_code(other) for other in others)
