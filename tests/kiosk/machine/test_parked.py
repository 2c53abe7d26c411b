"""A medical result that is late: the service waits at the hub, and the tap of the card takes it up where it waited."""

from __future__ import annotations

import json
import re

import psycopg

from kiosk.citizen import Control, Script
from kiosk.demo.walking import poses
from tests.kiosk.machine.conftest import World

SMITH = "GBR990180051702"


def at_the_hub(world: World, statement: str) -> list[tuple[str, ...]]:
    with psycopg.connect(world.stage.ready["hub"]["dsn"]) as conn:
        cursor = conn.execute(statement.encode(), [SMITH] if "%s" in statement else [])
        return cursor.fetchall() if cursor.description else []


def evidence(world: World) -> set[str]:
    """The names of what went with the case that the hub took in last."""
    newest = "select header from envelope where kind = 'case' order by hub_seq desc limit 1"
    return {part["name"] for part in json.loads(at_the_hub(world, newest)[0][0])["parts"]}


async def test_who_goes_for_a_walk_goes_on_where_it_waited(world: World) -> None:
    at_the_hub(world, "update traffic.licence set medical_on = null where id_number = %s")
    await world.walk(world.script("smith", "T05"))
    assert world.pages()[world.pages().index("wait") + 1] == "wait_parked"
    assert at_the_hub(world, "select service, checks[1] from parked") == [("T05", "medical_recent")]
    # The hospital sends it, 40 minutes later.
    at_the_hub(world, "update traffic.licence set medical_on = '2027-01-12' where id_number = %s")
    world.lines = []
    await world.walk(world.script("smith", actions={"todo": "wait", "rate": "exit"}))
    after = world.pages()[world.pages().index("resume") + 1 :]
    assert after[0] in ("face_notice", "face", "guide", "face_unavailable"), "the person is verified anew"
    assert not {"wait", "todo"} & set(after[: after.index("result")])
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "accepted"]
    assert at_the_hub(world, "select service, checks[1] from parked") == []


async def test_what_was_said_is_left_and_goes_on_at_the_next_tap(world: World) -> None:
    leave = {"sign": "exit", "confirm_exit": "keep"}
    await world.walk(world.script("wu", "H01", values={"phone": "13700000003"}, actions=leave))
    assert "handover_kept" in world.pages(), world.pages()
    assert world.of("case") == []
    assert at_the_hub(world, "select service from handover") == [("H01",)]
    world.lines = []
    await world.walk(world.script("wu", actions={"todo": "wait", "rate": "exit"}))
    assert "resume" in world.pages(), world.pages()
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "accepted"]
    assert at_the_hub(world, "select service from handover") == []
    assert evidence(world) >= {"photo", "fingerprint_1", "fingerprint_2"}, "the picture and both thumbs, taken anew"


async def test_the_code_on_the_slip_leads_back_and_card_and_face_open_it(world: World) -> None:
    leave = {"sign": "exit", "confirm_exit": "keep", "handover_kept": "print, continue"}
    leave["bundle"] = "part:H01, part:T01, next"
    await world.walk(world.script("wu", "B04", values={"phone": "13700000003"}, actions=leave))
    (slip,) = world.slips()
    found = re.search(r"\b([2-9A-Z]{4})-([2-9A-Z]{4})\b", slip)
    assert found, slip
    assert at_the_hub(world, "select service from handover") == [("B04",)]
    world.lines = []
    reader, camera = world.socket("id_card_reader"), world.socket("camera")
    world.do("id_card_reader", "lift")
    by_code = Script(
        values={"resume_code": found[1] + found[2]},
        actions={"home": "resume", "todo": "exit", "rate": "exit"},
        turn=camera,
        control=(
            Control(page="card", socket=reader, do="place", arguments={"card": "wu"}),
            Control(page="card", socket=camera, do="person", arguments={"id": "wu"}),
            *poses(world.stage.folder),
        ),
    )
    await world.walk(by_code)
    assert "card" in world.pages(), world.pages()
    assert not {"todo", "resume"} & set(world.pages()[: world.pages().index("sign")])
    assert {line["state"] for line in world.of("case")} >= {"stored", "delivered", "accepted"}
    for table in ("handover", "resume_code"):
        assert at_the_hub(world, f"select service from {table}") == []
