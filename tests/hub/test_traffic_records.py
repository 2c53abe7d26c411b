"""The records of 交管: what a person may see of violations, what settling, paying and each effect change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from hub.database import prepare
from hub.department import Application, Decision, Facts
from hub.departments import departments
from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Condition, Service
from kiosk.messages.bills import Bill
from kiosk.messages.content import FOR_LIFE, Applicant
from kiosk.messages.envelope import new_key
from kiosk.messages.violations import Violation, ViolationsAnswer

TODAY = date(2027, 1, 12)
TRAFFIC = departments()["traffic"]
ANYTHING = replace(load().services["T01"], checks=(), effect="")
ME, OTHER = "990101198001010017", "990101198502020021"
OF_V1 = "from traffic.vehicle where vin = 'V1'"
OWN, LENT = "通A·00001", "通A·00002"


def person(number: str, **records: Any) -> dict[str, Any]:
    return {"card": {"number": number, "birth": number[6:14]}, "records": records}


def violation(number: str, **more: Any) -> dict[str, Any]:
    seen = {"at": datetime(2026, 12, 1, 8), "place": "place", "act": "act", "article": "article"}
    return {"number": number, **seen, "fine_fen": 10000, "points": 3, **more}


def car(vin: str, plate: str | None, *violations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"vin": vin, "plate": plate, "violation": violations, **more}


LICENCE = {"class": "C1", "expires_on": date(2027, 3, 1), "points": 0, "medical_on": date(2026, 12, 1)}


@pytest.fixture(scope="module")
def records(database: str) -> str:
    prepare(database)
    return database


class Desk:
    """The department with the people of one test."""

    def __init__(self, dsn: str, people: list[dict[str, Any]]) -> None:
        self.dsn = dsn
        self.run(lambda conn: TRAFFIC.seed(conn, people))

    def run(self, work: Callable[[psycopg.AsyncConnection], Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as conn:
                return await work(conn)

        return asyncio.run(inside())

    def facts(self, number: str = ME, today: date = TODAY) -> Facts:
        return self.run(lambda conn: TRAFFIC.facts(conn, number, today))

    def violations(self, number: str = ME, decision: str = "") -> ViolationsAnswer:
        return self.run(lambda conn: TRAFFIC.violations(conn, number, decision, TODAY))

    def file(
        self,
        effect: str,
        number: str = ME,
        key: str = "",
        *,
        like: str = "",
        paid_fen: int = 0,
        paid_on: date | None = None,
        today: date = TODAY,
        **answers: str,
    ) -> Decision:
        asked = replace(load().services[like], checks=()) if like else ANYTHING
        service: Service = replace(asked, effect=effect)
        who = Applicant(kind="resident", number=number, name="试", sex="1", birth=number[6:14], valid_to="长期")
        application = Application(key or new_key(), who, answers, paid_fen=paid_fen, paid_on=paid_on)
        return self.run(lambda conn: TRAFFIC.decide(conn, service, application, today))

    def bills(self, number: str = "", *decisions: str, today: date = TODAY) -> list[Bill]:
        return self.run(lambda conn: TRAFFIC.bills(conn, number, decisions, today))

    def row(self, query: str) -> tuple:
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            return conn.execute(query.encode()).fetchone() or ()


@pytest.fixture
def desk(records: str) -> Iterator[Callable[..., Desk]]:
    made: list[dict[str, Any]] = []

    def make(*people: dict[str, Any]) -> Desk:
        made.extend(people)
        return Desk(records, list(people))

    yield make
    Desk(records, [person(each["card"]["number"]) for each in made])


def by_number(answer: ViolationsAnswer) -> dict[str, Violation]:
    return {each.number: each for each in answer.violations}


def test_own_cars_cars_on_record_since_then_and_what_one_has_answered_for_are_seen_and_nothing_else(desk) -> None:
    of_before, of_another = {"at": datetime(2026, 1, 1)}, {"driver": OTHER, "decision_number": "990100000000001"}
    decided = {**of_another, "decided_on": date(2027, 1, 1)}
    by_another = decided | {"decision_number": "990100000000002"}
    here = desk(
        person(OTHER, vehicle=[
            car("V2", LENT, violation("lent"), violation("older", **of_before), violation("theirs", **decided)),
        ]),
        person(ME, licence=LICENCE, recorded_vehicle=[{"plate": LENT, "recorded_on": date(2026, 6, 1)}], vehicle=[
            car("V1", OWN, violation("mine"), violation("by another", **by_another)),
        ]),
    )  # fmt: skip
    seen = by_number(here.violations())
    assert set(seen) == {"lent", "mine", "by another"}
    assert (seen["mine"].reasons, seen["mine"].is_own_car, seen["mine"].state) == ([], True, "open")
    hidden = seen["by another"]
    assert (hidden.state, hidden.decision_number, hidden.pay_until, hidden.late_fen) == ("decided", "", None, 0)
    fine = here.violations(decision="990100000000001").violations
    assert fine == [
        Violation("", 10000, "decided", decision_number="990100000000001", pay_until=date(2027, 1, 16)),
    ]
    assert here.violations(decision="990100000000099").violations == []


def test_settling_decides_counts_the_points_and_asks_for_the_fine_and_paying_ends_it(desk) -> None:
    here = desk(person(ME, licence=LICENCE, vehicle=[car("V1", OWN, violation("a"), violation("b", points=6))]))
    assert (here.facts()["violations_settable"], here.facts()["violations_unsettled"]) == (2, 2)
    assert here.file("violations_settled", violations="a,b").accepted
    settled = by_number(here.violations())
    assert [settled[name].state for name in "ab"] == ["decided", "decided"]
    numbers = [settled[name].decision_number for name in "ab"]
    assert all(len(number) == 15 and number.isdecimal() for number in numbers)
    assert len(set(numbers)) == 2
    assert (settled["a"].decided_on, settled["a"].pay_until) == (TODAY, date(2027, 1, 27))
    facts = here.facts()
    assert (facts["points"], facts["violations_open"], facts["fines_unpaid"], facts["violations_unsettled"]) == (
        9,
        0,
        2,
        2,
    )
    key = new_key()
    assert here.file("fines_registered", key=key, decisions=" ".join(numbers)).accepted
    assert here.file("fines_registered", decisions=numbers[0]).reasons == ["fine_under_way"]
    owed = [Bill(number, "fine", 10000, pay_until=date(2027, 1, 27)) for number in sorted(numbers)]
    assert here.bills(ME) == owed
    assert here.bills(OTHER) == []
    assert here.bills("", *numbers) == owed
    assert here.file("fines_paid", OTHER, paid_fen=9999, decisions=numbers[0]).reasons == ["unpaid"]
    assert here.file("fines_paid", OTHER, paid_fen=10000, decisions=numbers[0]).accepted
    assert here.file("fines_paid", paid_fen=10000, decisions=numbers[0]).reasons == ["fine_paid"]
    assert [bill.due_fen for bill in here.bills("", *numbers)] == [
        10000 * (number != numbers[0]) for number in sorted(numbers)
    ]
    assert here.file("fines_paid", decisions="990100000000999").reasons == ["fine_unknown"]
    late = date(2027, 1, 29)
    assert [(bill.late_fen, bill.due_fen) for bill in here.bills(ME, today=late)] == [(600, 10600)]
    # What was right when it was paid, just before midnight, is right when it is decided.
    assert here.file("fines_paid", paid_fen=10299, today=late, decisions=numbers[1]).reasons == ["unpaid"]
    assert here.file("fines_paid", paid_fen=10300, today=late, decisions=numbers[1]).accepted
    assert (here.facts()["fines_unpaid"], here.facts()["violations_unsettled"]) == (0, 0)


def test_a_fine_costs_what_it_did_on_the_day_on_which_it_was_paid_whenever_that_is_decided(desk) -> None:
    decided = {"driver": ME, "decision_number": "990100000000007", "decided_on": TODAY}
    here = desk(person(ME, vehicle=[car("V1", OWN, violation("a", **decided))]))
    paid_on, today = date(2027, 1, 29), date(2027, 2, 3)
    (owed,) = here.bills(ME, today=paid_on)
    asked = {"today": today, "paid_on": paid_on, "decisions": owed.number}
    assert owed.due_fen == 10600
    assert here.file("fines_paid", paid_fen=10299, **asked).reasons == ["unpaid"]
    assert here.file("fines_paid", paid_fen=owed.due_fen, **asked).accepted
    assert here.row("select paid_on from traffic.violation where number = 'a'") == (paid_on,)


def test_a_fee_that_depends_on_the_day_is_that_of_the_day_of_payment(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    here, seen = desk(person(ME, licence=LICENCE)), []

    async def note(_: psycopg.AsyncConnection, application: Application) -> None:
        seen.append(application.fee_fen)

    monkeypatch.setitem(TRAFFIC.effects, "noted", note)
    in_february = Condition(fact="expires_on", op="days_ahead_at_most", value=28)
    service = replace(ANYTHING, fees=(replace(ANYTHING.fees[0], only_if=in_february),), effect="noted")
    who = Applicant(kind="resident", number=ME, name="x", sex="1", birth=ME[6:14], valid_to=FOR_LIFE)
    for paid_on in (None, TODAY):
        case = Application(new_key(), who, {}, paid_on=paid_on)
        here.run(lambda conn, case=case: TRAFFIC.decide(conn, service, case, date(2027, 2, 3)))
    assert seen == [1000, 0]


@pytest.mark.parametrize(("kind", "fen"), [("small_car", 10000), ("motorcycle", 3500), ("trailer", 5000)])
def test_plates_are_ordered_with_a_temporary_one_for_who_pays_for_both(desk, kind: str, fen: int) -> None:
    here = desk(person(ME, vehicle=[car("V1", OWN, kind=kind), car("V2", LENT)]))
    order = {"like": "T14", "reason": "lost", "delivery": "meanwhile", "vehicle": OWN}
    assert here.file("plates_ordered", paid_fen=fen, **order).reasons == ["unpaid"]
    assert "temporary_plate_to" not in here.facts()
    assert here.file("plates_ordered", paid_fen=fen + 500, **order).accepted
    assert here.facts()["temporary_plate_to"] == "2027-02-11"
    assert here.file("plates_ordered", **(order | {"delivery": "window"})).accepted
    assert here.row("select count(*) from traffic.temporary_plate where vin = 'V1'") == (1,)


@pytest.mark.parametrize(
    ("asked", "reasons"),
    [
        ("a b c", ["violation_total"]),  # 3 + 3 + 6 reach twelve: none of them is decided
        ("a a a", []),
        ("lent", ["violation_unknown"]),
        ("", ["violation_unknown"]),
        ("big", ["violation_fine"]),
        (" ".join(f"x{n}" for n in range(21)), ["violation_too_many"]),
    ],
)
def test_what_cannot_be_settled_is_refused_whole(desk, asked: str, reasons: list[str]) -> None:
    own = [violation(name) for name in "ab"] + [violation("c", points=6), violation("big", fine_fen=50000)]
    here = desk(
        person(ME, licence=LICENCE, vehicle=[car("V1", OWN, *own)]),
        person(OTHER, vehicle=[car("V2", LENT, violation("lent"))]),
    )
    assert here.file("violations_settled", violations=asked).reasons == reasons
    assert here.facts()["points"] == (3 if not reasons else 0)
    assert here.row("select count(*) from traffic.violation where decision_number is not null") == (not reasons,)


def test_an_owner_without_a_licence_settles_a_record_without_points_and_no_other(desk) -> None:
    warned = violation("warned", points=0, fine_fen=0)
    here = desk(person(ME, vehicle=[car("V1", OWN, warned, violation("fined"))]))
    assert here.facts()["violations_settable"] == 1
    assert here.file("violations_settled", violations="fined").reasons == ["violation_licence"]
    assert here.file("violations_settled", violations="warned").accepted
    assert by_number(here.violations())["warned"].state == "paid"


def test_the_fourth_car_of_one_licence_is_reviewed_at_a_window(desk) -> None:
    cars = [car(f"V{n}", f"通A·0000{n}", violation(f"n{n}", points=1)) for n in range(1, 5)]
    here = desk(person(ME, licence=LICENCE, vehicle=cars))
    assert here.file("violations_settled", violations="n1 n2 n3 n4").reasons == ["violation_review_licence"]
    assert here.file("violations_settled", violations="n1 n2 n3").accepted
    assert here.file("violations_settled", violations="n4").reasons == ["violation_review_licence"]


@pytest.mark.parametrize(
    ("effect", "answers", "query", "found"),
    [
        ("licence_renewed", {}, "select expires_on, copies from traffic.licence", (date(2037, 3, 1), 1)),
        ("licence_replaced", {}, "select issued_on, copies from traffic.licence", (TODAY, 1)),
        ("driver_contact_changed", {"phone": "13900000000"}, "select phone from traffic.licence", ("13900000000",)),
        ("medical_submitted", {}, "select medical_due_on from traffic.licence", (date(2028, 2, 1),)),
        ("renewal_postponed", {"years": "3"}, "select postponed_to from traffic.licence", (date(2030, 1, 12),)),
        ("test_booked", {"what": "ability"}, "select what, state from traffic.booking", ("ability", "booked")),
        ("label_issued", {}, f"select inspection_due_on, inspected_on {OF_V1}", (date(2029, 3, 31), TODAY)),
        ("label_replaced", {"vehicle": OWN}, f"select copies {OF_V1}", (1,)),
        ("vehicle_licence_replaced", {}, f"select copies {OF_V1}", (1,)),
        ("plates_ordered", {}, f"select copies {OF_V1}", (1,)),
        ("vehicle_contact_changed", {"phone": "13900000001"}, f"select phone {OF_V1}", ("13900000001",)),
        ("temporary_plate_issued", {}, "select vin, valid_to from traffic.temporary_plate", ("N1", date(2027, 2, 11))),
    ],
)  # fmt: skip
def test_acceptance_changes_the_record(desk, effect: str, answers: dict, query: str, found: tuple) -> None:
    label = {"registered_on": date(2023, 3, 15), "inspection_due_on": date(2027, 3, 31), "label_to": date(2027, 3, 31)}
    insured = {"insured_to": date(2027, 12, 1)}
    here = desk(
        person(
            ME,
            licence={**LICENCE, "medical_due_on": date(2027, 2, 1)},
            vehicle=[car("V1", OWN, **label, **insured), car("N1", None, **insured)],
        )
    )
    assert here.file(effect, **answers).accepted
    assert here.row(query) == found


@pytest.mark.parametrize(
    ("effect", "answers", "reasons"),
    [
        ("renewal_postponed", {"years": "4"}, ["postponed_too_long"]),
        ("renewal_postponed", {"years": "x"}, ["postponed_too_long"]),
        ("medical_submitted", {}, ["medical_not_needed"]),
        ("label_issued", {}, ["label_exempt", "label_window", "label_insured"]),
        ("label_replaced", {}, ["label_valid"]),
        ("plates_ordered", {}, ["car_free"]),
        ("plates_ordered", {"vehicle": "通A·99999"}, ["vehicle_unknown"]),
        ("temporary_plate_issued", {}, ["new_car_clear", "new_car_insured", "temporary_count"]),
    ],
)
def test_what_the_record_speaks_against_is_refused_with_every_reason(desk, effect, answers, reasons) -> None:
    plates = [{"number": f"{n}", "issued_on": TODAY, "valid_to": TODAY} for n in range(3)]
    here = desk(person(ME, licence=LICENCE, vehicle=[
        car("V1", OWN, state="mortgaged", registered_on=date(2021, 6, 1), inspection_due_on=date(2027, 6, 30)),
        car("N1", None, state="recalled", temporary_plate=plates),
    ]))  # fmt: skip
    assert here.file(effect, **answers).reasons == reasons


@pytest.mark.parametrize(
    ("registered", "due", "more", "kind"),
    [
        ("2025-03-15", "2027-03-31", {}, "label"),
        ("2021-03-15", "2027-03-31", {}, "line"),  # the sixth year
        ("2017-03-15", "2027-03-31", {}, "line"),  # the tenth
        ("2019-03-15", "2027-03-31", {}, "label"),  # the eighth
        ("2019-08-20", "2023-08-20", {}, "line"),  # the fourth was missed, and the sixth is over since
        ("2021-08-20", "2023-08-20", {}, "label"),  # the second was missed, the fourth is on paper too
        ("2016-03-15", "2027-03-31", {}, "line"),
        ("2025-03-15", "2027-03-31", {"kind": "van"}, "other"),
        ("2025-03-15", "2027-03-31", {"seats": 10}, "other"),
        ("2025-03-15", "2027-03-31", {"used": "commercial"}, "other"),
        ("2025-03-15", "2027-03-31", {"kind": "motorcycle", "seats": 2}, "label"),
    ],
)
def test_ten_years_on_paper_but_for_the_sixth_and_the_tenth(desk, registered, due, more, kind) -> None:
    day = date.fromisoformat
    here = desk(person(ME, vehicle=[
        car("V1", OWN, registered_on=day(registered), inspection_due_on=day(due), **more),
    ]))  # fmt: skip
    assert here.facts()["label_kind"] == kind


def test_a_label_that_was_missed_is_given_until_a_day_that_is_to_come(desk) -> None:
    late = {"registered_on": date(2021, 8, 20), "inspection_due_on": date(2023, 8, 20)}
    here = desk(person(ME, vehicle=[car("V1", OWN, **late, insured_to=date(2027, 5, 1))]))
    assert here.file("label_issued", vehicle=OWN).accepted
    assert here.facts()["plates_inspected_to"] == f"{OWN}=2027-08-20"


@pytest.mark.parametrize(
    ("birth", "booked", "tries", "bookable"),
    [
        ("19540110", [], 0, (2, True)),  # 73
        ("19540110", ["medical"], 0, (1, True)),
        ("19540110", ["ability"], 0, (1, False)),
        ("19540110", [], 5, (1, False)),  # all tries are used, the medical check is not barred
        ("19570113", [], 0, (1, False)),  # 70 tomorrow
        ("19540110", ["subject_2"], 0, (2, True)),
        ("19540110", ["medical", "ability"], 0, (0, False)),
    ],
)
def test_each_test_is_booked_for_itself(
    desk, birth: str, booked: list[str], tries: int, bookable: tuple[int, bool]
) -> None:
    bookings = [{"key": new_key(), "what": what, "booked_on": TODAY} for what in booked]
    taken = [{"taken_on": TODAY, "score": score} for score in range(tries)]
    number = f"990101{birth}0019"
    facts = desk(person(number, licence=LICENCE, booking=bookings, ability_test=taken)).facts(number)
    assert (facts["tests_bookable"], facts["ability_bookable"]) == bookable
    assert (facts["medical_booked"], facts["exam_booked"]) == ("medical" in booked, "subject_2" in booked)


def test_of_several_cars_the_facts_tell_of_the_one_that_can_have_its_label(desk) -> None:
    day = {"registered_on": date(2023, 3, 15), "inspection_due_on": date(2027, 3, 31)}
    here = desk(person(ME, vehicle=[
        car("V1", OWN, violation("a"), **day, insured_to=date(2027, 5, 1)),
        car("V2", LENT, **{**day, "inspection_due_on": date(2027, 4, 1)}, insured_to=date(2027, 5, 1)),
    ]))  # fmt: skip
    facts = here.facts()
    assert (facts["label_car"], facts["label_unsettled"], facts["label_due_on"]) == (LENT, 0, "2027-04-01")
    assert here.file("label_issued", vehicle=OWN).reasons == ["label_settled"]


def test_who_is_unknown_has_no_facts(desk) -> None:
    assert desk().facts("990101198001010099") == {}


@pytest.mark.parametrize(
    ("taken_on", "today", "passed"),
    [
        ("2027-03-01", "2028-03-01", True),  # a year of 366 days
        ("2027-03-01", "2028-03-02", False),
        ("2028-02-29", "2029-02-28", True),
        ("2028-02-29", "2029-03-01", False),
        ("2026-01-12", "2027-01-12", True),
    ],
)
def test_an_ability_test_is_good_for_a_calendar_year(desk, taken_on: str, today: str, passed: bool) -> None:
    taken = {"taken_on": date.fromisoformat(taken_on), "score": 95}
    here = desk(person(ME, licence=LICENCE, ability_test=[taken]))
    assert here.facts(today=date.fromisoformat(today))["ability_test_passed"] is passed


def test_of_several_cars_each_day_of_inspection_is_told_beside_its_plate(desk) -> None:
    days = {OWN: date(2027, 3, 31), LENT: date(2028, 3, 31)}
    cars = [car(f"V{plate[-1]}", plate, inspection_due_on=day) for plate, day in days.items()]
    here = desk(person(ME, vehicle=[*cars, car("V3", "通A·00003"), car("N1", None)]))
    assert here.facts()["plates_inspected_to"] == f"{OWN}=2027-03-31,{LENT}=2028-03-31"
