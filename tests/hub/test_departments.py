"""From the receipt to the department's word, and live questions, over HTTP with real worker and database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date

import msgspec
import psycopg
import pytest

from hub.department import Application, Decision
from hub.departments import departments
from hub.work import make_jobs
from kiosk.catalogue.loader import load
from kiosk.messages import content, questions
from kiosk.messages.encoding import from_text
from kiosk.messages.envelope import new_key
from kiosk.messages.requests import MESSAGES
from kiosk.messages.seal import unseal
from tests.hub.fixtures import CODE, PEOPLE, Machine, RunningHub, case_form, number_of
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def day_one(hub: RunningHub) -> Iterator[None]:
    hub.demo("DELETE", "faults")
    hub.demo("POST", "reset")
    yield
    hub.demo("DELETE", "faults")


def due(machine: Machine, person: str) -> dict[str, date | None]:
    return {item.service: item.due_on for item in machine.ask("due", id_number=number_of(person)).items}


def failed(machine: Machine, person: str, service: str) -> list[str]:
    return machine.ask("eligibility", service=service, id_number=number_of(person)).failed


def test_what_is_due_across_three_lines(machine: Machine) -> None:
    assert due(machine, "zhao") == {"T01": date(2027, 3, 28), "E13": date(2027, 9, 30)}
    assert due(machine, "li") == {"H13": date(2027, 2, 5), "E13": date(2027, 11, 20)}
    assert list(due(machine, "wang")) == ["H13", "T01", "E13"]
    assert due(machine, "sun") == {"T15": None}, "a new car without any plate"
    assert due(machine, "test") == {}


def test_due_facts_fill_the_services_reason(machine: Machine) -> None:
    facts = {item.service: item.facts for item in machine.ask("due", id_number=number_of("wang")).items}
    assert facts == {
        "T01": {"expires_on": "2027-02-20"},
        "H13": {"permit_valid_to": "2027-01-31"},
        "E13": {"trips_left": "1", "valid_until": "2027-03-01"},
    }


def test_all_missing_things_are_told_at_once(machine: Machine) -> None:
    assert failed(machine, "zhao", "T01") == []
    assert failed(machine, "chen", "T01") == ["violations_settled", "points_below_12", "medical_recent"]
    assert failed(machine, "sun", "T01") == ["window_open"]
    assert failed(machine, "ma", "T01") == ["licence_class"]
    assert "window_not_over" in failed(machine, "zhou", "T01")
    assert failed(machine, "li", "H13") == []
    assert failed(machine, "chen", "H13") == ["still_resident"]


@pytest.mark.parametrize(
    ("service", "person"),
    [("T05", "smith"), ("T09", "garcia"), ("T11", "ma"), ("T15", "sun"), ("T20", "sun"), ("T18", "ho")],
)
def test_somebody_of_the_demonstration_may_have_it(machine: Machine, service: str, person: str) -> None:
    """A service that is refused to everybody can neither be shown nor walked."""
    assert failed(machine, person, service) == []


def test_documents_and_what_is_left_of_them(machine: Machine) -> None:
    answer = machine.ask("documents", id_number=number_of("zhao"))
    assert answer.documents[0].number_masked == "C9****158"
    assert [(e.place, e.remaining) for e in answer.documents[0].endorsements] == [("hong_kong", 1), ("macao", 0)]
    assert machine.ask("documents", id_number=number_of("sun")).documents == []


def test_accepted_only_with_the_departments_word(machine: Machine) -> None:
    machine.file_case("zhao", "T01", "T-accept")
    machine.wait_for("T-accept", "accepted")
    case = machine.ask("progress", id_number=number_of("zhao")).cases[0]
    assert [(s.state, s.by) for s in case.states] == [("delivered", "hub"), ("accepted", "traffic")]
    assert (case.masked_name, case.service, case.promised_date) == ("赵*福", "T01", date(2027, 1, 12))
    assert "T01" not in due(machine, "zhao")


def test_not_accepted_tells_all_reasons_and_promises_nothing(machine: Machine) -> None:
    machine.file_case("chen", "T01", "T-refuse")
    machine.wait_for("T-refuse", "not_accepted")
    case = machine.case("T-refuse")
    assert case.states[-1].reasons == ["violations_settled", "points_below_12", "medical_recent"]
    assert case.promised_date is None


def test_reasons_are_a_list_and_a_machine_of_before_still_reads_them(hub: RunningHub, machine: Machine) -> None:
    sent = machine.file_case("chen", "T01", "T-list")
    machine.wait_for("T-list", "not_accepted")
    found = "select data->'reasons' from event where envelope_key = %s and data->>'state' = 'not_accepted'"
    reasons = ["violations_settled", "points_below_12", "medical_recent"]
    assert hub.sql(found, sent.key) == [(reasons,)]
    for headers, told, note in (
        ({}, None, ",".join(reasons)),
        ({MESSAGES: "1"}, None, ",".join(reasons)),
        ({MESSAGES: "x"}, None, ",".join(reasons)),
        ({MESSAGES: "2"}, reasons, None),
        ({MESSAGES: "9"}, reasons, None),
    ):
        body, opener = questions.seal_question(
            *("progress", {"id_number": (person := number_of("chen"))}, hub.said["seal_key"], machine.kiosk_id),
            visit=machine.visit(person),
        )
        answer = machine.call("POST", "/v1/questions/progress", body, headers)
        last = opened(opener, answer.content)["cases"][0]["states"][-1]
        assert (last.get("reasons"), last.get("note")) == (told, note)
        assert set(last) <= {"state", "at", "by", "note", "reasons"}


def opened(opener: questions.Opener, body: bytes) -> dict:
    """What is inside an answer, as it travels."""
    sealed = from_text(msgspec.json.decode(body)["sealed"])
    place = {"kiosk_id": opener.kiosk_id, "key": opener.key, "part": f"answer:{opener.kind}"}
    return msgspec.json.decode(unseal(sealed, opener.private_key, **place))


def test_reasons_that_were_noted_as_one_text_are_still_told_one_by_one(hub: RunningHub, machine: Machine) -> None:
    sent = machine.file_case("zhao", "T01", "T-old")
    machine.wait_for("T-old", "accepted")
    for noted in ('{"state": "not_accepted", "note": "medical_recent age"}', '{"state": "accepted", "note": ""}'):
        hub.sql(
            "insert into event (at, actor, kind, envelope_key, data) values (now(), 'traffic', 'case_state', %s, %s) "
            "returning 1",
            sent.key,
            noted,
        )
    assert machine.case("T-old").states[-2].reasons == ["medical_recent", "age"]


def test_a_rating_is_filed_under_the_rated_cases_own_service(hub: RunningHub, machine: Machine) -> None:
    machine.file_case("li", "H13", "H-rated")
    machine.wait_for("H-rated", "accepted")
    for number, said, service in (
        ("H-rated", "", "H13"),
        ("R-later", "C02", ""),
        ("R-own", "E13", "E13"),
    ):
        sent = machine.envelope("rating", content.encode_content(content.Rating(number, said, 4)))
        machine.deliver(sent)
        eventually(lambda k=sent.key: bool(hub.sql("select 1 from rating where key = %s", k)), f"{number} is rated")
        assert hub.sql("select service from rating where key = %s", sent.key) == [(service,)]
    machine.file_case("zhao", "T01", "R-later")
    machine.wait_for("R-later", "accepted")
    assert hub.sql("select service from rating where receipt_number = 'R-later'") == [("T01",)]


def test_a_form_that_says_more_than_this_hub_knows_is_still_read(hub: RunningHub, machine: Machine) -> None:
    form = msgspec.json.decode(case_form("zhao", "T01", "T-more"))
    form |= {"language": "ug", "of_tomorrow": [1], "applicant": form["applicant"] | {"of_tomorrow": "x"}}
    machine.deliver(machine.envelope("case", msgspec.json.encode(form)))
    machine.wait_for("T-more", "accepted")
    sent = machine.envelope("complaint", b'{"text": "x", "kind": "of_tomorrow"}')
    machine.deliver(sent)
    kinds = "select kind from complaint where key = %s"
    eventually(lambda: bool(hub.sql(kinds, sent.key)), "the complaint is there")
    assert hub.sql(kinds, sent.key) == [("of_tomorrow",)]


def test_department_down_the_case_stays_received_and_is_accepted_later_by_itself(
    hub: RunningHub, machine: Machine
) -> None:
    hub.demo("POST", "faults", down=["household"])
    machine.file_case("li", "H13", "H-down")
    machine.wait_for("H-down", "delivered")
    tried = "select max(attempts) from procrastinate_jobs where task_name = 'ask_department'"
    eventually(lambda: (hub.sql(tried)[0][0] or 0) > 0, "the department was asked")
    assert machine.states("H-down") == ["delivered"]
    assert machine.ask("due", id_number=number_of("li")).silent == ["household"]
    hub.demo("DELETE", "faults")
    machine.wait_for("H-down", "accepted")
    assert "H13" not in due(machine, "li")


def test_hub_killed_while_a_department_is_away_forgets_nothing(hub: RunningHub) -> None:
    machine = hub.machine()
    hub.demo("POST", "faults", down=["traffic"])
    machine.file_case("wang", "T01", "T-killed")
    machine.wait_for("T-killed", "delivered")
    hub.kill()
    hub.start(int(hub.url.rsplit(":", 1)[1]))
    hub.demo("DELETE", "faults")
    machine.wait_for("T-killed", "accepted")
    assert machine.states("T-killed") == ["delivered", "accepted"]


def test_a_repeated_envelope_reaches_the_department_once(hub: RunningHub, machine: Machine) -> None:
    sent = machine.file_case("wang", "H13", "H-twice")
    machine.deliver(sent)
    machine.wait_for("H-twice", "accepted")
    machine.deliver(sent)
    assert hub.sql("select count(*) from household.application where case_key = %s", sent.key) == [(1,)]
    assert hub.sql("select valid_to from household.residence_permit where id_number = %s", number_of("wang")) == [
        (date(2028, 1, 31),)
    ]


def test_a_worker_that_died_after_the_word_was_written_says_it_no_second_time(
    hub: RunningHub, machine: Machine
) -> None:
    sent = machine.file_case("wang", "H13", "H-again")
    machine.wait_for("H-again", "accepted")
    waits = "select 1 from procrastinate_jobs where args->>'key' = %s and status in ('todo', 'doing')"

    async def ask_again() -> None:
        jobs = make_jobs(hub.dsn)
        async with jobs.open_async():
            await jobs.configure_task("ask_department").defer_async(key=sent.key)

    asyncio.run(ask_again())
    eventually(lambda: not hub.sql(waits, sent.key), "the second job's end", limit_s=60)
    assert machine.states("H-again") == ["delivered", "accepted"]


def test_a_department_asked_twice_gives_its_first_answer_and_acts_once(hub: RunningHub) -> None:
    card = {k: v for k, v in PEOPLE["li"]["card"].items() if k in content.Applicant.__struct_fields__}
    application = Application(new_key(), content.Applicant(**card), {})
    service, today = load().services["H13"], date(2027, 1, 12)

    async def ask(times: int) -> list[Decision]:
        async with await psycopg.AsyncConnection.connect(hub.dsn, autocommit=True) as conn:
            return [await departments()["household"].decide(conn, service, application, today) for _ in range(times)]

    first, again = asyncio.run(ask(2))
    assert first == again == Decision(accepted=True, promised_on=today)
    assert hub.sql("select valid_to from household.residence_permit where id_number = %s", number_of("li")) == [
        (date(2028, 2, 5),)
    ]


def test_a_card_or_an_age_that_the_service_does_not_take_is_among_the_reasons(machine: Machine) -> None:
    machine.file_case("ho", "H13", "H-kind")
    machine.wait_for("H-kind", "not_accepted")
    assert machine.case("H-kind").states[-1].reasons[0] == "card_kind"


def changed_form(person: str, service: str, receipt_number: str, **card: str) -> bytes:
    """A case of a person whose card says something else."""
    form = content.decode_content("case", case_form(person, service, receipt_number))
    assert isinstance(form, content.CaseForm)
    applicant = msgspec.structs.replace(form.applicant, **card)
    return content.encode_content(msgspec.structs.replace(form, applicant=applicant))


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ({"valid_to": "20231231"}, "card_expired"),
        ({"valid_to": "20270111"}, "card_expired"),
        ({"valid_to": "2023"}, "card_validity_unknown"),
        ({"valid_to": ""}, "card_validity_unknown"),
        ({"birth": "20110113"}, "age"),
        ({"birth": "unknown"}, "age"),
        ({"kind": "passport"}, "card_kind"),
    ],
)
def test_the_department_judges_the_card_again_by_the_citys_clock(
    machine: Machine, card: dict[str, str], reason: str
) -> None:
    number = f"H-{reason}-{len(card)}-{machine.kiosk_id}"
    machine.deliver(machine.envelope("case", changed_form("li", "H13", number, **card)))
    machine.wait_for(number, "not_accepted")
    assert machine.case(number).states[-1].reasons == [reason]


@pytest.mark.parametrize("valid_to", ["长期", "20270112"])
def test_a_card_that_is_good_today_is_accepted(machine: Machine, valid_to: str) -> None:
    number = f"H-good-{machine.kiosk_id}"
    machine.deliver(machine.envelope("case", changed_form("li", "H13", number, valid_to=valid_to)))
    machine.wait_for(number, "accepted")


def test_an_unknown_service_is_not_accepted(machine: Machine) -> None:
    machine.file_case("zhao", "X99", "X-unknown")
    machine.wait_for("X-unknown", "not_accepted")
    assert machine.case("X-unknown").states[-1].reasons == ["service_unknown"]


def test_a_part_that_cannot_be_opened_stays_received_for_a_person_to_look(hub: RunningHub, machine: Machine) -> None:
    sent = machine.envelope("case", b"no form at all")
    machine.deliver(sent)
    found = "select data->>'why' from event where envelope_key = %s and kind = 'unreadable'"
    eventually(lambda: hub.sql(found, sent.key) == [("InvalidMessage",)], "it is noted")
    assert hub.sql("select state from case_file where key = %s", sent.key) == [("delivered",)]


def test_states_recomputed_from_the_log_agree_with_the_cases(hub: RunningHub, machine: Machine) -> None:
    machine.file_case("zhao", "T01", "T-log")
    machine.wait_for("T-log", "accepted")
    query = "select count(*) from case_file where state = 'accepted'"
    assert f'tongban_cases{{state="accepted"}} {hub.sql(query)[0][0]}' in machine.client.get("/metrics").text


@pytest.mark.parametrize(("number", "service", "refused"), [("R-1", "T01", "already_rated"), ("", "E13", "")])
def test_a_second_rating_of_a_case_is_receipted_and_refused_and_of_what_was_only_looked_at_it_counts(
    hub: RunningHub, machine: Machine, number: str, service: str, refused: str
) -> None:
    sent, found = [], "select grade, refused from rating where key = any(%s::uuid[]) order by grade desc"
    for grade in (5, 1):
        envelope = machine.envelope("rating", content.encode_content(content.Rating(number, service, grade)))
        machine.deliver(envelope)
        sent.append(envelope.key)
        eventually(lambda: len(hub.sql(found, sent)) == len(sent), "the rating is there")
    assert hub.sql(found, sent) == [(5, ""), (1, refused)]


def test_an_anonymous_complaint_keeps_no_contact(hub: RunningHub, machine: Machine) -> None:
    complaint = content.Complaint("等了很久", "complaint", contact="13800000000", anonymous=True)
    sent = machine.envelope("complaint", content.encode_content(complaint))
    machine.deliver(sent)
    rows = "select words, contact, anonymous from complaint where key = %s"
    eventually(lambda: bool(hub.sql(rows, sent.key)), "the complaint is there")
    assert hub.sql(rows, sent.key) == [("等了很久", None, True)]


def test_a_complaint_is_found_by_its_own_number_and_leads_to_nobody(hub: RunningHub, machine: Machine) -> None:
    number = "990101000120270112000777"
    words = {"contact": "13800000000", "complaint_number": number, "receipt_number": "T-about", "slip_code": CODE}
    sent = machine.envelope("complaint", content.encode_content(content.Complaint("等了很久", "complaint", **words)))
    machine.deliver(sent)
    eventually(lambda: hub.sql("select 1 from complaint where complaint_number = %s", number), "the complaint is there")
    (case,) = machine.ask("progress", receipt_number=number, slip_code=CODE).cases
    assert (case.receipt_number, case.service, case.masked_name, case.promised_date) == (number, "C03", "", None)
    assert [(s.state, s.by) for s in case.states] == [("delivered", "hub")]
    assert machine.ask("progress", receipt_number="T-about", slip_code=CODE).cases == []


def test_a_person_is_told_of_all_their_cases(hub: RunningHub, machine: Machine) -> None:
    numbers = [f"T-many-{n}" for n in range(24)]
    for number in numbers:
        machine.file_case("sun", "T01", number)
    eventually(lambda: len(machine.ask("progress", id_number=number_of("sun")).cases) >= len(numbers), "all are opened")
    found = [case.receipt_number for case in machine.ask("progress", id_number=number_of("sun")).cases]
    assert found == numbers[::-1], "newest first"


def test_a_department_that_is_away_says_so_and_when_to_ask_again(hub: RunningHub, machine: Machine) -> None:
    hub.demo("POST", "faults", down=["exit_entry"])
    asked = "documents", {"id_number": "1"}, hub.said["seal_key"], machine.kiosk_id
    body, _ = questions.seal_question(*asked, visit=machine.visit("1"))
    answer = machine.call("POST", "/v1/questions/documents", body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_a_slow_department_is_silent_in_time(hub: RunningHub, machine: Machine) -> None:
    hub.demo("POST", "faults", department_slow_s=0.2)
    assert machine.ask("due", id_number=number_of("zhao")).silent == []


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("eligibility", {"service": "C01", "id_number": "1"}),
        ("progress", {}),
        ("progress", {"receipt_number": "1", "id_number": "2"}),
    ],
)
def test_a_question_that_makes_no_sense_names_its_field(machine: Machine, kind: str, payload: dict) -> None:
    visit = machine.visit(payload["id_number"]) if "id_number" in payload else None
    body, _ = questions.seal_question(kind, payload, machine.hub.said["seal_key"], machine.kiosk_id, visit=visit)
    answer = machine.call("POST", f"/v1/questions/{kind}", body)
    assert answer.status_code == 422
    assert answer.json()["field"].startswith("question")


def test_a_question_sealed_to_another_hub_is_refused(hub: RunningHub, machine: Machine) -> None:
    body, _ = questions.seal_question("due", {"id_number": "1"}, hub.said["verify_key"], machine.kiosk_id)
    assert machine.call("POST", "/v1/questions/due", body).status_code == 422
    assert machine.call("POST", "/v1/questions/nonsense", body).json()["field"] == "kind"


def test_every_department_is_found_by_its_file() -> None:
    assert set(departments()) == {"traffic", "household", "exit_entry"}


def test_one_progress_question_follows_several_cases_of_the_machine_that_filed_them(
    hub: RunningHub, machine: Machine
) -> None:
    numbers = [f"several-{n}" for n in range(3)]
    keys = [machine.file_case("zhao", "E13", number).key for number in numbers]
    for number in numbers:
        machine.wait_for(number, "delivered")
    cases = machine.ask("progress", keys=[*keys, new_key()]).cases
    assert sorted(case.receipt_number for case in cases) == numbers
    assert all(case.states for case in cases)
    assert {(case.service, case.masked_name) for case in cases} == {("", "")}
    assert hub.machine().ask("progress", keys=keys).cases == [], "only the machine that filed them"
