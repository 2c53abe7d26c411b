"""Who has a machine's key asks about nobody without a visit, not about many, and not without a trace."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import msgspec
import pytest

from hub.question_log import KEPT_AN_HOUR, Limits
from kiosk.clock import local
from kiosk.messages import questions, seal, visits
from tests.forking import forked
from tests.hub.fixtures import TODAY, Machine, RunningHub, number_of
from tests.hub.test_enrolment import command, events

pytestmark = pytest.mark.attack(8)

ZHAO, QIAN = (number_of(person) for person in ("zhao", "chen"))
ASKED = {
    "due": {"id_number": ZHAO},
    "eligibility": {"service": "T01", "id_number": ZHAO},
    "documents": {"id_number": ZHAO},
    "violations": {"id_number": ZHAO},
    "bills": {"service": "T10", "id_number": ZHAO},
    "progress": {"id_number": ZHAO},
    "slots": {"action": "cancel", "service": "C04", "counter": "traffic", "id_number": ZHAO},
    "post": {"id_number": ZHAO},
    "code": {"action": "send", "phone": "13900000001", "id_number": ZHAO},
}


def ask(machine: Machine, kind: str, visit: visits.VisitKey | None, **sign: object) -> httpx.Response:
    who = machine.hub.said["seal_key"], machine.kiosk_id
    body, _ = questions.seal_question(kind, ASKED[kind], *who, visit=visit)
    return machine.call("POST", f"/v1/questions/{kind}", body, **sign)


def field_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["field"]


def rows(hub: RunningHub, machine: Machine) -> list[tuple]:
    query = "select visit, kind, person_ref, refused from question where kiosk_id = %s order by id"
    return hub.sql(query, machine.kiosk_id)


@pytest.fixture
def set_limits(hub: RunningHub):
    def change(**changed: object) -> None:
        options = [word for name, value in changed.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        done = command(hub, "limits", *options)
        assert done.returncode == 0, done.stderr

    yield change
    hub.sql("delete from setting where name = 'question_limits' returning 1")


@pytest.mark.parametrize("kind", ASKED)
def test_a_question_about_a_person_needs_the_visit_of_their_card(hub: RunningHub, machine: Machine, kind: str) -> None:
    assert field_of(ask(machine, kind, None)) == (422, "visit")
    assert rows(hub, machine) == []
    assert ask(machine, kind, machine.visit(ZHAO, visit="v-1")).status_code == 200
    [(visit, asked, ref, refused)] = rows(hub, machine)
    assert (visit, asked, refused) == ("v-1", kind, False)
    assert len(ref) == 64
    assert ZHAO not in str(rows(hub, machine))


def of_another_person(machine: Machine) -> visits.VisitKey:
    return machine.visit(QIAN)


def of_another_machine(machine: Machine) -> visits.VisitKey:
    return machine.hub.machine().visit(ZHAO)


def introduced_by_nobody(machine: Machine) -> visits.VisitKey:
    thief = Machine(machine.hub, machine.kiosk_id)
    return thief.visit(ZHAO)


def of_yesterday(machine: Machine) -> visits.VisitKey:
    return machine.visit(ZHAO, shift_s=-86_400)


def of_tomorrow(machine: Machine) -> visits.VisitKey:
    return machine.visit(ZHAO, shift_s=86_400)


def with_a_key_of_its_own(machine: Machine) -> visits.VisitKey:
    """The introduction was overheard, the key was not."""
    return machine.visit(ZHAO)._replace(private_key=seal.new_sign_key().private)


def for_somebody_else_afterwards(machine: Machine) -> visits.VisitKey:
    key = machine.visit(QIAN)
    return key._replace(introduction=msgspec.structs.replace(key.introduction, person=ZHAO))


def under_another_visits_name(machine: Machine) -> visits.VisitKey:
    key = machine.visit(ZHAO)
    return key._replace(introduction=msgspec.structs.replace(key.introduction, visit="another"))


FORGED = (
    *(of_another_person, of_another_machine, introduced_by_nobody, of_yesterday, of_tomorrow),
    *(with_a_key_of_its_own, for_somebody_else_afterwards, under_another_visits_name),
)


@pytest.mark.parametrize("forge", FORGED)
@pytest.mark.parametrize("kind", ["due", "progress"])
def test_a_visit_that_was_not_is_none(hub: RunningHub, machine: Machine, forge: object, kind: str) -> None:
    assert callable(forge)
    status, field = field_of(ask(machine, kind, forge(machine)))
    assert (status, field.partition(".")[0]) == (422, "visit")
    assert rows(hub, machine) == []


def test_the_signature_of_one_question_is_good_for_no_other(machine: Machine) -> None:
    key = machine.visit(ZHAO)
    with pytest.MonkeyPatch.context() as patch:
        once = key.sign(machine.kiosk_id, "due", "0190-other", b"{}")
        patch.setattr(visits.VisitKey, "sign", lambda *_: once)
        assert field_of(ask(machine, "due", key)) == (422, "visit")


def test_a_machine_of_before_asks_without_a_visit_is_written_down_and_limited(hub: RunningHub, set_limits) -> None:
    machine = Machine(hub, "K-before-visits")
    body = msgspec.json.encode({"code": hub.code(), "kiosk_id": machine.kiosk_id, "public_key": machine.keys.public})
    assert machine.call("POST", "/v1/enrolments", body, form=1).status_code == 201
    assert ask(machine, "due", None, form=1).status_code == 200
    assert [(visit, kind) for visit, kind, *_ in rows(hub, machine)] == [("", "due")]
    assert machine.call("POST", "/v1/heartbeats", b"{}").status_code == 200, "it was upgraded"
    assert ask(machine, "due", None, form=1).status_code == 401
    assert field_of(ask(machine, "due", None)) == (422, "visit")


def asks_about(machine: Machine, person: str) -> httpx.Response:
    who = machine.hub.said["seal_key"], machine.kiosk_id
    body, _ = questions.seal_question("progress", {"id_number": person}, *who, visit=machine.visit(person))
    return machine.call("POST", "/v1/questions/progress", body)


def test_a_machine_that_asks_about_many_people_is_an_alarm_and_then_refused(
    hub: RunningHub, machine: Machine, set_limits
) -> None:
    set_limits(alarm_at_persons=4, persons_per_hour=6)
    answers = [asks_about(machine, f"99010119900101{n:04}") for n in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 6 + [429] * 4
    assert answers[-1].headers["Retry-After"]
    assert [said["persons"] for said in events(hub, "many_persons", machine.kiosk_id)] == [4], "one alarm"
    assert len(events(hub, "questions_refused", machine.kiosk_id)) == 1
    assert [refused for *_, refused in rows(hub, machine)] == [False] * 6 + [True] * 4, "the refused ones stay too"
    hub.sql("update question set at = at - interval '61 min' where kiosk_id = %s returning 1", machine.kiosk_id)
    assert asks_about(machine, "990101199001010099").status_code == 200


def test_questions_at_the_same_moment_see_each_other(hub: RunningHub, machine: Machine, set_limits) -> None:
    """A stolen key that asks about everybody at once: the limit is no number for each connection."""
    set_limits(persons_per_hour=3)
    people = [f"99010119900101{n:04}" for n in range(1000, 1024)]
    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(lambda person: asks_about(machine, person).status_code, people))
    assert answers.count(200) <= 3
    assert set(answers) <= {200, 429}
    assert sorted(refused for *_, refused in rows(hub, machine)) == [a == 429 for a in sorted(answers)]


def test_the_same_person_counts_once_and_another_machine_for_itself(
    hub: RunningHub, machine: Machine, set_limits
) -> None:
    set_limits(persons_per_hour=1)
    assert [asks_about(machine, ZHAO).status_code for _ in range(3)] == [200] * 3
    assert asks_about(machine, QIAN).status_code == 429
    assert asks_about(hub.machine(), QIAN).status_code == 200


def test_one_visit_asks_so_much_and_no_more(machine: Machine, set_limits) -> None:
    set_limits(questions_per_visit=5)
    visit = machine.visit(ZHAO)
    assert [ask(machine, "due", visit).status_code for _ in range(7)] == [200] * 5 + [429] * 2
    assert ask(machine, "due", machine.visit(ZHAO)).status_code == 200


def test_a_machine_that_asks_without_end_fills_no_disk(hub: RunningHub, machine: Machine) -> None:
    """With a fresh visit each time, of which none asks much."""
    columns = "insert into question (at, kiosk_id, visit, kind, person_ref, refused)"
    values = "select %s, %s, 'v-' || n, 'due', 'ref', false from generate_series(1, %s) n"
    hub.sql(f"{columns} {values} returning 1", machine.clock.now(), machine.kiosk_id, KEPT_AN_HOUR - 1)
    assert [asks_about(machine, ZHAO).status_code for _ in range(3)] == [200, 429, 429]
    assert len(rows(hub, machine)) == KEPT_AN_HOUR
    assert len(events(hub, "questions_refused", machine.kiosk_id)) == 1
    assert asks_about(hub.machine(), ZHAO).status_code == 200


LOOK_UPS: dict[str, dict[str, str]] = {
    "address": {"words": "示范街"},
    "name_count": {"name": "赵德福"},
    "violations": {"id_number": ZHAO, "decision_number": "990100000000001"},
}


def looks_up(machine: Machine, kind: str) -> int:
    who = machine.hub.said["seal_key"], machine.kiosk_id
    visit = machine.visit(ZHAO) if kind == "violations" else None
    body, _ = questions.seal_question(kind, LOOK_UPS[kind], *who, visit=visit)
    return machine.call("POST", f"/v1/questions/{kind}", body).status_code


@pytest.mark.parametrize("kind", LOOK_UPS)
def test_what_is_about_nobody_is_not_harvested_either(hub: RunningHub, machine: Machine, set_limits, kind: str) -> None:
    set_limits(lookups_per_hour=3)
    assert [looks_up(machine, kind) for _ in range(5)] == [200] * 3 + [429] * 2
    assert [said["asked"] for said in events(hub, "questions_refused", machine.kiosk_id)] == [kind], "one alarm"
    assert [looks_up(machine, each) for each in LOOK_UPS if each != kind] == [200] * 2, "each kind for itself"
    assert looks_up(hub.machine(), kind) == 200, "and each machine"
    hub.sql("update lookup set since = since - interval '61 min' where kiosk_id = %s returning 1", machine.kiosk_id)
    assert looks_up(machine, kind) == 200


def test_look_ups_at_the_same_moment_see_each_other(machine: Machine, set_limits) -> None:
    set_limits(lookups_per_hour=3)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: looks_up(machine, "name_count"), range(16)))
    assert sorted(answers) == [200] * 3 + [429] * 13


@pytest.mark.parametrize("opens_in_h", [1, -2], ids=["too early", "too late"])
def test_a_question_at_night_is_answered_and_is_one_alarm(
    hub: RunningHub, machine: Machine, set_limits, opens_in_h: int
) -> None:
    """The hall is open for an hour that is not this one."""
    opens = local(machine.clock.now()) + timedelta(hours=opens_in_h)
    set_limits(opens=f"{opens:%H:%M}", closes=f"{opens + timedelta(hours=1):%H:%M}")
    assert [asks_about(machine, ZHAO).status_code for _ in range(3)] == [200] * 3
    assert len(events(hub, "outside_hours", machine.kiosk_id)) == 1


def as_typed(number: str) -> str:
    """In groups, with full-width signs and a small x."""
    wide = number.lower().translate({n: n + 0xFEE0 for n in range(0x21, 0x7F)})
    return f"{wide[:6]} {wide[6:14]} {wide[14:]}"


def test_the_supervisor_sees_who_asked_about_whom(hub: RunningHub, machine: Machine) -> None:
    asks_about(machine, ZHAO)
    asks_about(machine, QIAN)
    done = command(hub, "questions", "--machine", machine.kiosk_id, "--json")
    told = json.loads(done.stdout)
    assert [(row["kiosk_id"], row["kind"]) for row in told] == [(machine.kiosk_id, "progress")] * 2
    line = ["questions", "--person", "--json", "--dsn", hub.dsn, "--today", str(TODAY)]
    line += ["--keys", str(hub.data / "keys"), "--machine", machine.kiosk_id]
    asked = forked("hub", *line, said=f"{as_typed(ZHAO)}\n")
    assert asked.returncode == 0, asked.stderr
    assert [row["person_ref"] for row in json.loads(asked.stdout)] == [told[0]["person_ref"]]
    unknown = command(hub, "questions", "--machine", "K-0000-unknown")
    assert (unknown.returncode, "was ever enrolled" in unknown.stderr) == (1, True)
    assert ZHAO not in asked.stdout + asked.stderr


def test_limits_are_shown_set_and_leave_an_event(hub: RunningHub, set_limits) -> None:
    assert json.loads(command(hub, "limits").stdout) == msgspec.to_builtins(Limits())
    set_limits(persons_per_hour=7)
    assert json.loads(command(hub, "limits").stdout)["persons_per_hour"] == 7
    assert hub.sql("select 1 from event where kind = 'limits_set'")
    for wrong in (("--opens", "25:00"), ("--persons-per-hour", "0")):
        refused = command(hub, "limits", *wrong)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)


def test_the_key_that_names_persons_is_not_in_the_database(hub: RunningHub, machine: Machine) -> None:
    asks_about(machine, ZHAO)
    secret = (hub.data / "keys" / "person.key").read_text("ascii").strip()
    tables = [name for (name,) in hub.sql("select tablename from pg_tables where schemaname = 'public'")]
    kept = [str(hub.sql(f'select * from "{name}"')) for name in tables]
    assert not any(secret in rows for rows in kept)
    assert not any(ZHAO in str(hub.sql(f"select * from {name}")) for name in ("question", "event", "question_alarm"))
