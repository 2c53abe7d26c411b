"""投诉建议: with a contact it names the case it is about, anonymous it names nobody; its number is of use."""

from __future__ import annotations

from typing import Any

import pytest

from devices.receipt_printer.job import Outcome as Ended
from kiosk.catalogue.loader import load
from kiosk.journey.engine import Journey
from kiosk.journey.steps.complaint import said
from kiosk.messages.typed import digits
from kiosk.pages import Choices, Field, Receipt, Settings
from kiosk.visit import FiledCase, Visit
from offline_cache.errors import StoreFull
from tests.kiosk.journey.conftest import ZHAO, Counter, words

PHONE = "13900000001"


def journey(machine: Any) -> Journey:
    visit = Visit(machine, Settings())
    visit.filed.append(FiledCase("a-case", "9" * 24, "T01"))
    return Journey(visit, load().services["C03"], "complaint-id", "8" * 24)


def test_an_anonymous_complaint_names_no_case_of_the_person(machine: Any) -> None:
    content = said(journey(machine), "complaint", "delay", "")
    assert (content.anonymous, content.contact, content.receipt_number) == (True, None, "")


def test_a_complaint_with_a_contact_names_the_case_it_is_about(machine: Any) -> None:
    content = said(journey(machine), "complaint", "delay", PHONE)
    assert (content.anonymous, content.receipt_number) == (False, "9" * 24)


async def to_the_contact(counter: Counter) -> None:
    await counter.first("complaint_kind")
    await counter.touch("next", "complaint_subject", kind="complaint")
    await counter.touch("next", "complaint_contact", subject="delay")


async def test_a_complaint_has_a_slip_that_names_no_person(counter: Counter) -> None:
    counter.visit.card = ZHAO
    async with counter.doing("C03"):
        await to_the_contact(counter)
        page = await counter.touch("next", "complaint_done", phone=PHONE)
        assert "督察部门会按您留的电话答复" in words(page)
        (receipt,) = [b for b in page.blocks if isinstance(b, Receipt)]
        await counter.touch("print", "slip")
        counter.last("next")
    (row,) = counter.filed("complaint")
    assert row.receipt_number == receipt.number
    (paper,) = counter.papers
    for wanted in ("投诉建议", "投诉 · 办理太慢、超期", "139****0001", f"[CODE128 {receipt.number}]"):
        assert wanted in paper
    for person in ("赵", ZHAO.number, PHONE):
        assert person not in paper
    assert counter.machine.outbox.marks.find(b"") == []


async def test_an_anonymous_one_says_what_its_number_is_good_for(counter: Counter) -> None:
    async with counter.doing("C03"):
        await to_the_contact(counter)
        page = await counter.touch("anonymous", "complaint_done", phone=PHONE)
        assert "凭编号只能查到是否已经送达" in words(page)
        await counter.touch("print", "slip")
        counter.last("next")
    (paper,) = counter.papers
    assert "手机号码    匿名" in paper
    assert "不会有人联系您" in paper.replace("\n", "")
    assert "****" not in paper, "what was typed before is not kept"


async def test_a_slip_is_offered_and_not_pressed_on_anybody(counter: Counter) -> None:
    async with counter.doing("C03"):
        await to_the_contact(counter)
        await counter.touch("anonymous", "complaint_done")
        counter.last("continue")
    assert counter.papers == []
    assert len(counter.filed("complaint")) == 1


async def test_the_city_has_it_and_the_slip_says_so(counter: Counter) -> None:
    async with counter.doing("C03"):
        await to_the_contact(counter)
        await counter.touch("anonymous", "complaint_done")
        counter.machine.outbox.claim(0.0)
        counter.machine.outbox.delivered(1, b"receipt")
        await counter.touch("print", "slip")
        counter.last("next")
    assert "已送达部门" in counter.papers[0]


async def test_without_paper_the_number_stays_and_nothing_is_filed_twice(counter: Counter) -> None:
    counter.printer = Ended.NOT_PRINTED
    async with counter.doing("C03"):
        await to_the_contact(counter)
        await counter.touch("anonymous", "complaint_done")
        page = await counter.touch("print", "slip_trouble")
        (receipt,) = [b for b in page.blocks if isinstance(b, Receipt)]
        counter.last("without")
    (row,) = counter.filed("complaint")
    assert row.receipt_number == receipt.number


async def test_back_goes_back_one_page_and_keeps_what_was_chosen(counter: Counter) -> None:
    async with counter.doing("C03"):
        await to_the_contact(counter)
        page = await counter.touch("back", "complaint_subject", phone="1390")
        assert [b.selected for b in page.blocks if isinstance(b, Choices)] == ["delay"]
        page = await counter.touch("back", "complaint_kind", subject="delay")
        assert [b.selected for b in page.blocks if isinstance(b, Choices)] == ["complaint"]
        await counter.touch("next", "complaint_subject", kind="praise")
        page = await counter.touch("next", "complaint_contact", subject="quick")
        assert [b.value for b in page.blocks if isinstance(b, Field)] == ["1390"]
        await counter.touch("back", "complaint_subject")
        await counter.touch("back", "complaint_kind")
        counter.last("back")
    assert counter.filed("complaint") == []


LENGTH, BEGIN = "手机号码是 11 位", "手机号码以 13 到 19 开头"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("", LENGTH),
        ("1390000000", LENGTH),
        ("139000000011", LENGTH),
        ("1390000000x", BEGIN),
        ("12900000001", BEGIN),
        ("00000000000", BEGIN),
    ],
)
async def test_a_wrong_phone_number_is_said_and_kept(counter: Counter, wrong: str, why: str) -> None:
    async with counter.doing("C03"):
        await to_the_contact(counter)
        page = await counter.touch("next", "complaint_contact", phone=wrong)
        (field,) = [b for b in page.blocks if isinstance(b, Field)]
        assert (field.value, field.error.zh.startswith(why)) == (digits(wrong), True), field.error.zh
        await counter.touch("anonymous", "complaint_done")
        counter.last("continue")


async def test_a_number_in_full_width_digits_is_that_number(counter: Counter) -> None:
    async with counter.doing("C03"):
        await to_the_contact(counter)
        await counter.touch("next", "complaint_done", phone="１３９ ００００ ０００１")
        counter.last("continue")
    assert len(counter.filed("complaint")) == 1


async def test_nothing_chosen_is_said(counter: Counter) -> None:
    async with counter.doing("C03"):
        await counter.first("complaint_kind")
        page = await counter.touch("next", "complaint_kind")
        assert "请先选择一项" in words(page)
        counter.last("back")


async def test_a_full_disk_files_nothing_and_says_so(counter: Counter) -> None:
    async def full(**_: Any) -> Any:
        raise StoreFull("full")

    counter.machine.filing.file = full  # type: ignore[method-assign]
    async with counter.doing("C03"):
        await to_the_contact(counter)
        await counter.touch("anonymous", "not_filed")
        counter.last("continue")
    assert counter.filed("complaint") == []


async def test_praise_is_asked_for_its_own_subjects_and_one_of_another_kind_is_none(counter: Counter) -> None:
    async with counter.doing("C03"):
        await to_the_contact(counter)
        await counter.touch("back", "complaint_subject")
        await counter.touch("back", "complaint_kind")
        page = await counter.touch("next", "complaint_subject", kind="praise")
        (choices,) = [b for b in page.blocks if isinstance(b, Choices)]
        assert {"attitude", "delay", "refused"}.isdisjoint(option.id for option in choices.options)
        await counter.touch("next", "complaint_subject", subject="delay")
        await counter.touch("back", "complaint_kind")
        counter.last("back")


async def test_every_page_of_it_has_the_way_out(counter: Counter) -> None:
    async with counter.doing("C03"):
        await to_the_contact(counter)
        assert [action.id for action in counter.page.actions] == ["exit", "back", "anonymous", "next"]
        await counter.touch("anonymous", "complaint_done")
        counter.last("continue")


async def test_the_slip_blames_no_network_while_there_is_one(counter: Counter) -> None:
    counter.online()
    async with counter.doing("C03"):
        await to_the_contact(counter)
        await counter.touch("anonymous", "complaint_done")
        await counter.touch("print", "slip")
        counter.last("next")
    assert "已登记,正在送出" in counter.papers[0]
    assert "网络" not in counter.papers[0]
