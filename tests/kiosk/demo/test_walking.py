"""What the summary says of a visit, from the machine's status lines alone; and the script handed to the walker."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from kiosk.citizen import Script, read_script, script_text
from kiosk.demo.stage import Stage
from kiosk.demo.walking import Row, VisitPlan, poses, rows_of, script_of

ONLINE = VisitPlan("online", "wang", ("T01", "C01"))
OFFLINE = VisitPlan("offline", "zhao", ("T01",), online=False)


def journey(service: str, began: float, ended: float | None, *between: dict[str, object]) -> list[dict[str, object]]:
    lines = [{"type": "journey", "service": service, "state": "begin", "mono": began}, *between]
    return lines if ended is None else [*lines, {"type": "journey", "service": service, "state": "end", "mono": ended}]


def case(state: str, service: str = "T01") -> dict[str, object]:
    first = {"service": service} if state == "stored" else {}
    return {"type": "case", "case_id": f"case of {service}", **first, "state": state, "mono": 0.0}


def t01(plan: VisitPlan, lines: list[dict[str, object]], failed: str = "") -> Row:
    return rows_of(plan, lines, failed)[0]


def test_accepted_case_and_a_query_are_done_and_timed() -> None:
    lines = [*journey("T01", 10.0, 14.5, case("stored"), case("accepted")), *journey("C01", 15.0, 16.0)]
    rows = rows_of(ONLINE, lines, "")
    assert [(row.service, row.ok, row.seconds) for row in rows] == [("T01", True, 4.5), ("C01", True, 1.0)]
    assert "accepted" in rows[0].result.en


@pytest.mark.parametrize(
    ("plan", "state", "ok"), [(ONLINE, "stored", False), (OFFLINE, "stored", True), (ONLINE, "delivered", False)]
)
def test_kept_is_enough_without_a_network_and_not_with_one(plan: VisitPlan, state: str, ok: bool) -> None:
    assert t01(plan, journey("T01", 1.0, 2.0, case("stored"), case(state))).ok is ok


def test_journey_that_never_ended_is_a_failure_with_its_reason() -> None:
    row = t01(ONLINE, journey("T01", 1.0, None), failed="the store cannot be opened")
    assert not row.ok
    assert "the store cannot be opened" in row.result.en


def test_journey_without_a_case_is_a_failure_although_it_ended() -> None:
    assert not t01(OFFLINE, journey("T01", 1.0, 2.0)).ok


def test_crashed_step_is_a_failure_although_the_journey_ended() -> None:
    crash = {"type": "step_crashed", "service": "C01", "mono": 1.5}
    assert not rows_of(ONLINE, journey("C01", 1.0, 2.0, crash), "")[1].ok


def test_script_is_one_that_the_walker_reads(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.ready["camera"] = {"control": '/tmp/a "strange" path'}
    script = msgspec.convert(tomllib.loads(script_of(stage, ONLINE)), Script)
    assert script.services == ("T01", "C01")
    assert script.turn == '/tmp/a "strange" path'
    assert script.actions == {"rate": "grade:5"}
    assert script.control == poses(tmp_path)


def test_a_script_is_read_back_from_its_text_whatever_stands_in_it(tmp_path: Path) -> None:
    typed = {"full name": '王"小\\明\t\U00020bb7', "signature": [[[0.5, 1.0], [1e-7, 0.25]]]}
    script = Script(values=typed, actions={"T01/result": "leave"}, control=poses(tmp_path), anonymous=True)
    path = tmp_path / "script.toml"
    path.write_text(script_text(script), encoding="utf-8")
    assert read_script(path) == script
