"""Every exit-entry service to its end: what acceptance changes, and what each check refuses."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import msgspec
import psycopg
import pytest

from hub.department import Application, Decision
from hub.departments import departments
from hub.departments.exit_entry.effects import EFFECTS
from hub.desk import CannotMove
from kiosk.catalogue.loader import load
from kiosk.catalogue.rules import fees_due, limits_for, said_as_facts
from kiosk.messages import content
from kiosk.messages.certificates import read_sealed
from kiosk.messages.content import Applicant
from kiosk.messages.encoding import from_text
from kiosk.messages.envelope import new_key
from tests.hub.answered import judges_answer
from tests.hub.fixtures import CODE, PEOPLE, TODAY, Machine, RunningHub, paid
from tests.waiting import eventually

CATALOGUE = load()
LINE = [service for service in CATALOGUE.services.values() if service.line == "exit_entry"]
FILED = [service for service in LINE if service.has_step("file")]
HERE = departments()["exit_entry"]
NUMBERS = count(1)
Records = dict[str, Any]


def document(kind: str, **more: Any) -> Records:
    number = f"{kind[0].upper()}97{next(NUMBERS):06}"
    return {"kind": kind, "number": number, "expires_on": date(2031, 1, 1), "state": "valid", **more}


def good() -> Records:
    """Somebody who has everything."""
    kinds = ("passport", "hk_macao_permit", "taiwan_permit")
    firm = {"code": "91990100MA0000001Y", "name": "test", "recorded_to": date(2028, 1, 1)}
    person = {"household": "home", "open_city": True, "endorsed_here": True}
    return {"documents": [document(kind) for kind in kinds], "exit_entry": {"person": person, "firm": firm}}


def without(kind: str) -> Callable[[Records], None]:
    def change(records: Records) -> None:
        records["documents"] = [each for each in records["documents"] if each["kind"] != kind]

    return change


def of(kind: str, **more: Any) -> Callable[[Records], None]:
    def change(records: Records) -> None:
        next(each for each in records["documents"] if each["kind"] == kind).update(more)

    return change


def own(**more: Any) -> Callable[[Records], None]:
    return lambda records: records["exit_entry"].update(more)


def person(**more: Any) -> Callable[[Records], None]:
    return lambda records: records["exit_entry"]["person"].update(more)


def unused(letter: str) -> Callable[[Records], None]:
    both = [
        {"type": letter, "place": place, "remaining": 1, "valid_until": date(2027, 6, 1)}
        for place in ("hong_kong", "macao")
    ]
    return of("hk_macao_permit", endorsements=both)


def waits(kind: str, **more: Any) -> Callable[[Records], None]:
    return own(ordered=[{"kind": kind, "state": "in_review", **more}])


MADE_TWICE = ("hk_macao_permit", "taiwan_permit")
READY = waits("passport", state="ready")
START = {"E01": without("passport"), "E04": without("hk_macao_permit"), "E14": READY}
START["E15"] = waits("passport", fee_fen=12000)
ANSWERS: dict[str, dict[str, str]] = {
    "E02": {"reason": "damaged"},
    "E05": {"reason": "lost"},
    "E06": {"hong_kong": "1y_2", "macao": "3m_1"},
    "E07": {"hong_kong": "3m_2"},
    "E08": {"place": "macao", "macao": "1y_multi"},
    "E10": {"reason": "lost"},
    "E11": {"times": "1y_multi"},
    "E12": {"purpose": "tax"},
}
BARRED = {
    "seen_at_counter": own(bars=["official"]),
    "asked_at_counter": own(bars=["exit"]),
    "same_identity": person(identity_changed=True),
    "fingerprints_taken": person(fingerprints_taken=False),
}
USABLE = {
    "permit_valid": of("hk_macao_permit", state="lost"),
    "permit_long_enough": of("hk_macao_permit", expires_on=date(2027, 3, 1)),
    "permit_chip": of("hk_macao_permit", chip=False),
}
REFUSED: dict[str, dict[str, Callable[[Records], None]]] = {
    "E01": {
        **BARRED,
        "no_passport_before": lambda records: records["documents"].append(document("passport", state="lost")),
        "none_in_hand": waits("passport"),
    },
    "E02": {**BARRED, "passport_there": of("passport", state="lost"), "none_in_hand": waits("passport")},
    "E03": {**BARRED, "passport_there": without("passport"), "none_in_hand": waits("passport")},
    "E04": {
        **BARRED,
        "no_permit_before": lambda records: records["documents"].append(document("hk_macao_permit")),
        "none_in_hand": waits("hk_macao_permit"),
    },
    "E05": {**BARRED, "permit_there": of("hk_macao_permit", state="void"), "none_in_hand": waits("hk_macao_permit")},
    "E06": {**BARRED, **USABLE, "same_endorsement": unused("L")},
    "E07": {
        **(BARRED | USABLE),
        "open_city": person(open_city=False),
        "known_here": person(household="other_province", endorsed_here=False),
        "same_endorsement": unused("G"),
    },
    "E08": {
        **(BARRED | USABLE),
        "firm_recorded": lambda records: records["exit_entry"].pop("firm"),
        "same_endorsement": unused("S"),
    },
    "E09": {**BARRED, **USABLE},
    "E10": {**BARRED, "permit_there": of("taiwan_permit", state="void"), "none_in_hand": waits("taiwan_permit")},
    "E11": {
        **BARRED,
        "permit_valid": of("taiwan_permit", expires_on=date(2027, 1, 11)),
        "none_in_hand": waits("endorsement"),
    },
    "E12": {},
    "E14": {"document_ready": own(ordered=[]), "all_paid": waits("passport", state="ready", fee_fen=1)},
    "E15": {},
    "E16": {},
}


def records_of(service: str, *changes: Callable[[Records], None]) -> Records:
    records = copy.deepcopy(good())
    for change in (START.get(service), *changes):
        if change:
            change(records)
    return records


def somebody(**more: Any) -> Applicant:
    """A card with a number that nobody else has."""
    card = {k: v for k, v in PEOPLE["chen"]["card"].items() if k in Applicant.__struct_fields__}
    return Applicant(**{**card, "number": f"9901011979091{next(NUMBERS):05}", **more})


async def settle(conn: psycopg.AsyncConnection, applicant: Applicant, records: Records) -> None:
    await HERE.seed(conn, [{"card": {"number": applicant.number}, "records": records}])


async def decide(
    conn: psycopg.AsyncConnection,
    key: str,
    applicant: Applicant,
    service: str,
    answers: dict[str, str] | None = None,
    paid_fen: int = 0,
    second: Applicant | None = None,
) -> Decision:
    answers = ANSWERS.get(service, {}) if answers is None else answers
    answers = answers | ({"second_card": "guardian"} if second else {})
    application = Application(key, applicant, answers, paid_fen=paid_fen, second=second)
    return await HERE.decide(conn, CATALOGUE.services[service], application, TODAY)


@pytest.fixture(scope="module")
def works(hub: RunningHub) -> Callable[[Any], Any]:
    """Runs a story on the hub's database."""

    async def inside(story: Any) -> Any:
        async with await psycopg.AsyncConnection.connect(hub.dsn, autocommit=True) as conn:
            return await story(conn)

    return lambda story: asyncio.run(inside(story))


def test_every_service_of_the_facts_page_is_there_with_its_public_facts() -> None:
    assert sorted(service.key for service in LINE) == [f"E{n:02}" for n in range(1, 17)]
    for service in LINE:
        assert service.basis, service.key
        assert service.conditions, service.key
        assert service.materials, service.key
        assert service.procedure, service.key
        assert service.limit_promise, service.key
        assert service.fees or service.free_basis, service.key
        assert all(fee.basis for fee in service.fees), service.key
        assert service.elder_hint, service.key
        assert service.proxy, service.key
        assert service.delivery, service.key


@pytest.mark.parametrize("service", FILED, ids=lambda each: each.key)
def test_each_check_refuses_with_its_own_reason_and_nothing_changes(works: Callable[[Any], Any], service: Any) -> None:
    own_checks = {check.id for check in service.checks if not judges_answer(check)}
    refused = {name: change for name, change in REFUSED[service.key].items() if name in own_checks}
    assert set(refused) == own_checks, "a check without its story"

    async def story(conn: psycopg.AsyncConnection) -> None:
        for name, change in refused.items():
            applicant = somebody()
            await settle(conn, applicant, records_of(service.key, change))
            before = await HERE.facts(conn, applicant.number, TODAY)
            decision = await decide(conn, new_key(), applicant, service.key)
            assert (decision.accepted, decision.reasons) == (False, [name]), name
            assert await HERE.facts(conn, applicant.number, TODAY) == before

    works(story)


def form(applicant: Applicant, service: str, number: str, answers: dict[str, str]) -> bytes:
    identity, filed_at = content.Identity("face", "passed", 0.31, "test"), datetime(2027, 1, 12, 2, tzinfo=UTC)
    case = content.CaseForm(service, "2027.01", number, applicant, answers, identity, filed_at, slip_code=CODE)
    return content.encode_content(case)


COSTS_FEN = {
    "E01": 12000,
    "E02": 12000,
    "E03": 12000,
    "E04": 6000,
    "E05": 6000,
    "E10": 6000,
    "E06": 4500,
    "E07": 3000,
    "E08": 8000,
    "E11": 8000,
    "E15": 12000,
    "E16": 1000,
}
EXPECTED: dict[str, dict[str, Any]] = {
    "E01": {"passports_ordered": 1, "unpaid_fen": 0},
    "E02": {"passports_ordered": 1, "passport_state": "valid"},
    "E03": {"passports_ordered": 1, "passport_state": "lost"},
    "E04": {"hk_macao_permits_ordered": 1, "unpaid_fen": 0},
    "E05": {"hk_macao_permits_ordered": 1, "hk_macao_permit_state": "lost"},
    "E06": {"team_places_unused": 2, "team_unused_macao": True, "trips_left": 3, "valid_until": "2027-04-12"},
    "E07": {"personal_places_unused": 1, "trips_left": 2},
    "E08": {"business_places_unused": 1, "team_unused_macao": False},
    "E09": {},
    "E10": {"taiwan_permits_ordered": 1, "taiwan_permit_state": "lost"},
    "E11": {"endorsements_in_review": 1, "unpaid_fen": 0},
    "E12": {},
    "E14": {"documents_ready": 0, "passports_issued": 1, "passport_expires_on": "2037-01-12"},
    "E15": {"unpaid_fen": 0},
    "E16": {},
}


@pytest.mark.parametrize("service", FILED, ids=lambda each: each.key)
def test_each_service_is_filed_accepted_and_has_its_effect(
    hub: RunningHub, works: Callable[[Any], Any], module_machine: Machine, service: Any
) -> None:
    applicant, number = somebody(), f"{service.key}-end"
    works(lambda conn: settle(conn, applicant, records_of(service.key)))
    sent = module_machine.envelope("case", form(applicant, service.key, number, ANSWERS.get(service.key, {})))
    if cost_fen := COSTS_FEN.get(service.key):
        paid(hub, module_machine, sent.key, service.key, cost_fen)
    module_machine.deliver(sent)
    module_machine.wait_for(number, "accepted")
    if service.key == "E14":
        facts = works(lambda conn: HERE.facts(conn, applicant.number, TODAY))
        assert (facts["documents_ready"], facts.get("passports_issued", 0)) == (1, 0), "nothing is in the hand yet"
        assert works(lambda conn: HERE.handed_out(conn, sent.key, TODAY))
    facts = works(lambda conn: HERE.facts(conn, applicant.number, TODAY))
    assert {name: facts.get(name) for name in EXPECTED[service.key]} == EXPECTED[service.key]
    if service.key == "E12":
        found = hub.sql("select id_number, purpose from exit_entry.journeys_case where case_key = %s", sent.key)
        assert found == [(applicant.number, "tax")]
    if service.key == "E16":
        found = hub.sql("select good_until from exit_entry.photo_receipt where case_key = %s", sent.key)
        assert found == [(date(2028, 1, 12),)]


@pytest.mark.attack(3)
@pytest.mark.parametrize(
    ("service", "fen"), [("E01", 0), ("E06", 1500), ("E06", 4499), ("E11", 1500), ("E15", 6000), ("E16", 0)]
)
def test_nothing_is_given_for_less_than_its_price(
    hub: RunningHub, works: Callable[[Any], Any], module_machine: Machine, service: str, fen: int
) -> None:
    applicant, number = somebody(), f"{service}-{fen}"
    works(lambda conn: settle(conn, applicant, records_of(service)))
    before = works(lambda conn: HERE.facts(conn, applicant.number, TODAY))
    sent = module_machine.envelope("case", form(applicant, service, number, ANSWERS.get(service, {})))
    if fen:
        paid(hub, module_machine, sent.key, service, fen)
    module_machine.deliver(sent)
    module_machine.wait_for(number, "not_accepted")
    case = module_machine.case(number)
    assert case
    assert case.states[-1].reasons == ["unpaid"]
    assert works(lambda conn: HERE.facts(conn, applicant.number, TODAY)) == before
    rows = hub.sql("select state from payment_item where case_id = %s", sent.key)
    assert rows in ([], [("refund_due",)]), "what was paid goes back"


@pytest.fixture(scope="module")
def module_machine(hub: RunningHub) -> Machine:
    return hub.machine()


def test_every_effect_is_used_by_a_service() -> None:
    assert {service.effect for service in LINE if service.effect} == set(EFFECTS)


def test_a_passport_from_the_form_to_the_hand(works: Callable[[Any], Any]) -> None:
    async def story(conn: psycopg.AsyncConnection) -> None:
        applicant, key = somebody(), new_key()
        await settle(conn, applicant, records_of("E02", person(household="other_province")))
        decision = await decide(conn, key, applicant, "E02")
        assert decision.promised_on == date(2027, 2, 1), "twenty days for another province"
        assert (await decide(conn, new_key(), applicant, "E14")).reasons == ["document_ready", "all_paid"]
        assert (await decide(conn, new_key(), applicant, "E15", paid_fen=12000)).accepted
        await HERE.events(conn, 0, date(2027, 3, 1))
        facts = await HERE.facts(conn, applicant.number, TODAY)
        assert (facts["documents_ready"], facts["passport_expires_on"]) == (1, "2031-01-01")
        taking = new_key()
        assert (await decide(conn, taking, applicant, "E14")).accepted
        assert await HERE.handed_out(conn, taking, TODAY)
        states = [e.state for e in await HERE.desk.events(conn, 0, 5000) if e.case_key == key]
        assert states == ["in_review", "decided", "collected"]
        kept = {(d.kind, d.state) for d in await HERE.documents(conn, applicant.number) if d.kind == "passport"}
        assert kept == {("passport", "cancelled"), ("passport", "valid")}
        with pytest.raises(CannotMove):
            await HERE.desk.move(conn, key, "collected", TODAY, HERE.reached, officer="test")

    works(story)


def test_what_is_due_of_a_case_is_paid_by_somebody_else_and_nothing_else_of_its_person(
    works: Callable[[Any], Any],
) -> None:
    async def story(conn: psycopg.AsyncConnection) -> None:
        applicant, payer = somebody(), somebody()
        both = own(ordered=[{"kind": kind, "state": "in_review", "fee_fen": 6000} for kind in MADE_TWICE])
        await settle(conn, applicant, records_of("E15", both))
        first, second = await HERE.bills(conn, applicant.number, (), TODAY)
        assert [(bill.what, bill.due_fen) for bill in (first, second)] == [(kind, 6000) for kind in MADE_TWICE]
        assert await HERE.bills(conn, payer.number, (), TODAY) == []
        pays = {"answers": {"bills": first.number}, "paid_fen": 6000}
        assert (await decide(conn, new_key(), payer, "E15", **(pays | {"paid_fen": 5999}))).reasons == ["unpaid"]
        assert (await decide(conn, new_key(), payer, "E15", **pays)).accepted
        assert (await decide(conn, new_key(), payer, "E15", **pays)).reasons == ["something_unpaid"]
        both_again = {"answers": {"bills": f"{first.number} {second.number}"}, "paid_fen": 12000}
        assert (await decide(conn, new_key(), payer, "E15", **both_again)).reasons == ["something_unpaid"]
        assert await HERE.bills(conn, applicant.number, (), TODAY) == [second]
        assert [bill.due_fen for bill in await HERE.bills(conn, "", (first.number, second.number), TODAY)] == [0, 6000]

    works(story)


def test_an_endorsement_for_taiwan_is_written_when_it_is_decided_and_not_when_it_is_refused(
    works: Callable[[Any], Any],
) -> None:
    async def story(conn: psycopg.AsyncConnection) -> None:
        for state, written in (("decided", 1), ("refused", 0)):
            applicant, key = somebody(), new_key()
            await settle(conn, applicant, records_of("E11"))
            assert (await decide(conn, key, applicant, "E11")).accepted
            await HERE.desk.move(conn, key, state, TODAY, HERE.reached, officer="test")
            (permit,) = [d for d in await HERE.documents(conn, applicant.number) if d.kind == "taiwan_permit"]
            assert len(permit.endorsements) == written
            assert (await HERE.facts(conn, applicant.number, TODAY))["endorsements_in_review"] == 0

    works(story)


@pytest.mark.attack(3)
@pytest.mark.parametrize(
    ("service", "answers", "reason"),
    [
        ("E06", {}, "endorsement_unknown"),
        ("E06", {"hong_kong": "99y_multi"}, "endorsement_unknown"),
        ("E06", {"hong_kong": "3m_1", "macao": "'; drop table"}, "endorsement_unknown"),
        ("E07", {"hong_kong": "1y_multi"}, "endorsement_of_other_city"),
        ("E07", {"macao": "1y_weekly"}, "endorsement_of_other_city"),
        ("E11", {"times": "none"}, "endorsement_unknown"),
        ("E11", {"times": "3m_1", "taiwan_permit": "read", "taiwan_permit_number": "L99999999"}, "permit_other"),
    ],
)
def test_what_a_page_never_offered_is_not_granted(
    works: Callable[[Any], Any], service: str, answers: dict[str, str], reason: str
) -> None:
    async def story(conn: psycopg.AsyncConnection) -> Decision:
        applicant = somebody()
        await settle(conn, applicant, records_of(service))
        return await decide(conn, new_key(), applicant, service, answers)

    assert works(story).reasons == [reason]


def test_an_unused_endorsement_of_the_same_place_stands_in_the_way_of_that_place_alone(
    works: Callable[[Any], Any],
) -> None:
    one = [{"type": "G", "place": "macao", "remaining": 1, "valid_until": date(2027, 6, 1)}]

    async def story(conn: psycopg.AsyncConnection) -> None:
        applicant = somebody()
        await settle(conn, applicant, records_of("E07", of("hk_macao_permit", endorsements=one)))
        for answers, reasons in (({"macao": "3m_1"}, ["place_not_used_up"]), ({"hong_kong": "1y_1"}, [])):
            assert (await decide(conn, new_key(), applicant, "E07", answers)).reasons == reasons

    works(story)


@pytest.mark.parametrize(
    ("service", "answers", "yuan"),
    [
        ("E06", {"hong_kong": "3m_2", "macao": "1y_1"}, 45),
        ("E06", {"place": "macao", "macao": "3m_1"}, 15),
        ("E07", {"hong_kong": "1y_multi", "macao": "1y_weekly"}, 160),
        ("E08", {"hong_kong": "3m_multi", "macao": "3m_1"}, 95),
        ("E11", {"times": "3m_1"}, 15),
        ("E01", {}, 120),
        ("E12", {}, 0),
    ],
)
def test_the_price_is_that_of_what_was_chosen(service: str, answers: dict[str, str], yuan: int) -> None:
    fees = fees_due(CATALOGUE.services[service], said_as_facts(answers), TODAY)
    assert sum(fee.amount_fen for fee in fees) == yuan * 100


def test_the_limit_depends_on_where_somebody_is_registered() -> None:
    for household, days in (("home", (15, 7)), ("province", (15, 7)), ("other_province", (30, 20)), (None, (15, 7))):
        law, promise = limits_for(CATALOGUE.services["E01"], {"household": household}, TODAY)
        assert (law and law.n, promise and promise.n) == days


@pytest.mark.parametrize(
    ("day", "hong_kong", "macao"),
    [
        (date(2024, 11, 30), {"3m_1", "3m_2", "1y_1", "1y_2"}, {"3m_1", "1y_1"}),
        (date(2024, 12, 1), {"3m_1", "3m_2", "1y_1", "1y_2", "1y_multi"}, {"3m_1", "1y_1"}),
        (date(2025, 1, 1), {"3m_1", "3m_2", "1y_1", "1y_2", "1y_multi"}, {"3m_1", "1y_1", "1y_weekly", "1y_multi"}),
    ],
)
def test_choices_appear_on_the_day_of_their_rule(day: date, hong_kong: set[str], macao: set[str]) -> None:
    (form,) = [step for step in of_day("E07", day).steps if step.kind == "form" and step.fields[0].options]
    offered = {field.name: {option.id for option in field.options} for field in form.fields}
    assert (offered["hong_kong"], offered["macao"]) == (hong_kong, macao)


def test_family_visits_to_taiwan_are_open_to_everybody_from_their_day_on() -> None:
    for day, is_asked in ((date(2025, 11, 4), True), (date(2025, 11, 5), False)):
        assert ("registered_here" in {check.id for check in of_day("E11", day).checks}) == is_asked


def of_day(key: str, day: date) -> Any:
    return load(day=day).services[key]


def test_nobody_who_looks_at_the_screen_learns_why_somebody_is_sent_to_the_counter() -> None:
    words = {
        msgspec.json.encode((check.public, check.what_to_do))
        for service in LINE
        for check in service.checks
        if check.id in ("seen_at_counter", "asked_at_counter")
    }
    assert len(words) == 1


@pytest.mark.parametrize("times", [0, 2])
def test_journeys_of_five_years_are_certified_to_their_own_person(
    hub: RunningHub, works: Callable[[Any], Any], module_machine: Machine, times: int
) -> None:
    applicant, number = somebody(), f"E12-{times}"
    at = datetime(2026, 5, 1, tzinfo=UTC)
    journeys = [{"at": at, "direction": way, "port": "test", "document": "E97"} for way in ("out", "in")][:times]
    works(lambda conn: settle(conn, applicant, records_of("E12", own(crossings=journeys))))
    sent = module_machine.envelope("case", form(applicant, "E12", number, {"purpose": "tax"}))
    module_machine.deliver(sent)
    module_machine.wait_for(number, "accepted")
    about = {"service": "E12", "id_number": applicant.number, "key": sent.key}
    # The first paper of a process loads its fonts: on a busy machine the department is late once.
    eventually(lambda: module_machine.status_of("certificate", **about) == 200, "the paper is drawn")
    paper: Any = module_machine.ask("certificate", **about)
    said = read_sealed(from_text(paper.pdf), [hub.said["verify_key"]], module_machine.clock.now())
    assert (said.id_number, said.department, said.issued_on) == (applicant.number, "exit_entry", TODAY)
    stranger: Any = module_machine.ask("certificate", service="E12", id_number=somebody().number, key=sent.key)
    assert not stranger.pdf
