"""好差评: the name and the key of the service that is rated, each case once, and never a number that names nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from kiosk.cases import unbroken
from kiosk.journey.kept import paper_mark
from kiosk.journey.steps import rate
from kiosk.messages.content import Rating
from kiosk.messages.questions import Document, DocumentsAnswer, ProgressAnswer
from kiosk.slips.intents import Slip, begin_slip
from kiosk.text import text
from kiosk.visit import FiledCase
from offline_cache.errors import StoreFull
from tests.kiosk.journey.conftest import CODE, ZHAO, Counter, number, told, words


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Rating]:
    """What was filed, before it was sealed."""
    found: list[Rating] = []
    encode = rate.encode_content
    monkeypatch.setattr(rate, "encode_content", lambda content: found.append(content) or encode(content))
    return found


async def rated(counter: Counter, receipt_number: str, grade: str = "grade:5") -> str:
    """The words of the question about this number."""
    async with counter.doing("C02"):
        await counter.first("receipt_number")
        await counter.touch("next", "slip_code", number=receipt_number)
        page = await counter.touch("next", "rate", slip_code=CODE)
        await counter.touch(grade, "rated")
        counter.last("continue")
    return words(page)


async def test_the_rated_service_has_its_name_and_its_key(counter: Counter, said: list[Rating]) -> None:
    counter.answers["progress"] = ProgressAnswer([told(1, "delivered", "accepted", service="H13")])
    asked = await rated(counter, number(1))
    assert "您对“居住证签注”的办理满意吗？" in asked
    assert "对“好差评”" not in asked
    assert [(r.receipt_number, r.service, r.grade) for r in said] == [(number(1), "H13", 5)]
    assert len(counter.filed("rating")) == 1


async def test_without_network_a_case_of_this_machine_has_its_name_too(counter: Counter, said: list[Rating]) -> None:
    machine, key = counter.machine, "0197c9a0-0000-7000-8000-000000000001"
    parts = {"form": b"sealed"}
    kept = {"key": key, "case_id": key, "receipt_number": number(1), "paper_mark": await paper_mark(CODE)}
    await machine.filing.file(kind="case", parts=parts, **kept)
    begin_slip(machine, key, Slip(number=number(1), service="T01"))
    assert "驾驶证有效期满换证" in await rated(counter, number(1))
    assert [r.service for r in said] == ["T01"]


async def test_a_number_that_only_the_hub_could_tell_is_asked_about_in_plain_words_and_filed_under_no_service(
    counter: Counter, said: list[Rating]
) -> None:
    asked = await rated(counter, number(1))
    assert "您对这次办理满意吗" in asked
    assert unbroken(number(1)) in asked
    assert [r.service for r in said] == [""], "the hub knows whose it is, C02 it is not"


async def test_a_service_of_a_newer_catalogue_keeps_its_key(counter: Counter, said: list[Rating]) -> None:
    counter.answers["progress"] = ProgressAnswer([told(1, "delivered", service="Z99")])
    assert "您对这次办理" in await rated(counter, number(1))
    assert [r.service for r in said] == ["Z99"]


async def test_a_number_that_the_city_does_not_have_is_not_rated(counter: Counter, said: list[Rating]) -> None:
    counter.answers["progress"] = ProgressAnswer([])
    async with counter.doing("C02"):
        await counter.first("receipt_number")
        await counter.touch("next", "slip_code", number=number(1))
        page = await counter.touch("next", "receipt_number", slip_code=CODE)
        assert "没有查到这个编号的办件" in words(page)
        counter.last("back")
    assert said == []


async def test_a_case_is_rated_once_in_a_visit(counter: Counter, said: list[Rating]) -> None:
    counter.visit.filed += [FiledCase("a", number(1), "T01"), FiledCase("b", number(2), "H13")]
    for name in ("居住证签注", "驾驶证有效期满换证"):
        counter.finger.history.clear()
        async with counter.doing("C02"):
            page = await counter.first("rate")
            assert name in words(page)
            await counter.touch("grade:4", "rated")
            counter.last("continue")
    counter.finger.history.clear()
    async with counter.doing("C02"):
        page = await counter.first("all_rated")
        assert "这次办理的业务都已评价" in words(page)
        await counter.touch("number", "receipt_number")
        await counter.touch("next", "slip_code", number=number(1))
        page = await counter.touch("next", "receipt_number", slip_code=CODE)
        assert "已经评价过了" in words(page)
        counter.last("back")
    counter.finger.history.clear()
    async with counter.doing("C02"):
        await counter.first("all_rated")
        counter.last("next")
    assert [r.service for r in said] == ["H13", "T01"]


@pytest.mark.parametrize(
    ("touched", "values", "reasons"),
    [("next", {"reason": "slow"}, ["slow"]), ("next", {}, []), ("skip", {"reason": "slow"}, [])],
)
async def test_only_a_bad_grade_is_asked_for_its_reason(
    counter: Counter, said: list[Rating], touched: str, values: dict[str, Any], reasons: list[str]
) -> None:
    counter.visit.filed.append(FiledCase("a", number(1), "T01"))
    async with counter.doing("C02"):
        await counter.first("rate")
        await counter.touch("grade:2", "rate_reason")
        await counter.touch(touched, "rated", **values)
        counter.last("continue")
    assert [(r.grade, r.reasons) for r in said] == [(2, reasons)]


@pytest.mark.parametrize(("grade", "then"), [(1, "rate_reason"), (2, "rate_reason"), (3, "rated"), (4, "rated")])
async def test_whom_it_pleased_is_not_asked_what_was_bad(counter: Counter, grade: int, then: str) -> None:
    counter.visit.filed.append(FiledCase("a", number(1), "T01"))
    async with counter.doing("C02"):
        await counter.first("rate")
        await counter.touch(f"grade:{grade}", then)
        if then == "rate_reason":
            await counter.touch("skip", "rated")
        counter.last("continue")


async def test_a_case_that_is_not_the_cards_is_not_rated(counter: Counter, said: list[Rating]) -> None:
    counter.visit.card = ZHAO
    mine = told(2, "delivered", "accepted")
    counter.answers["progress"] = lambda asked: (
        ProgressAnswer([mine]) if asked.id_number else ProgressAnswer([], known=True)
    )
    async with counter.doing("C02"):
        await counter.first("receipt_number")
        await counter.touch("next", "slip_code", number=number(1))
        page = await counter.touch("no_code", "receipt_number")
        assert text("rate.not_yours").zh in words(page)
        await counter.touch("next", "slip_code", number=number(2))
        await counter.touch("no_code", "rate")
        await counter.touch("grade:5", "rated")
        counter.last("continue")
    assert [(r.receipt_number, r.service, r.id_number) for r in said] == [(number(2), "T01", ZHAO.number)]


async def test_what_was_only_looked_at_is_rated_without_a_number(counter: Counter, said: list[Rating]) -> None:
    counter.steps("E13", "documents", "rate")
    counter.visit.card = ZHAO
    counter.online()
    counter.answers["documents"] = DocumentsAnswer([Document("passport", "E9****05", date(2029, 8, 11), "valid", [])])
    async with counter.doing("E13"):
        await counter.first("documents")
        await counter.touch("next", "rate")
        await counter.touch("grade:5", "rated")
        counter.last("continue")
    assert [(r.receipt_number, r.service, r.grade) for r in said] == [("", "E13", 5)]
    assert len(counter.filed("rating")) == 1


async def test_who_does_not_want_to_rate_is_not_counted(counter: Counter, said: list[Rating]) -> None:
    counter.visit.filed.append(FiledCase("a", number(1), "T01"))
    async with counter.doing("C02"):
        await counter.first("rate")
        counter.last("skip")
    assert said == []
    assert counter.filed("rating") == []


def test_every_grade_and_reason_has_words() -> None:
    for key in (*(f"grade_{n}" for n, _ in rate.GRADES), *(f"reason_{r}" for r in rate.REASONS)):
        assert text(f"rate.{key}")


async def test_a_rating_that_the_disk_refuses_is_no_fault_of_the_machine_and_counts_as_not_given(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(**_: Any) -> None:
        raise StoreFull("no room")

    counter.answers["progress"] = ProgressAnswer([told(1, "delivered", service="H13")])
    monkeypatch.setattr(counter.machine.filing, "file", full)
    async with counter.doing("C02"):
        await counter.first("receipt_number")
        await counter.touch("next", "slip_code", number=number(1))
        await counter.touch("next", "rate", slip_code=CODE)
        page = await counter.touch("grade:5", "not_filed")
        counter.last("continue")
    assert str(text("file.full_title").zh) in words(page)
    assert number(1) not in counter.visit.rated, "it may be given again"
