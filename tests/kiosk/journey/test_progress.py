"""进度查询: all of it, each state with its proof and every reason, whatever the hub says; and what waits here."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pytest

from devices.receipt_printer.job import Outcome as Ended
from kiosk.cases import unbroken
from kiosk.catalogue.loader import load
from kiosk.journey import line_up
from kiosk.journey.kept import kept_by_card, owner_mark, paper_mark
from kiosk.journey.steps import reprint
from kiosk.messages.masking import mask_name
from kiosk.messages.questions import ProgressAnswer, ProgressState
from kiosk.pages import Field, Stages
from kiosk.roster import PRINTER
from kiosk.slips.intents import Slip, begin_slip, hand_over
from kiosk.text import text
from tests.kiosk.journey.conftest import CODE, LI, ZHAO, Counter, number, told, words


def state(name: str, note: str = "", at: str = "2027-01-12T02:30:00.000Z", by: str = "traffic") -> ProgressState:
    return ProgressState(name, at, by, note)


TODAY = date(2027, 1, 12)
LEFT_OUT = text("slip.left_out").zh


async def by_card(counter: Counter, *cases: Any, card: Any = ZHAO) -> str:
    """The words of the progress page for this card; the visit goes on until the person is done."""
    counter.visit.card = card
    if cases:
        counter.answers["progress"] = ProgressAnswer(list(cases))
    async with counter.doing("C01"):
        page = await counter.first("progress")
        counter.last("next")
    return words(page)


async def keep(counter: Counter, at: int, kind: str = "case", card: Any = ZHAO, service: str = "T01") -> str:
    """A case that waits here, with a slip that has come out."""
    machine, key = counter.machine, f"0197c9a0-0000-7000-8000-{at:012d}"
    mark = await owner_mark(machine, card) if card else b""
    await machine.filing.file(
        kind=kind,  # type: ignore[arg-type]
        key=key,
        case_id=key,
        receipt_number=number(at),
        parts={"form": b"sealed"},
        mark=mark,
        paper_mark=await paper_mark(CODE),
    )
    intent = begin_slip(machine, key, Slip(number=number(at), service=service))
    machine.journal.resolve(intent, "printed")
    return number(at)


def test_where_a_case_stands_is_shown_with_what_comes_next() -> None:
    shown = line_up.of_case(told(1, "delivered", "accepted", service="X99"), load(), TODAY).stages
    assert [s.state for s in shown] == ["done", "done", "now", "waiting", "waiting"]


def test_a_long_name_is_masked_as_on_the_slip() -> None:
    """Half a mask is the mask of another person."""
    masked = mask_name("MARIA DEL CARMEN DE LA CONCEPCION RODRIGUEZ DE LA VEGA Y LUNA")
    shown = line_up.of_case(told(1, state("accepted"), masked_name=masked), load(), TODAY)
    assert shown.title.en.endswith(f" · {masked}")


def test_what_was_sent_back_and_forth_is_told_once_and_stands_where_it_stands_now() -> None:
    case = told(1, "delivered", "accepted", "in_review", "needs_supplement", "in_review", service="X99")
    shown = line_up.of_case(case, load(), TODAY).stages
    assert [s.label.zh for s in shown] == ["已暂存", "已送达", "已受理", "待补正", "审批中", "已办结", "已取件"]
    assert [s.state for s in shown] == ["done", "done", "done", "done", "now", "waiting", "waiting"]


@pytest.mark.parametrize(("key", "last"), [("T01", "已取件"), ("H13", "已办结")])
def test_only_where_something_is_collected_is_that_still_to_come(key: str, last: str) -> None:
    shown = line_up.of_case(told(1, "delivered", "accepted", service=key), load(), TODAY).stages
    assert shown[-1].label.zh == last
    (*_, taken) = line_up.of_case(told(1, "decided", "collected", service=key), load(), TODAY).stages
    assert taken.label.zh == "已取件", "what the hub proves is shown all the same"


@pytest.mark.parametrize("stop", ["not_accepted", "refused", "withdrawn", "uncollected"])
def test_after_a_stop_nothing_is_promised(stop: str) -> None:
    shown = line_up.of_case(told(1, "delivered", stop, service="X99"), load(), TODAY).stages
    assert [s.state for s in shown] == ["done", "done", "stopped"]


async def test_all_cases_of_a_card_are_shown(counter: Counter) -> None:
    said = await by_card(counter, *(told(n, "delivered", "accepted") for n in range(1, 9)))
    assert said.count("驾驶证有效期满换证 · 赵*福") == 8
    page = counter.finger.page
    assert page is not None
    numbers = [block.number for block in page.blocks if isinstance(block, Stages)]
    assert numbers == [number(n) for n in range(1, 9)]


async def test_every_reason_of_a_refusal_has_words_and_one_that_nobody_knows_stands_there_plainly(
    counter: Counter,
) -> None:
    refused = state("not_accepted", "violations_settled card_kind moon_phase")
    said = await by_card(counter, told(1, state("delivered", by="hub"), refused))
    assert "有未处理完毕的道路交通违法" in said
    assert "这种证件不能办理本业务" in said
    assert "其他原因（代码 moon_phase）" in said


async def test_a_refusal_without_a_reason_says_so(counter: Counter) -> None:
    assert "部门没有写明原因" in await by_card(counter, told(1, "delivered", "refused"))


@pytest.mark.parametrize(
    ("strange", "seen"),
    [
        (state("handed_over"), "其他状态（handed_over）"),
        (state("accepted", by="water_board"), "经办部门"),
        (state("accepted", at="yesterday"), "时间不详"),
        (state("accepted", at="2027-01-12T10:30:00"), "时间不详"),
        (state("accepted", at=""), "时间不详"),
        (state("\x00\nx" * 90), "其他状态（x x x"),
    ],
)
async def test_what_only_a_newer_hub_knows_is_shown_plainly_and_hides_nothing_else(
    counter: Counter, strange: ProgressState, seen: str
) -> None:
    said = await by_card(counter, told(1, strange), told(2, "delivered", service="Z99", masked_name=""), told(3))
    assert seen in said
    assert "其他业务（Z99）" in said
    page = counter.finger.page
    assert page is not None
    assert len([b for b in page.blocks if isinstance(b, Stages)]) == 3


async def test_a_promise_of_today_is_done_at_once_and_never_before_today(counter: Counter) -> None:
    said = await by_card(counter, told(1, "delivered", "accepted", promised_date=TODAY))
    assert "承诺办结：2027-01-12（当场办结）" in said
    assert "12 前" not in said


async def test_a_promise_that_is_over_says_so_and_whom_to_call(counter: Counter) -> None:
    early = state("accepted", at="2027-01-04T02:00:00.000Z")
    said = await by_card(counter, told(1, early, promised_date=TODAY.replace(day=11)))
    assert "最迟 2027-01-11（星期一）" in said
    assert "已超过承诺时间，可以拨打监督电话 12389" in said


@pytest.mark.parametrize("states", [(), ("delivered",), ("accepted", "needs_supplement"), ("accepted", "decided")])
async def test_a_date_is_promised_only_while_a_proved_acceptance_makes_the_clock_run(
    counter: Counter, states: tuple[str, ...]
) -> None:
    said = await by_card(counter, told(1, *states, promised_date=TODAY))
    assert "承诺办结" not in said


async def test_without_network_the_card_finds_what_waits_here_and_nobody_elses_does(counter: Counter) -> None:
    first, second = await keep(counter, 1), await keep(counter, 2)
    await keep(counter, 3, card=LI)
    counter.visit.card = ZHAO
    async with counter.doing("C01"):
        page = await counter.first("progress")
        counter.last("next")
    assert [b.number for b in page.blocks if isinstance(b, Stages)] == [second, first]
    said = words(page)
    assert "没有查到" not in said
    assert "驾驶证有效期满换证" in said
    assert "已暂存" in said


async def test_with_network_what_waits_here_stands_beside_what_the_city_has(counter: Counter) -> None:
    waits = await keep(counter, 1)
    said = await by_card(counter, told(2, "delivered"), told(3, "delivered"))
    page = counter.finger.page
    assert page is not None
    assert [b.number for b in page.blocks if isinstance(b, Stages)] == [waits, number(2), number(3)], said


async def test_without_network_and_without_a_case_here_the_number_can_be_tried_at_once(counter: Counter) -> None:
    await keep(counter, 1, card=LI)
    counter.visit.card = ZHAO
    async with counter.doing("C01"):
        page = await counter.first("progress")
        assert "本机没有查到" in words(page)
        assert "没有查到办件" not in words(page), "the city was not asked"
        await counter.touch("number", "receipt_number")
        await counter.touch("next", "slip_code", number=number(1))
        page = await counter.touch("next", "progress", slip_code=CODE)
        assert [b.number for b in page.blocks if isinstance(b, Stages)] == [number(1)]
        counter.last("next")


async def test_the_mark_of_a_person_is_gone_with_the_delivery_and_tells_nothing_before(counter: Counter) -> None:
    machine = counter.machine
    await keep(counter, 1)
    rows = machine.store.query("SELECT * FROM value WHERE namespace = 'mark'")
    assert [row["name"] for row in rows] == ["1"]
    kept = b"".join(bytes(row["value"]) for row in machine.store.query("SELECT value FROM value"))
    assert ZHAO.number.encode() not in kept
    assert ZHAO.photo[:32] not in kept
    machine.outbox.claim(0.0)
    machine.outbox.delivered(1, b"receipt")
    assert machine.store.query("SELECT * FROM value WHERE namespace = 'mark'") == []
    assert await kept_by_card(machine, ZHAO) == []


async def test_a_mark_needs_the_picture_of_the_card(counter: Counter) -> None:
    """Who tries all numbers with the key of a stolen disk finds nobody."""

    machine = counter.machine
    mark = await owner_mark(machine, ZHAO)
    assert mark
    assert await owner_mark(machine, dataclasses.replace(ZHAO, photo=b"other")) != mark
    assert await owner_mark(machine, dataclasses.replace(ZHAO, photo=b"")) == b"", "it could be guessed"


async def test_a_number_is_typed_as_digits_and_forgiven_its_gaps(counter: Counter) -> None:
    await keep(counter, 1)
    async with counter.doing("C01"):
        await counter.first("progress_how")
        page = await counter.touch("number", "receipt_number")
        (field,) = [b for b in page.blocks if isinstance(b, Field)]
        assert field.keys == "digits"
        page = await counter.touch("next", "receipt_number", number="123")
        assert "现在是 3 位" in words(page)
        page = await counter.touch("next", "receipt_number", number="9" * 24)
        assert "编号不对" in words(page)
        wide = unbroken(number(1)).translate({ord("0") + n: ord("０") + n for n in range(10)})
        page = await counter.touch("next", "slip_code", number=wide)
        (field,) = [b for b in page.blocks if isinstance(b, Field)]
        assert field.keys == "digits"
        page = await counter.touch("next", "slip_code", slip_code="2027")
        assert "现在是 4 位" in words(page)
        page = await counter.touch("next", "progress", slip_code="2027 0112")
        assert number(1) in [b.number for b in page.blocks if isinstance(b, Stages)]
        counter.last("next")


async def test_a_number_that_the_city_does_not_have_is_not_found(counter: Counter) -> None:
    counter.answers["progress"] = ProgressAnswer([])
    async with counter.doing("C01"):
        await counter.first("progress_how")
        await counter.touch("number", "receipt_number")
        await counter.touch("next", "slip_code", number=number(1))
        page = await counter.touch("next", "progress", slip_code=CODE)
        assert "没有查到办件" in words(page)
        await counter.touch("number", "receipt_number")
        counter.last("back")


async def test_back_leads_to_the_page_before(counter: Counter) -> None:
    async with counter.doing("C01"):
        await counter.first("progress_how")
        await counter.touch("number", "receipt_number")
        await counter.touch("back", "progress_how")
        counter.last("back")
    assert counter.asked == []


async def test_a_case_that_a_person_must_release_says_that_it_is_safe(counter: Counter) -> None:
    await keep(counter, 1)
    counter.machine.outbox.hold(1, "422")
    assert "保存完好" in await by_card(counter)


async def test_a_complaint_is_found_by_its_number_with_and_without_network(counter: Counter) -> None:
    await keep(counter, 1, kind="complaint", card=None, service="C03")
    for answer in (None, ProgressAnswer([told(1, state("delivered", by="hub"), service="C03", masked_name="")])):
        counter.answers["progress"] = answer
        counter.finger.history.clear()
        async with counter.doing("C01"):
            await counter.first("progress_how")
            await counter.touch("number", "receipt_number")
            await counter.touch("next", "slip_code", number=number(1))
            page = await counter.touch("next", "progress", slip_code=CODE)
            counter.last("next")
        (stages,) = [b for b in page.blocks if isinstance(b, Stages)]
        assert (stages.title.zh, stages.number) == ("投诉建议", number(1))
        assert "已取件" not in words(page), "nothing is collected"


async def test_a_slip_in_doubt_is_printed_again_with_the_date_that_was_promised(counter: Counter) -> None:
    machine = counter.machine
    case_id = "0197c9a0-0000-7000-8000-000000000001"
    parts = {"form": b"sealed"}
    await machine.filing.file(kind="case", key=case_id, case_id=case_id, receipt_number=number(1), parts=parts)
    slip = Slip(number=number(1), service="T01")
    hand_over(machine, PRINTER, begin_slip(machine, case_id, slip), case_id, slip)
    counter.answers["progress"] = ProgressAnswer([told(1, "delivered", "accepted", promised_date=TODAY)])
    counter.visit.card = ZHAO
    async with counter.doing("C01"):
        page = await counter.first("progress")
        assert unbroken(number(1)) in words(page), "never broken over lines"
        await counter.touch("reprint", "slip")
        counter.last("next")
    (paper,) = counter.papers
    for wanted in ("副本 · 补打第 1 次", "赵*福", "承诺办结    2027-01-12（当场办结）", "受理时间    2027-01-12 09:30"):
        assert wanted in paper


async def test_an_owed_slip_of_a_refused_case_has_the_reasons_and_promises_nothing(counter: Counter) -> None:
    await keep(counter, 1)
    case_id = "0197c9a0-0000-7000-8000-000000000002"
    machine = counter.machine
    parts = {"form": b"sealed"}
    await machine.filing.file(kind="case", key=case_id, case_id=case_id, receipt_number=number(2), parts=parts)
    refused = told(2, "delivered", state("not_accepted", "points_below_12 age"), promised_date=TODAY)
    counter.answers["progress"] = ProgressAnswer([refused])
    counter.visit.card = ZHAO
    async with counter.doing("C01"):
        await counter.first("progress")
        await counter.touch("reprint", "slip")
        counter.last("next")
    (paper,) = counter.papers
    assert "不予受理" in paper
    assert "1. 本记分周期已记满 12 分" in paper
    assert "2. 年龄不符合办理条件" in paper
    assert "承诺办结" not in paper
    assert "领取新证" not in paper


async def test_a_printer_that_fails_leaves_the_number_on_the_screen(counter: Counter) -> None:
    machine, case_id = counter.machine, "0197c9a0-0000-7000-8000-000000000003"
    parts = {"form": b"sealed"}
    await machine.filing.file(kind="case", key=case_id, case_id=case_id, receipt_number=number(3), parts=parts)
    counter.printer = Ended.NOT_PRINTED
    counter.answers["progress"] = ProgressAnswer([told(3, "handed_over")])
    counter.visit.card = ZHAO
    async with counter.doing("C01"):
        await counter.first("progress")
        await counter.touch("reprint", "slip_trouble")
        counter.printer = Ended.PRINTED
        await counter.touch("again", "slip")
        counter.last("next")
    (paper,) = counter.papers
    assert "当前状态：handed_over" in paper
    assert LEFT_OUT in paper.replace("\n", ""), "the first one as well: what was said is not kept"
    assert "带上本回执到窗口咨询" in paper.replace("\n", "")


@pytest.mark.parametrize(
    ("copies", "shown"), [(0, "slip"), (reprint.MOST_COPIES - 1, "slip"), (reprint.MOST_COPIES, "reprint_too_often")]
)
async def test_slip_is_printed_again_masked_and_counted_until_it_is_enough(
    counter: Counter, copies: int, shown: str
) -> None:
    await keep(counter, 1)
    await keep(counter, 2)
    journal = counter.machine.journal
    for _ in range(copies):
        case_id = "0197c9a0-0000-7000-8000-000000000002"
        journal.resolve(begin_slip(counter.machine, case_id, Slip(number=number(2), service="T01")), "printed")
    counter.answers["progress"] = ProgressAnswer([told(1, "delivered", "accepted"), told(2, "delivered", "accepted")])
    counter.visit.card = ZHAO
    async with counter.doing("C06"):
        await counter.first("reprint_which")
        await counter.touch(f"slip:{number(2)}", shown)
        counter.last("next")
    if shown == "slip":
        (paper,) = counter.papers
        assert f"副本 · 补打第 {copies + 1} 次" in paper
        assert "赵*福" in paper
        assert LEFT_OUT in paper.replace("\n", "")
    else:
        assert counter.papers == []


@pytest.mark.parametrize(("cases", "shown"), [(1, "slip"), (0, "reprint_none")])
async def test_slip_of_another_machine_s_case_is_a_copy_and_nobody_s_is_none(
    counter: Counter, cases: int, shown: str
) -> None:
    counter.answers["progress"] = ProgressAnswer([told(7, "delivered", "accepted")][:cases])
    counter.visit.card = ZHAO
    async with counter.doing("C06"):
        await counter.first(shown)
        counter.last("next")
    assert ["副本 · 补打第 1 次" in paper for paper in counter.papers] == [True] * cases
