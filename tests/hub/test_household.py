"""The household line whole: every service through its department to acceptance with its effect, every check refused.

One database for the file; who asks is found in the made-up population by the catalogue's own rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from hub.database import prepare
from hub.department import Application, Decision, Facts, due_of
from hub.departments import departments
from hub.departments.household.city import STANDARD
from hub.people.generated import population
from kiosk.catalogue.id_card_years import card_valid_to
from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Check, Service
from kiosk.catalogue.rules import failed_checks, fees_due, holds, unfit
from kiosk.clock import day_of, months_later
from kiosk.journey.reasons import reason
from kiosk.messages.content import Applicant
from kiosk.messages.envelope import new_key
from tests.hub.fixtures import TODAY

HOUSEHOLD = departments()["household"]
SERVICES = {service.key: service for service in load().of_line("household")}
FILED = [service for service in SERVICES.values() if service.has_step("file")]
CHECKS = [(service, check) for service in FILED for check in service.checks]
PEOPLE = population(departments().values(), TODAY)
PAID_FEN = 4000
"""What the dearest ID card costs; nothing else of this line is paid at a machine."""
Work = Callable[[psycopg.AsyncConnection], Awaitable[Any]]


class Register:
    """The department on a real database; ``facts`` as they were before anything was asked for."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        prepare(dsn)
        self.facts: dict[str, Facts] = self.run(self._facts)

    def run(self, work: Work) -> Any:
        async def inside() -> Any:
            async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as conn:
                return await work(conn)

        return asyncio.run(inside())

    async def _facts(self, conn: psycopg.AsyncConnection) -> dict[str, Facts]:
        await HOUSEHOLD.seed(conn, PEOPLE)
        return {
            person["card"]["number"]: await HOUSEHOLD.facts(conn, person["card"]["number"], TODAY) for person in PEOPLE
        }

    def try_out(self, service: Service, person: dict[str, Any], answers: dict[str, Any], query: str = "") -> Any:
        """The decision and, after it, what ``query`` finds of this person; then everything is as before."""

        async def inside(conn: psycopg.AsyncConnection) -> tuple[Decision, list[tuple]]:
            async with conn.transaction(force_rollback=True):
                application = Application(new_key(), applicant(person), answers, paid_fen=PAID_FEN)
                decision = await HOUSEHOLD.decide(conn, service, application, TODAY)
                rows = await conn.execute(query.encode(), [person["card"]["number"]]) if query else None
                return decision, await rows.fetchall() if rows else []

        return self.run(inside)


@pytest.fixture(scope="module")
def register(database: str) -> Register:
    return Register(database)


def applicant(person: dict[str, Any]) -> Applicant:
    return Applicant(**{name: value for name, value in person["card"].items() if name in Applicant.__struct_fields__})


def fit(service: Service) -> Iterator[dict[str, Any]]:
    """Everybody whose card and age the service takes."""
    for person in PEOPLE:
        card = person["card"]
        dates = {"birth": day_of(card["birth"]), "valid_to": day_of(card["valid_to"])}
        if not unfit(service, card_kind=card["kind"], today=TODAY, **dates):
            yield person


def who(register: Register, service: Service, wanted: Callable[[list[str], Facts], bool]) -> dict[str, Any]:
    """Somebody of whom the checks that fail, and the facts, are as wanted; of several the one with fewest failures."""
    judged = [
        (failed_checks(service, facts, TODAY), facts, person)
        for person in fit(service)
        if (facts := register.facts[person["card"]["number"]])
    ]
    found = [(len(failed), at, person) for at, (failed, facts, person) in enumerate(judged) if wanted(failed, facts)]
    assert found, f"{service.key}: nobody is like that"
    return min(found, key=lambda each: each[:2])[2]


def all_well(failed: list[str], _facts: Facts) -> bool:
    return not failed


def card_query(column: str) -> str:
    return f"select {column} from household.id_card where id_number = %s"


CASE = (
    "select reason, state, applied_on, valid_to from household.id_case where id_number = %s "
    "and applied_on = '2027-01-12'"
)
BOOKED = "select answers from household.visit_booked where id_number = %s"
ENDINGS: dict[str, tuple[dict[str, Any], str, Callable[[dict[str, Any]], list[tuple]]]] = {
    "H01": ({}, CASE, lambda p: [("expired", "in_work", TODAY, new_last_day(p))]),
    "H02": ({}, CASE, lambda p: [("damaged", "in_work", TODAY, new_last_day(p))]),
    "H03": ({}, CASE, lambda p: [("lost", "in_work", TODAY, new_last_day(p))]),
    "H04": ({"child_name": "王小明"}, BOOKED, lambda _: [({"child_name": "王小明"},)]),
    "H06": (
        {},
        "select issued_on, valid_to from household.temporary_card where id_number = %s and valid_to >= '2027-04-12'",
        lambda _: [(TODAY, date(2027, 4, 12))],
    ),
    "H07": ({}, card_query("state, issued_on < '2027-01-12'"), lambda _: [("valid", True)]),
    "H08": (
        {"purpose": "work"},
        "select purpose from household.offences_case where id_number = %s",
        lambda _: [("work",)],
    ),
    "H09": (
        {"certificate_kind": "kinship"},
        "select kind from household.household_case where id_number = %s",
        lambda _: [("kinship",)],
    ),
    "H10": ({}, "select book_state from household.resident where id_number = %s", lambda _: [("valid",)]),
    "H11": (
        {"address": STANDARD[0]},
        "select address, state from household.residence where id_number = %s",
        lambda _: [(STANDARD[0], "registered")],
    ),
    "H12": (
        {"reason": "work"},
        "select state, valid_to, still_resident from household.residence_permit where id_number = %s",
        lambda _: [("normal", months_later(TODAY, 12), True)],
    ),
    "H13": ({}, "select state from household.residence_permit where id_number = %s", lambda _: [("normal",)]),
    "H14": (
        {"reason": "damaged"},
        "select state, replaced_on from household.residence_permit where id_number = %s and state <> 'cancelled'",
        lambda person: [(person["records"]["residence_permit"]["state"], TODAY)],
    ),
    "H16": ({"child_name": "王小明"}, BOOKED, lambda _: [({"child_name": "王小明"},)]),
    "H17": ({"place": "远山省"}, BOOKED, lambda _: [({"place": "远山省"},)]),
    "H18": ({"entry": "name"}, BOOKED, lambda _: [({"entry": "name"},)]),
}


def new_last_day(person: dict[str, Any]) -> date | None:
    birth = day_of(person["card"]["birth"])
    assert birth
    return card_valid_to(birth, TODAY)


@pytest.mark.parametrize("key", ENDINGS)
def test_a_case_is_accepted_with_what_it_changes(register: Register, key: str) -> None:
    service, (answers, query, ending) = SERVICES[key], ENDINGS[key]
    person = who(register, service, all_well)
    decision, rows = register.try_out(service, person, answers, query)
    assert (decision.accepted, decision.reasons) == (True, [])
    assert rows == ending(person)


def test_every_service_that_is_filed_is_walked_here() -> None:
    assert {service.key for service in FILED} == {*ENDINGS, "H05"}
    assert set(SERVICES) == {f"H{n:02}" for n in range(1, 19)}


@pytest.mark.parametrize(("service", "check"), CHECKS, ids=[f"{s.key}-{c.id}" for s, c in CHECKS])
def test_every_check_refuses_with_its_own_reason(register: Register, service: Service, check: Check) -> None:
    person = who(register, service, lambda failed, _: check.id in failed)
    answers = ENDINGS[service.key][0] if service.key in ENDINGS else {"declaration": "lost"}
    decision, _ = register.try_out(service, person, answers)
    assert not decision.accepted
    assert check.id in decision.reasons
    assert decision.reasons == failed_checks(service, register.facts[person["card"]["number"]], TODAY)


@pytest.mark.parametrize(
    ("said", "state", "open_cases", "reasons", "after"),
    [
        ("lost", "valid", 0, [], "lost"),
        ("lost", "lost", 0, ["loss_declared_before"], "lost"),
        ("found", "lost", 0, [], "valid"),
        ("found", "valid", 0, ["card_not_lost"], "valid"),
        ("found", "lost", 1, ["card_replaced"], "lost"),
    ],
)
def test_a_loss_counts_once_and_is_undone_until_a_new_card_is_made(
    register: Register, said: str, state: str, open_cases: int, reasons: list[str], after: str
) -> None:
    def wanted(failed: list[str], facts: Facts) -> bool:
        pending = facts["id_cases_open"] + facts["id_cards_to_collect"]  # type: ignore[operator]
        return not failed and (facts["id_card_state"], pending) == (state, open_cases)

    person = who(register, SERVICES["H05"], wanted)
    decision, rows = register.try_out(SERVICES["H05"], person, {"declaration": said}, card_query("state"))
    assert (decision.reasons, rows) == (reasons, [(after,)])


def test_half_a_year_after_the_residence_the_permit_is_due_and_before_its_day_is_told(register: Register) -> None:
    """B08: who comes to live here registers now, and hears when to come for the permit; then it is on the list."""
    person = who(
        register,
        SERVICES["H11"],
        lambda failed, facts: not failed and facts["residence_months"] == facts["permits_held"] == 0,
    )
    number, h12 = person["card"]["number"], SERVICES["H12"]
    last = TODAY + timedelta(days=180)  # half a year after 12 January is 12 July

    async def look(conn: psycopg.AsyncConnection) -> list[tuple]:
        async with conn.transaction(force_rollback=True):
            before = await HOUSEHOLD.facts(conn, number, TODAY)
            application = Application(new_key(), applicant(person), {"address": STANDARD[0]})
            assert (await HOUSEHOLD.decide(conn, SERVICES["H11"], application, TODAY)).accepted
            days = (TODAY, last, last + timedelta(days=1))
            facts = [before, *[await HOUSEHOLD.facts(conn, number, day) for day in days]]
            return [
                (known["permit_possible_on"], [each.service for each in due_of([h12], known, day)])
                for known, day in zip(facts, (TODAY, *days), strict=True)
            ]

    told = register.run(look)
    assert told == [("2027-07-12", [])] * 3 + [("2027-07-12", ["H12"])]
    failed = reason(h12, "registered_half_a_year", {"permit_possible_on": "2027-07-12", "residence_months": 0})
    assert "2027-07-12 起可以办理" in failed.value.zh
    assert "起可以办理" not in reason(h12, "registered_half_a_year").value.zh, "without the department no day is named"


def test_an_address_that_is_not_in_the_standard_base_registers_nothing(register: Register) -> None:
    person = who(register, SERVICES["H11"], all_well)
    query = "select address from household.residence where id_number = %s and address = 'nowhere'"
    decision, rows = register.try_out(SERVICES["H11"], person, {"address": "nowhere"}, query)
    assert (decision.reasons, rows) == (["address_unknown"], [])


def test_about_a_long_holiday_a_permit_is_promised_and_decided_within_the_days_of_the_law(register: Register) -> None:
    """Accepted before Spring Festival 2026: ten working days would end on 4 March, the law allows fifteen days."""
    person, key, day = who(register, SERVICES["H12"], all_well), new_key(), date(2026, 2, 12)

    async def inside(conn: psycopg.AsyncConnection) -> tuple[Decision, Any]:
        async with conn.transaction(force_rollback=True):
            asked = Application(key, applicant(person), {"reason": "work"})
            decision = await HOUSEHOLD.decide(conn, replace(SERVICES["H12"], checks=()), asked, day)
            rows = await conn.execute("select decide_on from household.case_desk where case_key = %s", [key])
            return decision, (await rows.fetchone() or (None,))[0]

    decision, decide_on = register.run(inside)
    assert (decision.promised_on, decision.promised_by) == (date(2026, 2, 27), "law")
    assert day < decide_on <= decision.promised_on


PERMIT = "select state, valid_to from household.residence_permit where id_number = %s"


def test_a_permit_ends_for_who_has_moved_the_household_here_and_nobody_collects_it(register: Register) -> None:
    person = who(register, SERVICES["H14"], all_well)
    number, key = person["card"]["number"], new_key()

    async def inside(conn: psycopg.AsyncConnection) -> tuple[Decision, Any, Any]:
        async with conn.transaction(force_rollback=True):
            await conn.execute("update household.resident set is_local = true where id_number = %s", [number])
            asked = Application(key, applicant(person), {"reason": "cancel"})
            decision = await HOUSEHOLD.decide(conn, SERVICES["H14"], asked, TODAY)
            rows = await conn.execute("select is_collected from household.case_desk where case_key = %s", [key])
            return decision, await state_of(conn, number), await rows.fetchone()

    decision, state, collected = register.run(inside)
    assert (decision.accepted, decision.promised_on, state, collected) == (True, TODAY, "cancelled", (False,))


def test_a_permit_of_somebody_registered_elsewhere_does_not_end(register: Register) -> None:
    person = who(register, SERVICES["H14"], lambda failed, facts: not failed and not facts["local_household"])
    decision, rows = register.try_out(SERVICES["H14"], person, {"reason": "cancel"}, PERMIT)
    assert (decision.reasons, rows[0][0]) == (["household_elsewhere"], "normal")


@pytest.mark.parametrize(("word", "permit"), [("refused", "normal"), ("decided", "cancelled")])
def test_a_permit_that_ends_with_a_move_ends_when_the_move_is_decided(
    register: Register, word: str, permit: str
) -> None:
    person = who(register, SERVICES["H14"], lambda failed, facts: not failed and not facts["local_household"])
    number, moves, ends = person["card"]["number"], new_key(), new_key()

    async def inside(conn: psycopg.AsyncConnection) -> tuple[Any, Any]:
        async with conn.transaction(force_rollback=True):
            moving = replace(SERVICES["H17"], checks=())
            assert (await HOUSEHOLD.decide(conn, moving, Application(moves, applicant(person), {}), TODAY)).accepted
            asked = Application(ends, applicant(person), {"reason": "cancel"}, rests_on=(moves,))
            assert (await HOUSEHOLD.decide(conn, SERVICES["H14"], asked, TODAY)).accepted
            meanwhile = await state_of(conn, number)
            await HOUSEHOLD.desk.move(conn, moves, word, TODAY, HOUSEHOLD.reached, officer="test")
            if word == "decided":
                await HOUSEHOLD.desk.move(conn, ends, word, TODAY, HOUSEHOLD.reached, officer="test")
            return meanwhile, await state_of(conn, number)

    assert register.run(inside) == ("normal", permit)


async def state_of(conn: psycopg.AsyncConnection, number: str) -> str:
    return (await (await conn.execute(PERMIT.encode(), [number])).fetchone() or ("",))[0]


@pytest.mark.parametrize(
    ("ended", "until"), [("2027-01-20", date(2028, 1, 20)), ("2024-11-15", date(2028, 1, 12))], ids=["in time", "late"]
)
def test_the_year_of_a_late_endorsement_counts_from_its_own_day(register: Register, ended: str, until: date) -> None:
    person = who(register, SERVICES["H13"], all_well)
    number = person["card"]["number"]

    async def inside(conn: psycopg.AsyncConnection) -> list[tuple]:
        async with conn.transaction(force_rollback=True):
            await conn.execute(
                "update household.residence_permit set valid_to = %s where id_number = %s", [ended, number]
            )
            asked = Application(new_key(), applicant(person), {})
            assert (await HOUSEHOLD.decide(conn, SERVICES["H13"], asked, TODAY)).accepted
            return await (await conn.execute(PERMIT.encode(), [number])).fetchall()

    assert register.run(inside) == [("normal", until)]


@pytest.mark.parametrize("word", ["refused", "withdrawn"])
def test_who_was_refused_may_apply_for_a_card_again(register: Register, word: str) -> None:
    person = who(register, SERVICES["H01"], all_well)
    number, key = person["card"]["number"], new_key()

    async def inside(conn: psycopg.AsyncConnection) -> tuple[Facts, Facts]:
        async with conn.transaction(force_rollback=True):
            await HOUSEHOLD.decide(conn, SERVICES["H01"], Application(key, applicant(person), {}), TODAY)
            applied = await HOUSEHOLD.facts(conn, number, TODAY)
            await HOUSEHOLD.desk.move(conn, key, word, TODAY, HOUSEHOLD.reached, officer="test")
            return applied, await HOUSEHOLD.facts(conn, number, TODAY)

    applied, again = register.run(inside)
    assert (applied["id_cases_open"], again["id_cases_open"]) == (1, 0)
    assert failed_checks(SERVICES["H01"], again, TODAY) == []


def test_a_book_that_was_issued_before_is_not_the_first(register: Register) -> None:
    person = who(register, SERVICES["H10"], lambda failed, facts: not failed and facts["book_state"] != "none")
    decision, _ = register.try_out(SERVICES["H10"], person, {"book_reason": "first"})
    assert decision.reasons == ["book_issued_before"]


def test_who_has_a_card_to_collect_is_sent_there_and_not_asked_to_pay_again(register: Register) -> None:
    facts = dict(register.facts[who(register, SERVICES["H03"], all_well)["card"]["number"]])
    facts |= {"id_cards_to_collect": 1, "id_card_state": "lost"}
    assert failed_checks(SERVICES["H03"], facts, TODAY) == ["no_card_to_collect"]
    assert "H03" not in {due.service for due in due_of(SERVICES.values(), facts, TODAY)}


def test_a_replaced_card_is_void_from_acceptance_on(register: Register) -> None:
    person = who(register, SERVICES["H03"], all_well)
    _, rows = register.try_out(SERVICES["H03"], person, {}, card_query("state"))
    assert rows == [("lost",)]


def test_who_is_alone_under_sixteen_is_refused_by_age(register: Register) -> None:
    child = next(person for person in PEOPLE if register.facts[person["card"]["number"]]["age"] == 13)
    decision, _ = register.try_out(SERVICES["H02"], child, {})
    assert "age" in decision.reasons


def test_a_card_that_is_made_lies_in_the_locker_and_is_due_to_be_collected(register: Register) -> None:
    person = who(register, SERVICES["H01"], all_well)
    key, number = new_key(), person["card"]["number"]

    async def inside(conn: psycopg.AsyncConnection) -> Facts:
        async with conn.transaction(force_rollback=True):
            await HOUSEHOLD.decide(conn, SERVICES["H01"], Application(key, applicant(person), {}), TODAY)
            await HOUSEHOLD.reached(conn, key, "decided")
            return await HOUSEHOLD.facts(conn, number, TODAY)

    facts = register.run(inside)
    assert (facts["id_cases_open"], facts["id_cards_to_collect"]) == (0, 1)
    assert failed_checks(SERVICES["H07"], facts, TODAY) == []


def test_a_card_is_collected_when_it_is_in_the_hand_and_not_when_its_person_has_signed(register: Register) -> None:
    person = who(register, SERVICES["H01"], all_well)
    made, taking, number = new_key(), new_key(), person["card"]["number"]

    async def inside(conn: psycopg.AsyncConnection) -> tuple[list[Facts], bool, set[str]]:
        async with conn.transaction(force_rollback=True):
            await HOUSEHOLD.decide(conn, SERVICES["H01"], Application(made, applicant(person), {}), TODAY)
            await HOUSEHOLD.desk.move(conn, made, "decided", TODAY, HOUSEHOLD.reached, officer="test")
            assert await HOUSEHOLD.ready(conn, number) == [made]
            signed_for = Application(taking, applicant(person), {}, paid_fen=PAID_FEN)
            await HOUSEHOLD.decide(conn, SERVICES["H07"], signed_for, TODAY)
            signed = await HOUSEHOLD.facts(conn, number, TODAY)
            took = await HOUSEHOLD.handed_out(conn, taking, TODAY)
            states = {each.state for each in await HOUSEHOLD.standings(conn) if each.case_key in (made, taking)}
            return [signed, await HOUSEHOLD.facts(conn, number, TODAY)], took, states

    (signed, taken), took, states = register.run(inside)
    assert (signed["id_cards_to_collect"], taken["id_cards_to_collect"], took) == (1, 0, True)
    assert states == {"collected"}, "the case that made it, and the one that collects it"
    assert int(taken["id_cards_issued"]) == int(signed["id_cards_issued"]) + 1


@pytest.mark.parametrize(("key", "fee_fen"), [("H01", 2000), ("H02", 4000), ("H03", 4000)])
def test_no_card_is_collected_unpaid_and_none_is_paid_twice(register: Register, key: str, fee_fen: int) -> None:
    """ "Paid on collection" say the slips of H01 to H03: at the machine's own locker too."""
    person, taking = who(register, SERVICES[key], all_well), SERVICES["H07"]
    made, number = new_key(), person["card"]["number"]

    async def sign(conn: psycopg.AsyncConnection, paid_fen: int) -> list[str]:
        application = Application(new_key(), applicant(person), {}, paid_fen=paid_fen)
        return (await HOUSEHOLD.decide(conn, taking, application, TODAY)).reasons

    async def inside(conn: psycopg.AsyncConnection) -> tuple[list[list[str]], list[int], int]:
        async with conn.transaction(force_rollback=True):
            await HOUSEHOLD.decide(conn, SERVICES[key], Application(made, applicant(person), {}), TODAY)
            await HOUSEHOLD.desk.move(conn, made, "decided", TODAY, HOUSEHOLD.reached, officer="test")
            reasons, due_fen = [], []
            for paid_fen in (0, fee_fen - 1, fee_fen, 0):
                facts = await HOUSEHOLD.facts(conn, number, TODAY)
                due_fen.append(sum(fee.amount_fen for fee in fees_due(taking, facts, TODAY)))
                reasons.append(await sign(conn, paid_fen))
            rows = await conn.execute("select count(*) from household.collection where id_number = %s", [number])
            return reasons, due_fen, (await rows.fetchone() or (0,))[0]

    reasons, due_fen, signed = register.run(inside)
    assert due_fen == [fee_fen, fee_fen, fee_fen, 0], "the second time it is paid already"
    assert reasons == [["unpaid"], ["unpaid"], [], []]
    assert signed == 2, "who has not paid has signed for nothing"


@pytest.mark.parametrize("state", ["valid", "lost", "damaged", "none"])
def test_who_has_just_lost_the_household_book_need_not_have_said_so_before(register: Register, state: str) -> None:
    """Nobody knows of the loss but who tells of it here. Only a first book is for who never had one."""
    person = who(register, SERVICES["H10"], lambda failed, facts: not failed and facts["book_state"] == state)
    decisions = [register.try_out(SERVICES["H10"], person, {"book_reason": said})[0] for said in ("lost", "first")]
    assert [each.accepted for each in decisions] == [True, state == "none"]
    asked = next(spec for spec in SERVICES["H10"].steps if spec.kind == "choose")
    facts = register.facts[person["card"]["number"]]
    (options,) = [options for _, options in asked.offers()]
    offered = [all(holds(rule, facts, TODAY) for rule in rules) for rules in options]
    assert offered == [True, True, state == "none"]


@pytest.mark.parametrize("key", ["H16", "H18"])
def test_what_the_counter_does_is_promised_for_the_day_of_the_visit_not_before(register: Register, key: str) -> None:
    service = SERVICES[key]
    person = who(register, service, all_well)
    day = TODAY + timedelta(days=2)
    query = "select decide_on from household.case_desk, (select %s) who order by since desc limit 1"
    answers = {"appointment": f"{day}T09:30"}
    decision, rows = register.try_out(service, person, answers, query)
    assert (decision.accepted, decision.promised_on, rows) == (True, day, [(day,)])
