"""Who types a receipt number for one case does nothing to another one that was filed under the same."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from hub.answers import MOST_CASES
from hub.cli import main
from hub.named_cases import NUMBER_TWICE
from kiosk.messages import content
from tests.hub.fixtures import CODE, TODAY, Machine, RunningHub, number_of
from tests.hub.test_enrolment import events
from tests.waiting import eventually

OPENED = "select key::text from case_file where receipt_number = %s order by key"


@pytest.mark.attack(11)
def test_staff_are_asked_which_case_they_mean_where_two_have_one_number(hub: RunningHub, machine: Machine) -> None:
    def done(*words: str) -> str:
        line = [*words, "--by", "chen", "--today", str(TODAY), "--dsn", hub.dsn]
        return CliRunner().invoke(main, line).stderr

    filed = [machine.file_case("wang", "H13", "H-both").key, hub.machine().file_case("li", "T01", "H-both").key]
    eventually(lambda: len(hub.sql(OPENED, "H-both")) == len(filed), "both are opened")
    hub.sql("update case_file set state = 'decided' where receipt_number = 'H-both' returning 1")
    for words in (["locker", "put", machine.kiosk_id, "5", "household"], ["department", "case", "household"]):
        said = done(*words, "H-both", *(["decided"] if words[0] == "department" else []))
        assert all(key in said for key in (*filed, "2 cases have this number"))
    assert hub.sql("select 1 from locker where kiosk_id = %s", machine.kiosk_id) == []
    assert done("locker", "put", machine.kiosk_id, "5", "household", filed[0]) == ""
    assert hub.sql("select case_key::text from locker where kiosk_id = %s", machine.kiosk_id) == [(filed[0],)]


def opened(hub: RunningHub, key: str) -> None:
    known = "select 1 from event where envelope_key = %s and kind = 'opened'"
    eventually(lambda: hub.sql(known, key), f"{key} is opened")


@pytest.mark.attack(11)
def test_two_cases_of_one_number_are_an_alarm_and_neither_is_told_as_the_other(
    hub: RunningHub, machine: Machine
) -> None:
    number, copied = "N-twice", hub.machine()
    first = machine.file_case("wang", "H13", number).key
    opened(hub, first)
    assert events(hub, NUMBER_TWICE, machine.kiosk_id) == []
    second = copied.file_case("li", "T01", number).key
    opened(hub, second)
    words = content.Complaint("等了很久", "complaint", complaint_number=number, slip_code="31415926")
    complaint = copied.envelope("complaint", content.encode_content(words))
    copied.deliver(complaint)
    opened(hub, complaint.key)
    of_first, of_second = (
        {"key": key, "kiosk_id": own} for key, own in ((first, machine.kiosk_id), (second, copied.kiosk_id))
    )
    told = events(hub, NUMBER_TWICE, copied.kiosk_id)
    assert [said["others"] for said in told] == [[of_first], [of_first, of_second]]
    assert {(said["actor"], said["receipt_number"]) for said in told} == {("hub", number)}
    log = hub.data.parent / f"{hub.data.name}.log"
    told_of = [second in line for line in log.read_text().splitlines() if NUMBER_TWICE in line and first in line]
    assert told_of == [True], "the log has one line for a number"

    def cases(**how: str) -> list[str]:
        answer: Any = hub.machine().ask("progress", **how)
        return [case.service for case in answer.cases if case.receipt_number == number]

    assert cases(receipt_number=number, slip_code="31415926") == ["C03"]
    assert (cases(id_number=number_of("wang")), cases(id_number=number_of("li"))) == (["H13"], ["T01"])
    assert sorted(cases(receipt_number=number, slip_code=CODE)) == ["H13", "T01"], "who has two slips of one code"


@pytest.mark.attack(8)
def test_heaps_that_a_machine_files_for_somebody_hide_none_of_their_cases(hub: RunningHub, machine: Machine) -> None:
    own = machine.file_case("li", "H13", "N-own").key
    machine.wait_for("N-own", "accepted")
    columns = "insert into case_file (key, state, service, receipt_number, person_ref, masked_name)"
    later = "lpad(to_hex(n), 8, 'f')::text || '-0000-7000-8000-000000000000'"
    heap = f"select ({later})::uuid, state, 'H13', 'N-heap', person_ref, '' from case_file, generate_series(1, %s) n"
    for state in ("delivered", "not_accepted"):
        hub.sql(f"{columns} {heap.replace('state,', f'{state!r},')} where key = %s returning 1", MOST_CASES, own)
        answer: Any = hub.machine().ask("progress", id_number=number_of("li"))
        hub.sql("delete from case_file where receipt_number = 'N-heap' returning 1")
        assert len(answer.cases) == MOST_CASES
        assert "N-own" in [case.receipt_number for case in answer.cases]


def test_what_has_no_number_has_nobodys(hub: RunningHub, machine: Machine) -> None:
    for _ in range(2):
        sent = machine.envelope("complaint", content.encode_content(content.Complaint("等了很久", "complaint")))
        machine.deliver(sent)
        opened(hub, sent.key)
    assert events(hub, NUMBER_TWICE, machine.kiosk_id) == []
