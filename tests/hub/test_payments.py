"""Money at the hub: every order ends paid and produced, closed unpaid, or refunded, whatever the acquirer does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.payments import wire
from kiosk.messages.bills import Bill
from kiosk.messages.envelope import new_key
from kiosk.messages.seal import new_sign_key
from tests.forking import forked
from tests.hub.fixtures import TODAY, Machine, RunningHub, cluster, database, number_of
from tests.hub.till import FEE, Payment, Till, payments_said, running_till
from tests.waiting import HANG_S, eventually

__all__ = ["cluster", "database"]


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    with running_till(tmp_path_factory.mktemp("till") / "acquirer") as running:
        yield running


@pytest.fixture(scope="module")
def hub(database: str, till: Till, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    options = ["--acquirer", str(till.settings)]
    running = RunningHub(database, tmp_path_factory.mktemp("hub") / "data", options=options)
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def kiosk(hub: RunningHub) -> Machine:
    return hub.machine()


@pytest.fixture(autouse=True)
def _no_faults(till: Till) -> Iterator[None]:
    till.faults()
    yield
    till.faults()


@pytest.fixture
def fine(kiosk: Machine) -> Bill:
    """One that chen has to pay, as the department says it."""
    told: Any = kiosk.ask("bills", service="T10", id_number=number_of("chen"))
    assert [(bill.what, bill.is_paid) for bill in told.bills] == [("fine", False)]
    return told.bills[0]


def item(amount_fen: int, *bills: str, service: str = "T10") -> dict[str, object]:
    return {"case_id": new_key(), "service": service, "amount_fen": amount_fen, "bills": [*bills]}


def test_what_a_department_demands_is_paid_by_anybody_by_its_own_word(kiosk: Machine, till: Till, fine: Bill) -> None:
    told: Any = kiosk.ask("bills", service="T10", id_number=number_of("wang"))
    assert told.bills == []
    payment = Payment(kiosk, "wang")
    wanted = item(fine.due_fen, fine.number)
    opened = payment.open(items=[wanted])
    assert opened.state == "unpaid"
    till.pay(opened.pay_url)
    assert payment.ask().state == "paid"
    assert payment.kiosk.hub.sql("select amount_fen from payment where order_no = %s", payment.order) == [
        (fine.fee_fen + fine.late_fen,)
    ]


@pytest.mark.attack(3)
@pytest.mark.parametrize(
    "what", ["less", "nothing", "another", "with_another", "twice", "of_another_service", "without"]
)
def test_no_machine_names_the_price_of_what_a_department_demands(kiosk: Machine, fine: Bill, what: str) -> None:
    due_fen = fine.due_fen
    wanted = {
        "less": item(due_fen - 1, fine.number),
        "nothing": item(1, fine.number),
        "another": item(due_fen, "990100000000999"),
        "with_another": item(due_fen, fine.number, "990100000000999"),
        "twice": item(2 * due_fen, fine.number, fine.number),
        "of_another_service": item(due_fen, fine.number, service="T09"),
        "without": item(due_fen),
    }[what]
    asked = {"order": new_key(), "action": "open", "id_number": number_of("wang"), "items": [wanted]}
    assert kiosk.status_of("payment", **asked) == 422
    assert kiosk.hub.sql("select count(*) from payment where order_no = %s", asked["order"]) == [(0,)]


@pytest.mark.parametrize("notify", ["once", "twice", "lost", "forged"])
def test_paid_is_known_however_the_notification_comes(kiosk: Machine, till: Till, notify: str) -> None:
    till.faults(notify=notify)
    payment = Payment(kiosk)
    opened = payment.open()
    assert (opened.state, payment.ask().state) == ("unpaid", "unpaid")
    assert till.pay(opened.pay_url).status_code == 200
    if notify in ("once", "twice"):
        payment.until("paid")  # nobody asked
    assert payment.ask().state == "paid"
    assert till.pay(opened.pay_url).status_code == 409, "the same code is not paid twice"
    assert payment.end("produced").state == "paid"
    assert (payment.states(), payment.tasks()) == (["produced"], [])


def test_late_notification_after_the_time_out_finds_the_order_closed_or_is_paid_back(
    kiosk: Machine, till: Till
) -> None:
    till.faults(notify="late")
    in_time, too_late = Payment(kiosk), Payment(kiosk)
    for payment in (in_time, too_late):
        assert payment.open().state == "unpaid"
    assert too_late.end("none").state == "closed"
    assert till.pay(too_late.open().pay_url or f"{till.url}/pay/none").status_code in (404, 409)
    # Paid in the very moment of the time-out: the close says so, and the money goes back.
    assert till.pay(in_time.open().pay_url).status_code == 200
    assert in_time.end("none").state == "paid"
    in_time.until("refunded")
    till.notify(in_time.order)
    assert in_time.ask().items[0].state == "refunded"
    rows = kiosk.hub.sql("select count(*) from refund where order_no = %s", in_time.order)
    assert rows == [(1,)], "one refund, whatever was said twice"


def test_nothing_is_said_unpaid_before_the_acquirer_has_closed_it(kiosk: Machine, till: Till) -> None:
    payment = Payment(kiosk)
    opened = payment.open()
    till.faults(down=True)
    assert payment.end("none").state == "unknown"
    till.faults()
    assert payment.end("none").state == "closed"
    assert till.pay(opened.pay_url).status_code == 409


def overdue(kiosk: Machine, *payments: Payment, tries: int = 0) -> None:
    """Nobody has ended them in time."""
    query = "update payment set closes_at = made_at, close_tries = %s where order_no = any(%s) returning 1"
    kiosk.hub.sql(query, tries, [payment.order for payment in payments])


def test_orders_that_the_acquirer_will_not_close_are_a_persons_and_keep_no_other_one_waiting(
    kiosk: Machine, till: Till
) -> None:
    refused, paid = [Payment(kiosk) for _ in range(20)], Payment(kiosk, person="zhao")
    for payment in (*refused, paid):
        opened = payment.open()
    till.faults(notify="lost", refused=[payment.order for payment in refused])
    assert till.pay(opened.pay_url).status_code == 200
    assert (refused[0].ask().state, refused[0].end("none").state) == ("unpaid", "unknown")
    overdue(kiosk, *refused, paid)
    paid.until("paid")
    for payment in refused:
        eventually(lambda of=payment: of.tasks() == ["order_not_closed"], "a refused one is a task")
    code, listed = payments_said(kiosk.hub, "list", "--json")
    assert (code, refused[0].order in listed) == (3, True)
    paid.end("produced")
    # A person has said that it is done: it is not asked of them again, whatever the acquirer says.
    kiosk.hub.sql("update payment_task set done_at = since where order_no = %s returning 1", refused[0].order)
    tries = "select close_tries from payment where order_no = %s"
    eventually(lambda: kiosk.hub.sql(tries, refused[0].order)[0][0] > 1, "it is tried again")
    assert refused[0].tasks() == ["order_not_closed"]
    till.faults()
    eventually(lambda: refused[0].ask().state == "closed", "it is closed as soon as the acquirer does it")


def test_an_order_that_could_often_not_be_closed_is_a_persons(kiosk: Machine, till: Till) -> None:
    often, seldom = Payment(kiosk), Payment(kiosk)
    assert {often.open().state, seldom.open().state} == {"unpaid"}
    till.faults(down=True)
    overdue(kiosk, seldom)
    overdue(kiosk, often, tries=7)
    eventually(lambda: often.tasks() == ["order_not_closed"], "the eighth time it is a task")
    assert (often.states(), seldom.tasks()) == (["unpaid"], [])


def test_each_item_of_one_payment_comes_to_its_own_end(kiosk: Machine, till: Till) -> None:
    payment = Payment(kiosk, count=3)
    assert till.pay(payment.open().pay_url).json()["amount_fen"] == 3 * FEE
    payment.until("paid", "paid", "paid")
    payment.end("produced", "none", "filed")
    payment.until("produced", "refunded", "paid")
    payment.end("produced", "none", "filed")
    payment.until("produced", "refunded", "paid")


def test_a_visit_that_broke_off_is_taken_up_again_and_not_paid_twice(kiosk: Machine, till: Till) -> None:
    before, after, stranger = Payment(kiosk), Payment(kiosk), Payment(kiosk, person="zhao")
    till.pay(before.open().pay_url)
    assert before.end("none", interrupted=True).state == "paid"
    assert before.states() == ["refund_due"]
    assert stranger.open().state == "unpaid", "nobody else's money"
    stranger.end("none")
    assert after.open().state == "paid"
    assert after.end("produced").items[0].state == "produced"
    assert before.states() == ["produced"]
    assert kiosk.hub.sql("select count(*) from refund where order_no = %s", before.order) == [(0,)]


def test_who_goes_on_at_another_machine_leaves_nothing_to_end_at_the_first_one(
    kiosk: Machine, hub: RunningHub, till: Till
) -> None:
    """Its answer was lost, so it says the end again: it would ask for ever if it were refused."""
    before, after = Payment(kiosk, person="sun"), Payment(hub.machine(), person="sun")
    till.pay(before.open().pay_url)
    before.end("none", interrupted=True)
    assert after.open().state == "paid"
    assert before.end("none", interrupted=True).state == "closed"
    assert before.states() == ["paid"], "it is the other visit's now"
    after.end("produced")
    assert before.states() == ["produced"]


@pytest.mark.attack(3)
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"items": []}, "question.items"),
        ({"items": [{"case_id": str(uuid4()), "service": "T01", "amount_fen": 1}]}, "question"),
        ({"items": [{"case_id": str(uuid4()), "service": "T01", "amount_fen": -1000}]}, "question"),
        ({"items": [{"case_id": new_key(), "service": "T01", "amount_fen": 1}]}, "question.items[0].amount_fen"),
        ({"items": [{"case_id": new_key(), "service": "E13", "amount_fen": 1000}]}, "question.items[0].amount_fen"),
        ({"items": [{"case_id": new_key(), "service": "T01", "amount_fen": 1000}]}, "question.order"),
    ],
)
def test_another_price_or_another_order_is_refused(kiosk: Machine, changed: dict, field: str) -> None:
    payment = Payment(kiosk)
    payment.open()
    with pytest.raises((AssertionError, msgspec.ValidationError), match=r"422|order|amount|Expected") as refused:
        payment.open(**changed)
    assert field.partition(".")[0] in str(refused.value) or "`$." in str(refused.value) or "422" in str(refused.value)
    assert payment.ask().state == "unpaid"
    payment.end("none")


@pytest.mark.attack(3)
def test_a_machine_hears_and_ends_only_its_own_orders(hub: RunningHub, kiosk: Machine) -> None:
    own = Payment(kiosk)
    own.open()
    other = Payment(hub.machine())
    other.order = own.order
    for asked in (other.ask, lambda: other.end("none")):
        with pytest.raises(AssertionError, match="no order of this machine"):
            asked()
    assert own.ask().state == "unpaid"
    own.end("none")


def _notice(
    kiosk: Machine, order: str, amount_fen: int, key: str, /, shift_s: int = 0, **more: object
) -> httpx.Response:
    said = {"order": order, "state": "paid", "amount_fen": amount_fen, "trade_no": f"T{uuid4().hex}", **more}
    body, path = msgspec.json.encode(said), "/acquirer/notifications"
    time_s = int(kiosk.clock.now().timestamp()) + shift_s
    headers = wire.sign_request("POST", path, body, party="acquirer", private_key=key, time_s=time_s)
    return httpx.post(f"{kiosk.hub.url}{path}", content=body, headers=headers, timeout=HANG_S)


@pytest.mark.attack(3)
@pytest.mark.parametrize(
    ("forgery", "status", "task"),
    [
        ("stranger", 401, []),
        ("old", 401, []),
        ("body", 401, []),
        ("nonsense", 401, []),
        ("amount", 200, ["other_amount"]),
        ("currency", 200, ["other_currency"]),
        ("order", 200, ["unknown_order"]),
        ("twice", 200, ["paid_twice"]),
    ],
)
def test_a_notification_is_believed_only_for_what_was_ordered(
    kiosk: Machine, till: Till, forgery: str, status: int, task: list[str]
) -> None:
    """What the acquirer itself signs wrongly becomes a person's task; what a stranger signs is nothing."""
    own_key = (till.settings.parent / "acquirer.key").read_text("utf-8").strip()
    payment = Payment(kiosk)
    opened = payment.open()
    if forgery == "twice":
        till.pay(opened.pay_url)
        payment.until("paid")
    if forgery == "order":
        payment.order = new_key()
    key = new_sign_key().private if forgery == "stranger" else own_key
    amount = FEE - 1 if forgery == "amount" else FEE
    if forgery == "body":
        answer = httpx.post(f"{kiosk.hub.url}/acquirer/notifications", content=b"{}", timeout=HANG_S)
    elif forgery == "nonsense":
        answer = _notice(kiosk, "x" * 5000, amount, key)
    else:
        more = {"currency": "HKD"} if forgery == "currency" else {}
        answer = _notice(kiosk, payment.order, amount, key, shift_s=-3600 if forgery == "old" else 0, **more)
    assert (answer.status_code, payment.tasks()) == (status, task)
    assert payment.states() == {"twice": ["paid"], "order": []}.get(forgery, ["unpaid"])


@pytest.mark.attack(3)
@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"trade_no": "T\0"}, 401),
        ({"trade_no": ""}, 401),
        ({"amount_fen": FEE + 0.5}, 401),
        ({"amount_fen": str(FEE)}, 401),
        ({"trade_no": "9" * 65}, 401),
        ({"paid_at": "2027-01-12T10:00:00"}, 401),
        ({"paid_at": "9999-12-31T23:59:59+00:00"}, 200),
        ({"paid_at": "0001-01-01T00:00:00+00:00"}, 200),
    ],
)
def test_a_notification_chooses_neither_its_form_nor_its_day(
    kiosk: Machine, till: Till, more: dict, status: int
) -> None:
    own_key = (till.settings.parent / "acquirer.key").read_text("utf-8").strip()
    payment = Payment(kiosk)
    payment.open()
    assert _notice(kiosk, payment.order, FEE, own_key, **more).status_code == status
    if status == 200:
        assert payment.states() == ["paid"]
        rows = kiosk.hub.sql("select abs(extract(epoch from paid_at - made_at)) from payment "
                             "where order_no = %s", payment.order)  # fmt: skip
        assert rows[0][0] < 600
    # Its own word is not the acquirer's books: nothing was paid there, so nothing goes back.
    payment.end("produced") if status == 200 else payment.end("none")


@pytest.mark.attack(3)
def test_one_trade_pays_one_order_and_a_repeated_contradiction_is_one_task(kiosk: Machine, till: Till) -> None:
    own_key = (till.settings.parent / "acquirer.key").read_text("utf-8").strip()
    first, second = Payment(kiosk), Payment(kiosk, person="zhao")
    till.pay(first.open().pay_url)
    first.until("paid")
    second.open()
    ((trade,),) = kiosk.hub.sql("select trade_no from payment where order_no = %s", first.order)
    for _ in range(3):
        assert _notice(kiosk, second.order, FEE, own_key, trade_no=trade).status_code == 200
    assert (second.states(), second.tasks()) == (["unpaid"], ["same_trade"])
    told = "select count(*) from event where kind = 'payment_task' and data->>'order' = %s"
    assert kiosk.hub.sql(told, second.order) == [(1,)], "who repeats it fills no log"
    first.end("produced")
    second.end("none")


@pytest.mark.attack(3)
@pytest.mark.parametrize("outcome", ["filed", "none", "produced"])
def test_a_machine_ends_nothing_of_anothers_order(kiosk: Machine, hub: RunningHub, till: Till, outcome: str) -> None:
    theirs, own = Payment(kiosk), Payment(hub.machine(), person="zhao")
    till.pay(theirs.open().pay_url)
    theirs.until("paid")
    hub.sql("insert into case_file (key, state) values (%s, 'accepted') returning 1", theirs.cases[0])
    till.pay(own.open().pay_url)
    own.until("paid")
    alien = [{"case_id": theirs.cases[0], "outcome": outcome}]
    own.kiosk.ask("payment", order=own.order, action="end", ends=alien)
    assert (theirs.states(), own.states(), own.tasks()) == (["paid"], ["paid"], [])
    theirs.end("none")
    theirs.until("refunded")
    own.end("produced")


def test_what_is_paid_for_a_case_follows_the_departments_word(kiosk: Machine, till: Till) -> None:
    accepted, refused = Payment(kiosk), Payment(kiosk, person="zhao")
    for payment in (accepted, refused):
        till.pay(payment.open().pay_url)
        payment.until("paid")
        payment.end("filed")
    hub = kiosk.hub
    for payment, word in ((accepted, "accepted"), (refused, "not_accepted")):
        hub.sql("insert into case_file (key, state) values (%s, %s) returning 1", payment.cases[0], word)
        payment.end("filed")
    assert accepted.states() == ["produced"]
    refused.until("refunded")


@pytest.mark.parametrize("state", ["refused", "withdrawn"])
@pytest.mark.parametrize("is_late", [False, True], ids=["after the visit", "before the money is known"])
def test_an_accepted_case_that_comes_to_nothing_leaves_its_money_to_a_person(
    kiosk: Machine, till: Till, state: str, is_late: bool
) -> None:
    """By the department's no, or the person's own: two of one payment are both told in its one task."""
    hub, payment = kiosk.hub, Payment(kiosk, person="zhao", count=3)
    hub.demo("POST", "reset")
    numbers = {number: service for service in ("T01", "T07") if (number := f"P-{new_key()}")}
    payment.cases[:2] = [kiosk.file_case("zhao", service, number).key for number, service in numbers.items()]
    for number in numbers:
        kiosk.wait_for(number, "accepted")
    hub.sql("insert into case_file (key, state) values (%s, 'accepted') returning 1", payment.cases[2])

    def comes_to_nothing() -> None:
        for number in numbers:
            said = ["department", "case", "traffic", number, state, "--by", "chen", "--today", TODAY.isoformat()]
            assert forked("hub", *said, "--dsn", hub.dsn).returncode == 0
            kiosk.wait_for(number, state)

    def is_paid() -> None:
        till.pay(payment.open().pay_url)
        payment.until("paid", "paid", "paid")
        payment.end("filed", "filed", "filed")
        assert payment.states() == ["produced"] * 3

    for happens in (comes_to_nothing, is_paid) if is_late else (is_paid, comes_to_nothing):
        assert payment.tasks() == []
        happens()
    ((what, detail),) = hub.sql("select what, detail from payment_task where order_no = %s", payment.order)
    assert what == "ended_later"
    assert [case in detail for case in payment.cases] == [True, True, False]
    # The person has judged that the first one's money goes back, and that alone.
    code, said = payments_said(hub, "back", payment.order)
    assert (code, "--all" in said, payment.cases[0] in said) == (1, True, True)
    assert payment.states() == ["produced"] * 3
    code, said = payments_said(hub, "back", payment.order, "--case", payment.cases[0], "--by", "chen")
    assert (code, f"{FEE / 100:.2f} yuan" in said) == (0, True)
    payment.until("refunded", "produced", "produced")
    assert _payments(hub, "back", payment.order, "--case", payment.cases[0]) == 1
    told = "select actor, data->>'amount_fen' from event where kind = 'payment_back' and data->>'order' = %s"
    assert hub.sql(told, payment.order) == [("supervisor:chen", str(FEE))]


def test_nothing_is_paid_back_by_hand_that_is_not_here(kiosk: Machine, till: Till) -> None:
    hub, unpaid, under_way = kiosk.hub, Payment(kiosk), Payment(kiosk)
    unpaid.open()
    till.pay(under_way.open().pay_url)
    under_way.until("paid")
    for order, said in (("P-1", "no order"), (unpaid.order, "unpaid"), (under_way.order, "not over")):
        code, words = payments_said(hub, "back", order)
        assert (code, said in words) == (1, True), words
    assert (unpaid.states(), under_way.states()) == (["unpaid"], ["paid"])


def test_what_no_rule_settles_is_a_named_persons_task(kiosk: Machine, till: Till) -> None:
    silent, failing = Payment(kiosk), Payment(kiosk)
    hub, later = kiosk.hub, kiosk.clock.now() - timedelta(hours=3)
    till.pay(silent.open().pay_url)
    silent.until("paid")
    hub.sql("update payment set paid_at = %s where order_no = %s returning 1", later, silent.order)
    till.pay(failing.open().pay_url)
    failing.until("paid")
    # The acquirer has given it back on its own: ours is more than was paid.
    till.move(kind="refund", number="by-hand", order=failing.order, amount_fen=FEE)
    failing.end("none")
    eventually(lambda: failing.tasks() == ["refund_fails"], "a refund that the acquirer refuses is a task")
    eventually(lambda: silent.tasks() == ["machine_silent"], "money of a silent machine is a task")
    assert _payments(hub, "owner", "Cashier Lin") == 0
    code, listed = payments_said(hub, "list", "--json")
    rows = [row for row in msgspec.json.decode(listed) if row["order"] in (silent.order, failing.order)]
    assert (code, {row["owner"] for row in rows}, len(rows)) == (3, {"Cashier Lin"}, 4)
    task = next(row["state"].split()[1] for row in rows if row["what"] == "refund_fails")
    assert _payments(hub, "done", task) == 0
    assert _payments(hub, "done", task) == 1


def _payments(hub: RunningHub, *arguments: str) -> int:
    return payments_said(hub, *arguments)[0]


def test_a_day_balances_to_the_fen_and_every_difference_is_told(kiosk: Machine, till: Till) -> None:
    hub, books = kiosk.hub, ("--acquirer", str(till.settings))
    payment = Payment(kiosk)
    till.pay(payment.open().pay_url)
    payment.until("paid")
    payment.end("none")
    payment.until("refunded")
    day = kiosk.clock.today()
    before = msgspec.json.decode(payments_said(hub, "reconcile", day.isoformat(), *books, "--json")[1])
    till.move(kind="pay", number="stray", order="stray", amount_fen=77)
    code, said = payments_said(hub, "reconcile", day.isoformat(), *books)
    assert code == 3, said
    assert "only_there pay stray: here 0, there 77" in said
    named = {each["number"] for each in before["differences"]}
    assert not named & {payment.order, f"{payment.order}-0"}
