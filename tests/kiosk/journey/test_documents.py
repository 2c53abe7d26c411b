"""证件信息查询: every document with what the department says of it, on the screen and on paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import trio

from devices.receipt_printer.job import Outcome as Ended
from kiosk import printing
from kiosk.messages.questions import Document, DocumentsAnswer, Endorsement
from kiosk.pages import Facts
from kiosk.text import text
from tests.kiosk.journey.conftest import ZHAO, Counter, words

PERMIT = Document("hk_macao_permit", "C9****21", date(2031, 5, 20), "valid", [
    Endorsement("G", "hong_kong", 1, date(2027, 3, 1)),
    Endorsement("T", "macao", -1, date(2027, 6, 1)),
])  # fmt: skip
PASSPORT = Document("passport", "E9****05", date(2029, 8, 11), "expired", [])


@pytest.fixture
def only_the_step(counter: Counter) -> Counter:
    """E13 without reading and comparing."""
    counter.steps("E13", "documents")
    counter.visit.card = ZHAO
    counter.online()
    return counter


async def test_the_sheet_names_the_documents_and_whose_they_are(only_the_step: Counter) -> None:
    counter = only_the_step
    counter.answers["documents"] = DocumentsAnswer([PERMIT, PASSPORT])
    async with counter.doing("E13"):
        page = await counter.first("documents")
        assert "有效期至 2027-03-01" in words(page)
        await counter.touch("print", "printed")
        await counter.touch("continue", "documents")
        counter.last("next")
    (paper,) = counter.papers
    wanted = ("查询结果单", "签注余次/证件信息查询", "hall", "k-0001", "赵*福", "2027-01-12", "110 / 12367", "12389")
    for each in (
        *wanted,
        "往来港澳通行证\n",
        "C9****21",
        "2031-05-20",
        "普通护照\n",
        "E9****05",
        "2029-08-11",
        "已过期",
    ):
        assert each in paper, each
    assert "香港 · 个人旅游签注\n            剩余 1 次，有效期至 2027-03-01\n" in paper


@pytest.mark.parametrize(
    ("strange", "seen"),
    [
        (Document("space_visa", "S1", date(2030, 1, 1), "valid", []), "出入境证件（space_visa）"),
        (Document("passport", "E1", date(2030, 1, 1), "on_the_moon", []), "其他状态（on_the_moon）"),
        (
            Document("passport", "E1", date(2030, 1, 1), "valid", [Endorsement("W", "mars", 2, date(2028, 1, 1))]),
            "其他地区（mars） · 其他（W）签注",
        ),
        (Document("passport", "", None, "valid", []), "以证件记载为准"),  # type: ignore[arg-type]
        (Document("", "E1", "2030-02-30", "", []), "以证件记载为准"),  # type: ignore[arg-type]
    ],
)
async def test_what_only_a_newer_department_knows_is_shown_plainly_and_hides_nothing_else(
    only_the_step: Counter, strange: Document, seen: str
) -> None:
    counter = only_the_step
    counter.answers["documents"] = DocumentsAnswer([strange, PERMIT])
    async with counter.doing("E13"):
        page = await counter.first("documents")
        assert seen in words(page)
        assert [b.title.zh for b in page.blocks if isinstance(b, Facts)][1] == "往来港澳通行证"
        await counter.touch("print", "printed")
        await counter.touch("continue", "documents")
        counter.last("next")
    assert seen.split(" ", maxsplit=1)[0] in counter.papers[0]


@pytest.mark.parametrize("documents", [[PERMIT], []])
async def test_a_list_that_may_be_longer_says_who_did_not_answer_on_the_page_and_on_paper(
    only_the_step: Counter, documents: list[Document]
) -> None:
    counter = only_the_step
    counter.answers["documents"] = DocumentsAnswer(documents, silent=["exit_entry", "of_tomorrow"])
    async with counter.doing("E13"):
        page = await counter.first("documents")
        assert "出入境部门、of_tomorrow暂时没有答复" in words(page)
        await counter.touch("print", "printed")
        await counter.touch("continue", "documents")
        counter.last("next")
    assert "暂时没有答复" in counter.papers[0].replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("unreadable", [1, 2])
async def test_a_list_of_which_something_cannot_be_read_says_so(only_the_step: Counter, unreadable: int) -> None:
    counter = only_the_step
    counter.answers["documents"] = DocumentsAnswer([PERMIT], unreadable=unreadable)
    async with counter.doing("E13"):
        page = await counter.first("documents")
        assert text("documents.unreadable", n=unreadable).zh in words(page)
        counter.last("next")


async def test_nobody_without_documents_is_left_without_a_word(only_the_step: Counter) -> None:
    counter = only_the_step
    counter.answers["documents"] = DocumentsAnswer([])
    async with counter.doing("E13"):
        await counter.first("no_documents")
        counter.last("continue")


async def test_without_network_the_reason_is_told_and_nothing_is_shown(only_the_step: Counter) -> None:
    async with only_the_step.doing("E13"):
        await only_the_step.first("needs_network")
        only_the_step.last("continue")


@pytest.mark.parametrize("stopped", ["paper_out", "cover_open", "stalled"])
async def test_while_a_sheet_waits_nothing_is_called_filed_that_was_not(counter: Counter, stopped: str) -> None:
    status = replace(counter.machine.peripherals.status("receipt_printer"), error=stopped)
    counter.machine.peripherals.status = lambda _name: status  # type: ignore[method-assign]
    sheet, slip = (printing._printing_page(counter.visit, is_filed=filed) for filed in (False, True))
    for language, safe in (("zh", "已保存好"), ("en", "safe")):
        assert safe not in words(sheet, language)
        assert safe in words(slip, language)


async def test_a_sheet_whose_end_nobody_knows_is_asked_for_and_not_called_missing(only_the_step: Counter) -> None:
    counter = only_the_step
    counter.answers["documents"] = DocumentsAnswer([PERMIT])
    counter.printer = Ended.UNKNOWN
    async with counter.doing("E13"):
        await counter.first("documents")
        page = await counter.touch("print", "not_printed")
        assert "打印出来了吗" in words(page)
        assert "没有打印出来" not in words(page)
        await counter.touch("continue", "documents")
        counter.last("next")


async def test_a_printer_that_fails_is_named_and_the_page_stays(only_the_step: Counter) -> None:
    counter = only_the_step
    counter.answers["documents"] = DocumentsAnswer([PERMIT])
    counter.printer = Ended.NOT_PRINTED
    async with counter.doing("E13"):
        await counter.first("documents")
        page = await counter.touch("print", "not_printed")
        assert "单据没有打印出来" in words(page)
        await counter.touch("continue", "documents")
        counter.last("next")


async def test_back_while_it_is_asked(only_the_step: Counter) -> None:
    counter = only_the_step

    async def never(_kind: str, _question: Any) -> None:
        await trio.sleep_forever()

    counter.machine.ask = never  # type: ignore[method-assign, assignment]
    async with counter.doing("E13"):
        await counter.finger.until("checking")
        counter.last("back")
    assert counter.finger.history == ["checking"]
