"""Every service of 交管 filed through a real hub to acceptance, with what it changes; and refused with its reasons."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from hub.departments import departments
from hub.departments.traffic.fines import PAID_WITHIN_DAYS
from hub.people.generated import population
from kiosk.catalogue.loader import load
from kiosk.catalogue.rules import failed_checks, unfit
from kiosk.messages import content
from kiosk.messages.certificates import read_sealed
from kiosk.messages.encoding import from_text
from kiosk.messages.envelope import new_key
from tests.hub.answered import judges_answer
from tests.hub.fixtures import CODE, TODAY, Machine, RunningHub, paid
from tests.hub.test_traffic_records import LENT, ME, OWN, Desk, car, person, violation
from tests.waiting import eventually

SERVICES = {key: s for key, s in load().services.items() if s.department == "traffic"}
FILED = sorted(key for key, service in SERVICES.items() if service.has_step("file"))
DECISION = "990100000000001"
BOUND = {"insured_to": TODAY.replace(year=2028), "label_to": TODAY.replace(year=2028)}
YEARS_AGO = TODAY.replace(year=2023, month=2)
EVERYTHING = {
    "licence": {
        "class": "C1",
        "expires_on": TODAY.replace(month=3),
        "medical_on": TODAY,
        "medical_due_on": TODAY.replace(month=2, day=1),
    },
    "learner": {"class": "D", "valid_to": TODAY.replace(year=2028), "subject": 2},
    "vehicle": [
        car("V1", OWN, registered_on=YEARS_AGO, inspection_due_on=TODAY.replace(month=2), **BOUND),
        car(
            "V2",
            LENT,
            violation("v-open"),
            violation("v-fine", driver=ME, decision_number=DECISION, decided_on=TODAY),
            **BOUND,
        ),
        car("N1", None, insured_to=TODAY.replace(year=2028)),
    ],
}
ANSWERS = {
    "T06": {"what": "renewal", "reason": "illness", "years": "2"},
    "T09": {"violations": "v-open"},
    "T10": {"decisions": DECISION},
    "T17": {"record": "safe_driving"},
    "T18": {"what": "subject_2"},
    "T19": {"what": "medical"},
}
CHANGED = {
    "T01": ("select expires_on from traffic.licence where id_number = %s", TODAY.replace(year=2037, month=3)),
    **dict.fromkeys(("T02", "T03", "T04"), ("select copies from traffic.licence where id_number = %s", 1)),
    "T05": (
        "select medical_due_on from traffic.licence where id_number = %s",
        TODAY.replace(year=2028, month=2, day=1),
    ),
    "T06": ("select postponed_to from traffic.licence where id_number = %s", TODAY.replace(year=2029)),
    "T07": ("select phone from traffic.licence where id_number = %s", "13800000000"),
    "T09": ("select driver from traffic.violation where number = 'v-open' and %s <> ''", ME),
    "T10": ("select paid_on from traffic.violation where number = 'v-fine' and %s <> ''", TODAY),
    "T11": (
        "select inspection_due_on from traffic.vehicle where vin = 'V1' and owner = %s",
        TODAY.replace(year=2029, month=2),
    ),
    **dict.fromkeys(("T12", "T13", "T14"), ("select sum(copies)::integer from traffic.vehicle where owner = %s", 1)),
    "T15": ("select count(*)::integer from traffic.temporary_plate where vin = 'N1' and %s <> ''", 1),
    "T16": ("select max(phone) from traffic.vehicle where owner = %s", "13800000000"),
    "T20": (
        "select kept_to from traffic.plate_number join traffic.vehicle using (vin) where owner = %s",
        date(2027, 2, 11),
    ),
    "T17": ("select kind from traffic.record_case where id_number = %s", "safe_driving"),
    "T18": ("select what from traffic.booking where id_number = %s", "subject_2"),
    "T19": ("select what from traffic.booking where id_number = %s", "medical"),
}


@pytest.fixture(scope="module")
def machine(hub: RunningHub) -> Machine:
    return hub.machine()


@pytest.fixture
def somebody(hub: RunningHub) -> Iterator[None]:
    """Who has everything: licence, learner's certificate, cars, an open violation, a fine."""
    Desk(hub.dsn, [person(ME, **EVERYTHING)])
    yield
    Desk(hub.dsn, [person(ME)])


def file(
    machine: Machine,
    number: str,
    service: str,
    receipt: str,
    paid_fen: int = 0,
    *,
    paid_days_ago: int = 0,
    **answers: str,
) -> str:
    card = {"kind": "resident", "name": "试", "sex": "1", "valid_to": content.FOR_LIFE}
    form = content.CaseForm(
        service=service,
        catalogue_version="2027.01",
        receipt_number=receipt,
        applicant=content.Applicant(**card, number=number, birth=number[6:14]),
        answers={"phone": "13800000000", **answers},
        identity=content.Identity("face", "passed", 0.31, "test"),
        filed_at=datetime(2027, 1, 12, 2, tzinfo=UTC),
        slip_code=CODE,
    )
    sent = machine.envelope("case", content.encode_content(form))
    if paid_fen:
        paid(machine.hub, machine, sent.key, service, paid_fen, paid_days_ago)
    machine.deliver(sent)
    return sent.key


def offered(machine: Machine) -> str:
    """A number that can be chosen for the new car."""
    return machine.ask("plates", action="offer", service="T20", key=new_key(), id_number=ME).numbers[0]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("somebody")
@pytest.mark.parametrize("key", FILED)
def test_it_is_filed_accepted_and_changes_the_record(hub: RunningHub, machine: Machine, key: str) -> None:
    if key == "T01":
        Desk(hub.dsn, [person(ME, **{**EVERYTHING, "vehicle": EVERYTHING["vehicle"][:1]})])
    assert machine.ask("eligibility", service=key, id_number=ME).failed == []
    answers = {"plate_number": offered(machine)} if key == "T20" else ANSWERS.get(key, {})
    file(machine, ME, key, f"R-{key}", 10000 if key == "T10" else 0, **answers)
    machine.wait_for(f"R-{key}", "accepted")
    query, found = CHANGED[key]
    assert hub.sql(query, ME) == [(found,)]


@pytest.mark.usefixtures("somebody")
def test_violations_are_asked_through_the_hub_and_a_fine_by_its_number(machine: Machine) -> None:
    told = machine.ask("violations", id_number=ME)
    assert [(each.number, each.state, each.decision_number) for each in told.violations] == [
        ("v-open", "open", ""),
        ("v-fine", "decided", DECISION),
    ]
    (fine,) = machine.ask("violations", id_number=ME, decision_number=DECISION).violations
    assert (fine.number, fine.plate, fine.act, fine.fine_fen) == ("", "", "", 10000)


@pytest.mark.usefixtures("somebody")
@pytest.mark.parametrize("record", ["driver", "vehicle", "safe_driving", "learner"])
def test_a_record_is_sealed_and_proves_itself(hub: RunningHub, machine: Machine, record: str) -> None:
    key = file(machine, ME, "T17", f"R-{record}", record=record)
    machine.wait_for(f"R-{record}", "accepted")
    asked = {"service": "T17", "id_number": ME, "key": key}
    # Who draws for the first time loads for a while; a department that is busy says so, and is asked again.
    eventually(lambda: machine.status_of("certificate", **asked) == 200, "the department draws")
    told = machine.ask("certificate", **asked)
    statement = read_sealed(from_text(told.pdf), [hub.said["verify_key"]], machine.clock.now())
    assert (statement.id_number, statement.department, statement.number) == (ME, "traffic", told.number)


@pytest.mark.parametrize(("subject", "right"), [(1, ["1"]), (2, ["2"]), (3, ["3"]), (4, ["3"])])
def test_only_the_exam_that_is_next_can_be_booked(
    hub: RunningHub, machine: Machine, subject: int, right: list[str]
) -> None:
    for wished in ("1", "2", "3"):
        Desk(hub.dsn, [person(ME, **{**EVERYTHING, "learner": {**EVERYTHING["learner"], "subject": subject}})])
        receipt = f"R-exam-{subject}-{wished}"
        file(machine, ME, "T18", receipt, what=f"subject_{wished}")
        machine.wait_for(receipt, "accepted" if wished in right else "not_accepted")
        case = machine.case(receipt)
        assert case
        assert case.states[-1].reasons == ([] if wished in right else [f"exam_{wished}_next"])
    Desk(hub.dsn, [person(ME)])


def test_who_is_no_learner_any_more_gets_no_learners_certificate(hub: RunningHub, machine: Machine) -> None:
    learner = {**EVERYTHING["learner"], "valid_to": TODAY - timedelta(days=1)}
    Desk(hub.dsn, [person(ME, **{**EVERYTHING, "learner": learner})])
    file(machine, ME, "T17", "R-late", record="learner")
    machine.wait_for("R-late", "not_accepted")
    case = machine.case("R-late")
    assert case
    assert case.states[-1].reasons == ["no_such_record"]
    Desk(hub.dsn, [person(ME)])


@pytest.mark.parametrize(("days_left", "failed"), [(0, []), (-1, ["known_here"])])
def test_who_is_a_learner_and_nothing_else_has_a_record(
    hub: RunningHub, machine: Machine, days_left: int, failed: list[str]
) -> None:
    learner = {**EVERYTHING["learner"], "valid_to": TODAY + timedelta(days=days_left)}
    Desk(hub.dsn, [person(ME, learner=learner)])
    assert machine.ask("eligibility", service="T17", id_number=ME).failed == failed
    Desk(hub.dsn, [person(ME)])


@pytest.mark.attack(3)
@pytest.mark.usefixtures("somebody")
@pytest.mark.parametrize("paid_fen", [0, 9999])
def test_no_fine_is_paid_with_less_than_it_is_and_what_was_paid_goes_back(
    hub: RunningHub, machine: Machine, paid_fen: int
) -> None:
    key = file(machine, ME, "T10", f"R-{paid_fen}", paid_fen, **ANSWERS["T10"])
    machine.wait_for(f"R-{paid_fen}", "not_accepted")
    case = machine.case(f"R-{paid_fen}")
    assert case
    assert case.states[-1].reasons == ["unpaid"]
    assert hub.sql("select paid_on from traffic.violation where number = 'v-fine'") == [(None,)]
    assert hub.sql("select state from payment_item where case_id = %s", key) in ([], [("refund_due",)])


def test_a_fine_that_was_paid_in_full_is_paid_however_long_its_department_was_away(
    hub: RunningHub, machine: Machine
) -> None:
    in_time, decided = TODAY - timedelta(days=3), {"driver": ME, "decision_number": DECISION}
    fine = violation("v-fine", decided_on=in_time - timedelta(days=PAID_WITHIN_DAYS), **decided)
    Desk(hub.dsn, [person(ME, licence=EVERYTHING["licence"], vehicle=[car("V2", LENT, fine)])])
    assert machine.ask("bills", service="T10", id_number=ME).bills[0].late_fen == 900  # type: ignore[attr-defined]
    file(machine, ME, "T10", "R-away", fine["fine_fen"], paid_days_ago=3, **ANSWERS["T10"])
    machine.wait_for("R-away", "accepted")
    assert hub.sql("select paid_on from traffic.violation where number = 'v-fine'") == [(in_time,)]
    Desk(hub.dsn, [person(ME)])


@pytest.mark.attack(3)
@pytest.mark.usefixtures("somebody")
@pytest.mark.parametrize(("key", "way"), [("T01", "post"), ("T03", "at_once"), ("T13", "post"), ("T15", "at_once")])
def test_nothing_is_posted_or_made_at_the_machine_unpaid(hub: RunningHub, machine: Machine, key: str, way: str) -> None:
    Desk(hub.dsn, [person(ME, **{**EVERYTHING, "vehicle": [EVERYTHING["vehicle"][0], EVERYTHING["vehicle"][2]]})])
    for receipt, fen, state in ((f"R-{key}-free", 499, "not_accepted"), (f"R-{key}-paid", 1000, "accepted")):
        file(machine, ME, key, receipt, fen, delivery=way, vehicle={"T13": OWN, "T15": "N1"}.get(key, ""))
        machine.wait_for(receipt, state)
    case = machine.case(f"R-{key}-free")
    assert case
    assert case.states[-1].reasons == ["unpaid"]


@pytest.mark.usefixtures("somebody")
def test_a_fine_that_two_people_pay_at_the_same_time_is_paid_once_and_the_other_gets_the_money_back(
    hub: RunningHub, machine: Machine
) -> None:
    for receipt, state in (("R-first", "accepted"), ("R-second", "not_accepted")):
        key = file(machine, ME, "T10", receipt, 10000, **ANSWERS["T10"])
        machine.wait_for(receipt, state)
    case = machine.case("R-second")
    assert case
    assert case.states[-1].reasons == ["fine_paid"]
    assert hub.sql("select state from payment_item where case_id = %s", key) == [("refund_due",)]


@pytest.mark.usefixtures("somebody")
def test_a_violation_that_is_settled_twice_is_refused_with_its_reason(machine: Machine) -> None:
    for receipt, state in (("R-once", "accepted"), ("R-twice", "not_accepted")):
        file(machine, ME, "T09", receipt, violations="v-open")
        machine.wait_for(receipt, state)
    case = machine.case("R-twice")
    assert case
    assert "violation_there" in case.states[-1].reasons


def test_every_check_refuses_somebody_through_hub_and_department_with_its_reason(
    hub: RunningHub, machine: Machine
) -> None:
    people = population(departments().values(), TODAY)
    Desk(hub.dsn, people)
    wanted = {(key, check.id) for key in FILED for check in SERVICES[key].checks if not judges_answer(check)}
    filed: dict[str, list[str]] = {}
    desk = Desk(hub.dsn, [])
    facts = {each["card"]["number"]: desk.facts(each["card"]["number"]) for each in people}
    for each in people:
        card = each["card"]
        for key in FILED:
            birth = datetime.strptime(card["birth"], "%Y%m%d").replace(tzinfo=UTC).date()
            if unfit(SERVICES[key], card_kind="resident", birth=birth, valid_to=None, today=TODAY):
                continue
            failed = failed_checks(SERVICES[key], facts[card["number"]], TODAY)
            if new := wanted & {(key, check) for check in failed}:
                wanted -= new
                receipt = f"N-{len(filed)}"
                filed[receipt] = failed
                file(machine, card["number"], key, receipt)
    assert wanted == set(), "a check that refuses nobody"
    told: dict[str, list[str]] = {}

    def all_told() -> bool:
        for receipt in filed.keys() - told.keys():
            if (case := machine.case(receipt)) and case.states[-1].state == "not_accepted":
                told[receipt] = case.states[-1].reasons
        return len(told) == len(filed)

    eventually(all_told, "the department's word on every refusal")
    assert told == filed
