"""Who types a receipt number for one case does nothing to another one that was filed under the same."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from hub.cli import main
from tests.hub.fixtures import TODAY, Machine, RunningHub
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
