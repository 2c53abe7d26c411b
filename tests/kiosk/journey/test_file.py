"""After filing: the page and the slip say what is proved, every reason, and a date only as it was promised."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import trio
import trio.testing

from devices.contract import Completed
from devices.receipt_printer.job import Outcome as Ended
from devices.receipt_printer.job import PrintResult
from devices.vocabulary import Completion
from kiosk.case_watch import Word, word_of
from kiosk.cases import CaseState, unbroken
from kiosk.hub_link.state import LinkState
from kiosk.journey.kept import kept_by_card
from kiosk.journey.steps import file
from kiosk.messages.content import Identity
from kiosk.messages.questions import ProgressState
from tests.kiosk.journey.conftest import LI, ZHAO, Counter, told, words

TODAY = date(2027, 1, 12)


@pytest.fixture
def filing(counter: Counter) -> Counter:
    """T01 from the filing on, with a person who has been verified."""
    counter.steps("T01", "file", "slip")
    counter.visit.card = ZHAO
    counter.visit.identity = Identity("guide", "confirmed", guide_ref="g1")
    return counter


def the_department_says(counter: Counter, word: Word) -> None:
    """As soon as the case is filed."""
    file = counter.machine.filing.file

    async def filed(**what: Any) -> Any:
        done = await file(**what)
        counter.machine.watch.words[what["receipt_number"]] = word
        return done

    counter.machine.filing.file = filed  # type: ignore[method-assign]
    counter.machine.link.state = LinkState.ONLINE


async def result(counter: Counter) -> tuple[str, str]:
    """What the result page and the slip say."""
    async with counter.doing("T01"):
        if counter.machine.link.online:
            await counter.finger.until("filing")
        while counter.finger.history[-1:] == ["filing"]:
            counter.clock.jump(0.1)
            await trio.testing.wait_all_tasks_blocked()
        page = await counter.first("result")
        await counter.touch("next", "slip")
        counter.last("next")
    return words(page), counter.papers[0]


async def test_without_network_it_is_registered_and_nothing_is_promised(filing: Counter) -> None:
    page, paper = await result(filing)
    assert "已登记，待网络恢复后受理" in page
    assert "已登记,待网络恢复后受理" in paper
    assert "承诺" not in page + paper
    (kept,) = await kept_by_card(filing.machine, ZHAO)
    assert (kept.state, kept.service) == ("stored", "T01")
    assert await kept_by_card(filing.machine, LI) == []


async def test_what_fails_after_the_filing_is_not_told_as_if_nothing_were_filed(
    filing: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person would have filed it once more."""

    def fails(*_said: object, **_named: object) -> None:
        raise ValueError

    monkeypatch.setattr(file, "second_copy", fails)
    async with filing.doing("T01"):
        page = await filing.first("fault")
        filing.last("next")
    (kept,) = await kept_by_card(filing.machine, ZHAO)
    assert unbroken(kept.number) in words(page)


@pytest.mark.parametrize(("photo", "marks"), [(b"", 0), (ZHAO.photo, 1)])
async def test_a_card_without_a_picture_leaves_no_mark_since_its_number_can_be_guessed(
    filing: Counter, photo: bytes, marks: int
) -> None:
    filing.visit.card = replace(ZHAO, photo=photo)
    await result(filing)
    assert len(filing.machine.store.query("SELECT * FROM value WHERE namespace = 'mark'")) == marks


async def test_what_is_done_at_once_is_not_promised_before_today(filing: Counter) -> None:
    the_department_says(filing, Word(CaseState.ACCEPTED, TODAY))
    page, paper = await result(filing)
    assert "2027-01-12（当场办结）" in page
    assert "承诺办结    2027-01-12（当场办结）" in paper


async def test_two_reasons_of_a_refusal_show_two_on_page_and_paper(filing: Counter) -> None:
    the_department_says(filing, Word(CaseState.NOT_ACCEPTED, None, ("violations_settled", "moon_phase")))
    page, paper = await result(filing)
    assert "部门没有受理" in page
    for said in (page, paper.replace("\n   ", "")):
        assert "有未处理完毕的道路交通违法" in said
        assert "其他原因（代码 moon_phase）" in said
    assert "不予受理" in paper
    assert "领取新证" not in paper, "there is none to collect"
    assert "问题解决后可以重新办理" in paper


@pytest.mark.parametrize("note", ["violations_settled age", "violations_settled,age"])
def test_reasons_that_a_hub_joins_into_one_note_are_told_apart(note: str) -> None:
    refused = ProgressState("not_accepted", "2027-01-12T02:30:00.000Z", "traffic", note)
    word = word_of(told(1, "delivered", refused))
    assert word is not None
    assert word.notes == ("violations_settled", "age")


async def test_a_refusal_without_a_reason_says_where_to_ask(filing: Counter) -> None:
    the_department_says(filing, Word(CaseState.REFUSED, TODAY))
    page, paper = await result(filing)
    assert "不予许可" in page
    assert "部门没有写明原因" in page
    assert "2027-01-12（" not in page + paper


@pytest.mark.parametrize("state", list(CaseState))
async def test_no_state_is_called_accepted_that_is_not(
    filing: Counter, state: CaseState, mock_clock: trio.testing.MockClock
) -> None:
    # Asked for here, too: a clock that only a fixture has is not the run's.
    assert filing.clock is mock_clock
    the_department_says(filing, Word(state, TODAY))
    page, paper = await result(filing)
    accepted = state in (CaseState.ACCEPTED, CaseState.IN_REVIEW)
    assert ("部门已受理" in page) is accepted
    assert ("当场办结" in paper) is accepted


async def test_a_slip_that_nobody_knows_of_is_copied_and_marked(filing: Counter) -> None:
    filing.printer = Ended.UNKNOWN
    async with filing.doing("T01"):
        await filing.first("result")
        page = await filing.touch("next", "slip_trouble")
        assert "回执打印出来了吗" in words(page)
        assert "没有打印出来" not in words(page), "nobody knows that"
        filing.printer = Ended.PRINTED
        await filing.touch("again", "slip")
        filing.last("next")
    first, copy = filing.papers
    assert "副本" not in first
    assert "副本 · 补打第 1 次" in copy
    assert filing.machine.journal.open_intents() == []


@pytest.mark.parametrize(("of_job", "sheets"), [("", 1), ("of an earlier sheet", 2)])
async def test_a_slip_that_came_out_after_all_is_followed_by_no_copy(filing: Counter, of_job: str, sheets: int) -> None:
    """The printer says so when it is asked, before anything else is printed; of another job it proves nothing."""
    call, filing.printer = filing.machine.peripherals.call, Ended.UNKNOWN

    async def came_out(name: str, command: str, limit_s: float, **arguments: Any) -> Completed:
        if command == "await_end":
            await trio.sleep_forever()
        if command == "reset":
            return Completed(Completion.SUCCESS, PrintResult(Ended.PRINTED, key=of_job))
        return await call(name, command, limit_s, **arguments)

    filing.machine.peripherals.call = came_out  # type: ignore[method-assign]
    async with filing.doing("T01"):
        await filing.first("result")
        await filing.touch("next", "slip_trouble")
        filing.printer = Ended.PRINTED
        await filing.touch("again", "slip")
        filing.last("next")
    assert len(filing.papers) == sheets
    assert filing.machine.journal.open_intents() == []


async def test_who_has_it_says_so_and_needs_no_copy(filing: Counter) -> None:
    filing.printer = Ended.UNKNOWN
    async with filing.doing("T01"):
        await filing.first("result")
        await filing.touch("next", "slip_trouble")
        filing.last("came")
    assert len(filing.papers) == 1
    assert filing.machine.journal.open_intents() == []


async def test_who_wants_no_slip_gets_none(filing: Counter) -> None:
    async with filing.doing("T01"):
        await filing.first("result")
        filing.last("leave")
    assert filing.papers == []
