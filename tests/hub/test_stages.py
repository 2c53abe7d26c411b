"""From acceptance to the end of a case: stages by a clock that a supervisor lets run, and what lies beside them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from psycopg.types.json import Jsonb

from hub import stages
from hub.cli import main
from hub.department import Application, Decision
from hub.department_answers import plain_stage
from hub.departments import departments
from hub.desk import CannotMove, StageEvent
from kiosk.catalogue.kinds import any_kind
from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Limit
from kiosk.messages.envelope import new_key
from tests.hub.fixtures import TODAY, Machine, RunningHub
from tests.hub.test_department_contract import applicant, run
from tests.waiting import eventually

CATALOGUE = load(type_of=any_kind)
SEVEN = replace(
    CATALOGUE.services["T01"],
    effect="",
    checks=(),
    due=None,
    limit_law=Limit(n=15, unit="d"),
    limit_promise=Limit(n=7, unit="wd"),
)
HERE = departments()["traffic"]
Work = Callable[[psycopg.AsyncConnection], Awaitable[Any]]


async def accepted(conn: psycopg.AsyncConnection, service: Any = SEVEN) -> tuple[str, Decision]:
    """The key and the decision of a fresh case."""
    key = new_key()
    return key, await HERE.decide(conn, service, Application(key, applicant("zhao"), {}), TODAY)


async def told(conn: psycopg.AsyncConnection, key: str, today: date = TODAY) -> list[tuple[str, date]]:
    """The stages of a case and their days."""
    return [(e.state, e.at.date()) for e in await HERE.events(conn, 0, today) if e.case_key == key]


def test_a_case_goes_its_way_as_days_pass_and_every_day_keeps_its_own(hub: RunningHub) -> None:
    async def story(conn: psycopg.AsyncConnection) -> None:
        key, decision = await accepted(conn)
        assert (decision.promised_on, decision.promised_by) == (date(2027, 1, 21), "weekends")
        assert await told(conn, key) == []
        assert await told(conn, key, TODAY + timedelta(2)) == [("in_review", date(2027, 1, 13))]
        # All at once, when nobody has asked for months.
        assert await told(conn, key, TODAY + timedelta(200)) == [
            ("in_review", date(2027, 1, 13)),
            ("decided", date(2027, 1, 18)),
            ("uncollected", date(2027, 4, 18)),
        ]
        key, _ = await accepted(conn, replace(SEVEN, limit_promise=Limit(n=0, unit="wd"), is_collected=False))
        assert await told(conn, key) == []
        assert await told(conn, key, TODAY + timedelta(1)) == [("decided", TODAY)]

    run(hub.dsn, story)


def test_while_something_is_missing_the_promised_clock_stands_still(hub: RunningHub) -> None:
    async def story(conn: psycopg.AsyncConnection) -> None:
        key, _ = await accepted(conn)

        async def move(state: str, day: date, *reasons: str) -> None:
            await HERE.desk.move(conn, key, state, day, HERE.reached, officer="test", reasons=reasons)

        await move("needs_supplement", date(2027, 1, 14), "supplement_photo")
        with pytest.raises(CannotMove, match="needs_supplement -> decided"):
            await move("decided", date(2027, 1, 15))
        assert await told(conn, key, date(2027, 3, 1)) == [("needs_supplement", date(2027, 1, 14))]
        await move("in_review", date(2027, 1, 20))
        last = [e for e in await HERE.events(conn, 0, TODAY) if e.case_key == key][-1]
        # Four working days stood still: Friday, Monday, Tuesday, Wednesday.
        assert (last.state, last.promised_on) == ("in_review", date(2027, 1, 27))
        await move("refused", date(2027, 1, 21), "not_granted")
        for state in ("withdrawn", "in_review", "collected"):
            with pytest.raises(CannotMove):
                await move(state, date(2027, 1, 22))
        assert [state for state, _ in await told(conn, key, date(2028, 1, 1))][-1] == "refused"

    run(hub.dsn, story)


def test_progress_shows_the_stages_with_their_days_and_what_is_missing(hub: RunningHub, machine: Machine) -> None:
    machine.file_case("zhao", "T01", "T-stages")
    machine.wait_for("T-stages", "accepted")
    hub.demo("POST", "stage", department="traffic", receipt_number="T-stages", state="needs_supplement", reasons=["x"])
    assert (case := machine.case("T-stages"))
    assert [(s.state, s.reasons) for s in case.states][2:] == [("needs_supplement", ["x"])]
    hub.demo("POST", "stage", department="traffic", receipt_number="T-stages", state="in_review")
    hub.demo("POST", "days", department="traffic", days=3)
    assert (case := machine.case("T-stages"))
    assert [s.state for s in case.states] == ["delivered", "accepted", "needs_supplement", "in_review", "decided"]
    assert datetime.fromisoformat(case.states[-1].at).astimezone(UTC).date() == TODAY
    hub.demo("POST", "stage", department="traffic", receipt_number="T-stages", state="collected")
    assert machine.states("T-stages")[-1] == "collected"
    assert hub.sql("select state from case_file where receipt_number = 'T-stages'") == [("collected",)]


ODD = {
    "unknown_case": StageEvent(10**9, new_key(), "decided", datetime(2027, 1, 13, tzinfo=UTC)),
    "closed_before": StageEvent(10**9 + 1, "", "decided", datetime(2027, 1, 13, tzinfo=UTC)),
}


@pytest.mark.parametrize("why", ODD)
def test_a_stage_that_cannot_be_true_is_kept_and_changes_nothing(hub: RunningHub, machine: Machine, why: str) -> None:
    number = f"T-{why}"
    sent = machine.file_case("chen", "T01", number)
    machine.wait_for(number, "not_accepted")
    event = ODD[why]

    async def write(conn: psycopg.AsyncConnection) -> None:
        class Hub:
            clock, catalogue = machine.clock, CATALOGUE

        told = event if event.case_key else replace(event, case_key=sent.key)
        await stages._write_stage(Hub, conn, "traffic", told)  # type: ignore[arg-type]

    run(hub.dsn, write)
    assert hub.sql("select data->>'why' from event where kind = %s order by id desc limit 1", stages.ODD) == [(why,)]
    assert machine.states(number)[-1] == "not_accepted"


ON = datetime(2027, 1, 13, tzinfo=UTC)
LIES = (
    ("no_stage", {"state": "delivered"}),
    ("no_time", {"at": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)}),
    ("no_time", {"at": datetime(2027, 1, 13)}),
    ("no_time", {"at": datetime(2037, 1, 13, tzinfo=UTC)}),
    ("unknown_case", {"case_key": "x'; drop"}),
)


@pytest.mark.attack(4)
def test_one_stage_that_is_a_lie_is_kept_alone_and_the_next_ones_are_written(hub: RunningHub, machine: Machine) -> None:
    """What another system says of others' cases, of no case, or at no time; then it says what is true."""
    own, theirs = new_key(), new_key()
    for key, service in ((own, "H13"), (theirs, "T01")):
        known = "insert into case_file (key, service, state) values (%s, %s, 'accepted') returning 1"
        hub.sql(known, key, service)
    lie = StageEvent(0, own, "in_review", ON)
    told = [replace(lie, seq=n, **more) for n, (_, more) in enumerate(LIES, 1)]
    told += [StageEvent(20, theirs, "refused", ON), StageEvent(21, own, "in_review", ON, promised_by="a\0b")]

    async def write(conn: psycopg.AsyncConnection) -> None:
        class Hub:
            clock = machine.clock
            catalogue = CATALOGUE

        known = await stages._known_to(conn, "household")
        said = [plain_stage(replace(each, seq=known + each.seq)) for each in told]
        await stages._write_all(Hub, conn, "household", said)  # type: ignore[arg-type]
        # What the department itself says next is still to be heard.
        await conn.execute("update setting set value = %s where name = 'stages_household'", [Jsonb(known)])

    run(hub.dsn, write)
    found = hub.sql("select data->>'why' from event where kind = %s and actor = 'household' order by id", stages.ODD)
    assert [why for (why,) in found][-len(LIES) - 1 :] == [*(why for why, _ in LIES), "not_its_case"]
    state = "select state from case_file where key = %s"
    assert (hub.sql(state, theirs), hub.sql(state, own)) == ([("accepted",)], [("in_review",)])


@pytest.mark.attack(4)
def test_of_a_case_whose_service_has_ended_only_who_has_accepted_it_speaks(hub: RunningHub, machine: Machine) -> None:
    own = new_key()
    hub.sql("insert into case_file (key, service, state) values (%s, 'Z99', 'accepted') returning 1", own)
    said = """insert into event (at, actor, kind, envelope_key, data)
        values (now(), 'traffic', 'case_state', %s, '{"state": "accepted"}') returning 1"""
    hub.sql(said, own)

    async def write(conn: psycopg.AsyncConnection) -> None:
        stub = SimpleNamespace(clock=machine.clock, catalogue=CATALOGUE)
        for department, state in (("household", "refused"), ("traffic", "decided")):
            await stages._write_stage(stub, conn, department, StageEvent(1, own, state, ON))  # type: ignore[arg-type]

    run(hub.dsn, write)
    words = hub.sql("select actor, data->>'state', data->>'why' from event where envelope_key = %s order by id", own)
    assert words[1:] == [("household", "refused", "not_its_case"), ("traffic", "decided", None)]
    assert hub.sql("select state from case_file where key = %s", own) == [("decided",)]


@pytest.mark.attack(4)
def test_a_stage_dated_far_ahead_does_not_keep_the_true_ones_out(hub: RunningHub, machine: Machine) -> None:
    """A department's clock that was once wrong: what it says by the right one is no jump back."""
    own = new_key()
    hub.sql("insert into case_file (key, service, state) values (%s, 'H13', 'accepted') returning 1", own)
    early = StageEvent(3, own, "decided", ON - timedelta(days=30))
    told = [StageEvent(1, own, "in_review", ON + timedelta(days=300)), StageEvent(2, own, "decided", ON), early]

    async def write(conn: psycopg.AsyncConnection) -> None:
        stub = SimpleNamespace(clock=machine.clock, catalogue=CATALOGUE)
        for each in told:
            await stages._write_stage(stub, conn, "household", each)  # type: ignore[arg-type]

    run(hub.dsn, write)
    said = "select data->>'state', data->>'why' from event where envelope_key = %s order by id"
    assert hub.sql(said, own) == [("in_review", None), ("decided", None), ("decided", "jump_back")]


SERVED_BY_ENDLESS = SimpleNamespace(services={})


@pytest.mark.attack(4)
@pytest.mark.parametrize(("state", "asked"), [("accepted", 2), ("delivered", 2)])
def test_a_department_that_tells_the_same_for_ever_is_left_for_the_next_round(
    hub: RunningHub, machine: Machine, state: str, asked: int
) -> None:
    """A full page each time, whatever is asked for: the other departments wait behind it."""
    own = new_key()
    hub.sql("insert into case_file (key, service, state) values (%s, 'H13', %s) returning 1", own, state)
    questions = []

    async def follow_all(conn: psycopg.AsyncConnection) -> None:
        async def ask(*_: object) -> list[StageEvent]:
            questions.append(1)
            assert len(questions) < 10, "it is asked without end"
            return [StageEvent(1, own, "in_review", ON)] * stages._MOST

        @contextlib.asynccontextmanager
        async def connection() -> AsyncIterator[psycopg.AsyncConnection]:
            yield conn

        gateway = SimpleNamespace(departments=["endless"], ask=ask)
        pool = SimpleNamespace(connection=connection)
        stub = SimpleNamespace(gateway=gateway, pool=pool, clock=machine.clock, catalogue=SERVED_BY_ENDLESS)
        await stages.follow_all(stub)  # type: ignore[arg-type]
        await conn.execute("delete from setting where name = 'stages_endless'")

    run(hub.dsn, follow_all)
    assert len(questions) == asked


def test_two_hubs_that_ask_at_once_write_each_stage_once(hub: RunningHub, machine: Machine) -> None:
    machine.file_case("li", "H13", "H-once")
    machine.wait_for("H-once", "accepted")

    async def both(_: psycopg.AsyncConnection) -> None:
        await asyncio.gather(
            *(asyncio.to_thread(hub.demo, "POST", "days", department="household", days=1) for _ in "ab")
        )

    run(hub.dsn, both)
    assert machine.states("H-once") == ["delivered", "accepted", "decided"]


def test_a_supervisor_lets_days_pass_and_compares_the_books(hub: RunningHub, machine: Machine) -> None:
    machine.file_case("wang", "H13", "H-books")
    machine.wait_for("H-books", "accepted")

    def said(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["department", *words, "--dsn", hub.dsn])
        return result.exit_code, result.output

    code, output = said("advance", "household", "--days", "2", "--today", f"{TODAY}", "--by", "test")
    assert (code, output.startswith("household: 2027-01-1")) == (0, True)
    eventually(lambda: machine.states("H-books")[-1] == "decided", "the books of that day are closed")
    code, output = said("cases", "household")
    assert (code, "H-books" in output) == (0, True)
    hub.sql("update household.case_desk set state = 'refused' returning 1")
    assert said("cases", "household")[0] == 3
    code, output = said("case", "household", "H-books", "withdrawn", "--today", f"{TODAY}")
    assert (code, "refused -> withdrawn" in output) == (1, True)


def hear(hub: RunningHub, machine: Machine, *told: StageEvent) -> None:
    """The household department says this next; what it says itself is still to be heard after it."""

    async def write(conn: psycopg.AsyncConnection) -> None:
        stub = SimpleNamespace(clock=machine.clock, catalogue=CATALOGUE)
        known = await stages._known_to(conn, "household")
        said = [plain_stage(replace(each, seq=known + each.seq)) for each in told]
        await stages._write_all(stub, conn, "household", said)  # type: ignore[arg-type]
        await conn.execute("update setting set value = %s where name = 'stages_household'", [Jsonb(known)])

    run(hub.dsn, write)


def test_a_stage_of_a_case_that_is_not_accepted_yet_waits_for_that_and_holds_up_nobody(
    hub: RunningHub, machine: Machine
) -> None:
    hub.demo("POST", "reset")
    other = new_key()
    hub.sql("insert into case_file (key, service, state) values (%s, 'H13', 'accepted') returning 1", other)
    hub.demo("POST", "faults", down=["household"])
    sent = machine.file_case("zhou", "H13", "H-early")
    machine.wait_for("H-early", "delivered")
    early = StageEvent(1, sent.key, "in_review", ON, promised_on=date(2027, 2, 1), promised_by="weekends")
    late = StageEvent(3, sent.key, "needs_supplement", ON, "officer", ["supplement_photo"])
    hear(hub, machine, early, StageEvent(2, other, "decided", ON), late)
    assert hub.sql("select state from case_file where key = %s", other) == [("decided",)]
    assert machine.states("H-early") == ["delivered"]
    hub.demo("DELETE", "faults")
    machine.wait_for("H-early", "accepted")
    assert (case := machine.case("H-early"))
    assert [each.state for each in case.states] == ["delivered", "accepted", "in_review", "needs_supplement"]
    assert case.states[-1].reasons == ["supplement_photo"]
    known = "select state, promised_on from case_file where key = %s"
    assert hub.sql(known, sent.key) == [("needs_supplement", date(2027, 2, 1))]


def test_a_stage_of_a_case_that_is_known_later_is_taken_up_when_that_is_accepted(
    hub: RunningHub, machine: Machine
) -> None:
    """The hub was restored from a backup of before; the case comes back from its machine or its slip."""
    hub.demo("POST", "reset")
    key = new_key()
    hear(hub, machine, StageEvent(1, key, "decided", ON))
    machine.file_case("zhou", "H13", "H-later", key=key)
    machine.wait_for("H-later", "accepted")
    assert machine.states("H-later") == ["delivered", "accepted", "decided"]
