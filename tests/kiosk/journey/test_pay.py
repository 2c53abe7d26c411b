"""Paying, as a person at the machine meets it: one code for everything, and the truth when it does not come to that."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from kiosk.cases import new_id
from kiosk.journey.engine import Record
from kiosk.journey.steps import pay, slip
from kiosk.journey.whole import whole_of
from kiosk.messages.questions import PaymentAnswer, PaymentQuestion
from kiosk.pages import Page, Receipt
from kiosk.payments import LOCKER, PAY, PRODUCE, DueItem
from kiosk.planning.plan import plan_of
from kiosk.text import same
from kiosk.visit import VisitEnded
from tests.kiosk.journey.conftest import ZHAO, Counter, words

URL = "http://127.0.0.1:1/pay/x"


class City:
    """The hub's side of orders, as far as a page can tell: its states one after the other."""

    def __init__(self, opened: str = "unpaid", looked: tuple[str, ...] = ("unpaid",), ended: str = "closed") -> None:
        self.opened, self.looked, self.ended = opened, list(looked), ended
        self.questions: list[PaymentQuestion] = []

    def __call__(self, question: PaymentQuestion) -> PaymentAnswer:
        self.questions.append(question)
        if question.action == "open":
            return PaymentAnswer(self.opened, URL if self.opened == "unpaid" else "", 600)
        if question.action == "ask":
            return PaymentAnswer(self.looked.pop(0) if len(self.looked) > 1 else self.looked[0])
        return PaymentAnswer(self.ended)

    def asked(self, action: str) -> list[PaymentQuestion]:
        return [question for question in self.questions if question.action == action]


def paying(counter: Counter, **how: Any) -> City:
    """T01 with a payment before its review, by a person whose card was read."""
    counter.steps("T01", "pay", "review")
    counter.visit.card = ZHAO
    counter.online()
    counter.answers["payment"] = city = City(**how)
    return city


def open_orders(counter: Counter) -> list[str]:
    return [intent.ref for intent in counter.machine.journal.open_intents(PAY)]


async def until(counter: Counter, kind: str, jump_s: float = 0.5) -> Page:
    """Let time pass until a page of this kind is shown."""
    for _ in range(3000):
        await trio.testing.wait_all_tasks_blocked(0.001)
        if counter.finger.page and counter.finger.page.kind == kind:
            return counter.page
        counter.clock.jump(jump_s)
    raise AssertionError(f"{kind} never came; {counter.finger.history}")


async def together(whole: Any, step: Any, done: trio.Event) -> None:
    await pay.together(whole, step)
    done.set()


async def over(counter: Counter, done: trio.Event) -> None:
    """Let time pass until it is done, however long its last page is shown."""
    for _ in range(3000):
        await trio.testing.wait_all_tasks_blocked(0.001)
        if done.is_set():
            return
        counter.clock.jump(0.5)
    raise AssertionError(f"it never ended; {counter.finger.history}")


async def test_one_code_is_paid_and_the_journey_goes_on_by_itself(counter: Counter, mock_clock: Any) -> None:
    city = paying(counter, looked=("unpaid", "unpaid", "paid"))
    async with counter.doing("T01"):
        page = await until(counter, "pay")
        code = next(block for block in page.blocks if isinstance(block, Receipt))
        assert (code.number, code.qr) == ("¥ 10.00", URL)
        assert "微信" in words(page)
        assert "WeChat" in words(page, "en")
        assert [a.id for a in page.actions] == ["exit", "back"], "nothing to touch says that it is paid"
        review = await until(counter, "review")
        assert "back" not in [action.id for action in review.actions], "there is nothing to go back to"
        assert "paid" in counter.finger.history
        await counter.touch("back", "review")
        assert len(city.asked("open")) == 1, "who goes back does not pay again"
        counter.last("next")
    (opened,) = city.asked("open")
    assert [(item.service, item.amount_fen) for item in opened.items] == [("T01", 1000)]
    assert open_orders(counter) == [opened.order], "what came of it is told when the visit is over"


@pytest.mark.parametrize(
    ("ended", "kind", "is_open"),
    [("closed", "", False), ("paid", "review", True), ("unknown", "pay_unknown", True)],
)
async def test_not_now_is_said_only_after_the_order_is_closed(
    counter: Counter, mock_clock: Any, ended: str, kind: str, is_open: bool
) -> None:
    city = paying(counter, ended=ended)
    async with counter.doing("T01"):
        await until(counter, "pay")
        counter.finger.touch("back")
        if kind:
            page = await until(counter, kind)
            assert ended != "unknown" or "自动原路退回" in words(page)
            counter.last("next" if kind == "review" else "continue")
    assert len(city.asked("end")) == 1
    assert bool(open_orders(counter)) is is_open


async def test_time_out_closes_the_code_and_a_new_one_is_a_new_order(counter: Counter, mock_clock: Any) -> None:
    city = paying(counter)
    counter.steps("T01", "pay", "review")
    async with counter.doing("T01"):
        await until(counter, "pay")
        for _ in range(20):  # somebody is there and touches the screen now and then
            counter.visit.touched()
            counter.clock.jump(40)
            await trio.testing.wait_all_tasks_blocked(0.001)
        await until(counter, "pay_over")
        counter.finger.touch("again")
        await until(counter, "pay")
        city.looked = ["paid"]
        await until(counter, "review")
        counter.last("next")
    first, second = (question.order for question in city.asked("open"))
    assert first != second
    assert open_orders(counter) == [second]


@pytest.mark.parametrize(
    ("opened", "kind"), [("paid", "review"), ("unavailable", "pay_unavailable"), (None, "needs_network")]
)
async def test_what_the_city_says_first(counter: Counter, mock_clock: Any, opened: str | None, kind: str) -> None:
    city = paying(counter, opened=opened or "")
    if opened is None:
        counter.answers.pop("payment")
    async with counter.doing("T01"):
        page = await until(counter, kind)
        counter.last("next" if kind == "review" else "continue")
    assert "pay" not in counter.finger.history
    assert kind != "pay_unavailable" or "没有扣钱" in words(page)
    assert len(city.asked("open")) == (opened is not None)


async def test_offline_nothing_is_paid(counter: Counter, mock_clock: Any) -> None:
    counter.steps("T01", "pay", "review")
    async with counter.doing("T01"):
        await until(counter, "needs_network")
        counter.last("continue")
    assert open_orders(counter) == []


async def test_a_plan_of_several_services_pays_once(counter: Counter, mock_clock: Any) -> None:
    """Who is left out pays nothing; each of the others is an item of its own."""
    city = paying(counter, looked=("paid",))
    services = counter.machine.catalogue.services
    counter.steps("H13", "pay", fees=services["T01"].fees)
    plan = plan_of([services["T01"], services["H13"]])
    whole = whole_of(counter.visit, plan, key="together", name=same("x"), icon="stack")
    step: Any = services["T01"].steps[0]
    async with trio.open_nursery() as nursery:
        done = trio.Event()
        nursery.start_soon(together, whole, step, done)
        page = await until(counter, "pay")
        assert "¥ 20.00" in [b.number for b in page.blocks if isinstance(b, Receipt)]
        await until(counter, "paid")
        await over(counter, done)
    assert [(i.service, i.amount_fen) for i in city.asked("open")[0].items] == [("T01", 1000), ("H13", 1000)]
    assert counter.visit.paid == {part.case_id for part in whole.going}
    (order,) = {question.order for question in city.asked("open")}
    on_paper = [row.value.zh for row in slip._paid_rows(whole, whole.going)]
    assert on_paper == ["20.00 元", order], "one payment for both, with its number"
    whole.left_out[1] = ()
    counter.visit.paid.clear()
    async with trio.open_nursery() as nursery:
        done = trio.Event()
        nursery.start_soon(together, whole, step, done)
        await over(counter, done)
    assert [i.service for i in city.asked("open")[1].items] == ["T01"]


@pytest.mark.parametrize(
    ("keys", "delivery", "owed", "paid"),
    [
        (("H03",), "window", "", {}),
        (("H03", "H06"), "window", "", {}),
        (("H03", "T02"), "window", "", {}),
        (("H03", "T02"), "at_once", "", {"H03": 4000, "T02": 1000}),
        (("H06", "H01", "T02", "E03"), "window", "", {"H06": 1000, "H01": 2000, "T02": 1000, "E03": 12000}),
        (("H07", "H06"), "window", "", {}),
        (("H07", "H06"), "window", "lost", {"H07": 4000, "H06": 1000}),
    ],
)
async def test_what_is_paid_on_collection_is_paid_now_beside_what_must_be(
    counter: Counter, keys: tuple[str, ...], delivery: str, owed: str, paid: dict[str, int]
) -> None:
    """Nobody needs a phone for what the counter takes; who pays anyway pays once, and has paid."""
    services = counter.machine.catalogue.services
    whole = whole_of(counter.visit, plan_of([services[key] for key in keys]), key="x", name=same("x"), icon="stack")
    for part in whole.parts_of:
        at = next((n for n, spec in enumerate(part.service.steps) if "delivery" in asked_by(spec)), None)
        if at is not None:
            part.records[at] = Record(answers={"delivery": delivery})
        part.facts["id_card_fee_owed"] = owed
    due = [item for part in whole.going if part.pays_here for item in pay.due_items(part)]
    assert {item.service: item.amount_fen for item in due} == paid
    asked = {part.service.key for part in whole.going if part.pays_here}
    assert asked - {"H07"} == set(paid) - {"H07"}, "H07 always has the step, and nothing to pay in it when it is paid"


def asked_by(spec: Any) -> list[str]:
    return [each.name for each in spec.asks_for()]


@pytest.mark.parametrize(
    ("effects", "is_made_here", "told", "interrupted"),
    [
        ([], True, "none", True),
        ([(PRODUCE, "produced")], True, "produced", False),
        ([(PRODUCE, "voided"), (PRODUCE, "produced")], True, "produced", False),
        ([(PRODUCE, "voided"), (PRODUCE, "voided")], True, "none", False),
        ([(LOCKER, "handed_over")], True, "produced", False),
        ([(PRODUCE, None)], True, None, False),
    ],
)
async def test_after_a_restart_an_order_is_ended_by_what_is_proved(
    counter: Counter, mock_clock: Any, effects: list, is_made_here: bool, told: str | None, interrupted: bool
) -> None:
    """Killed at any moment: nobody of before is there, so journal and outbox say what came of the money."""
    city, order, case = paying(counter, ended="paid"), new_id(), new_id()
    payments, journal = counter.machine.payments, counter.machine.journal
    await payments.begin(order, (DueItem(case, "T01", 1000, same("x"), is_made_here),))
    for kind, outcome in effects:
        intent = journal.begin(kind, case)
        if outcome:
            journal.resolve(intent, outcome)
    assert await payments.settle() == 0
    assert city.questions == [], "a visit still holds it"
    payments.release()
    assert await payments.settle() == (told is None)
    if told is None:
        assert city.questions == [], "an effect without an end is no evidence"
        return
    (end,) = city.asked("end")
    assert ([e.outcome for e in end.ends], end.interrupted, end.id_number) == ([told], interrupted, "")
    assert open_orders(counter) == []


async def test_what_the_city_cannot_be_told_is_told_later(counter: Counter, mock_clock: Any) -> None:
    city, order = paying(counter, ended="unknown"), new_id()
    await counter.machine.payments.begin(order, (DueItem(new_id(), "T01", 1000, same("x")),))
    counter.machine.payments.release()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(counter.machine.payments.run)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert open_orders(counter) == [order]
        city.ended = "closed"
        while open_orders(counter):
            counter.clock.jump(30)
            await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()
    assert len(city.asked("end")) == 2


async def walk_away(counter: Counter) -> None:
    async with counter.doing("T01"):
        await until(counter, "pay")
        await until(counter, "still_there", 5)
        await over(counter, trio.Event())


async def test_who_walks_away_from_the_code_leaves_no_open_order(counter: Counter, mock_clock: Any) -> None:
    city = paying(counter)
    with pytest.RaisesGroup(VisitEnded, flatten_subgroups=True):
        await walk_away(counter)
    counter.visit.forget()
    assert await counter.machine.payments.settle() == 0
    assert [e.outcome for e in city.asked("end")[0].ends] == ["none"]
    assert open_orders(counter) == []
