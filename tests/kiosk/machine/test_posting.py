"""邮寄 and 快递登记 from the touch to the label: the address travels in a message of its own."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
import trio
from click.testing import CliRunner

from hub.cli import main
from kiosk import running
from kiosk.commands.walking import Walking
from tests.kiosk.machine.conftest import World
from tests.kiosk.machine.test_common import in_the_city
from tests.waiting import comes_true

ADDRESS, OTHER = "通办市试点区演示路12号3单元401室", "通办市试点区示范街6号2栋1203室"
DELIVERIES = "select key::text, state, masked, case_key::text from delivery order by at"


def city(world: World, query: str, *values: Any) -> list[tuple]:
    with psycopg.connect(world.stage.ready["hub"]["dsn"], autocommit=True) as conn:
        return conn.execute(query, values).fetchall()  # type: ignore[arg-type]


def post(world: World, *words: str) -> Any:
    return CliRunner().invoke(main, ["post", *words, "--dsn", world.stage.ready["hub"]["dsn"], "--today", "2027-01-12"])


def values(address: str) -> dict[str, str]:
    return {"card_collection": "post", "post_address": address, "post_phone": "13900000001"}


async def test_the_address_reaches_the_label_and_nothing_else(world: World) -> None:
    world.do("network", "restore")
    await world.walk(world.script("wang", "H02", values=values(ADDRESS)))
    (slip,) = world.slips()
    assert "通办市试点区*** 139****0001" in slip
    assert "401室" not in slip
    await in_the_city(world, "select 1 from delivery where state = 'waiting'")
    ((key, _, masked, case_key),) = city(world, DELIVERIES)
    assert masked == "通办市试点区*** 139****0001"
    ((headers,),) = city(world, "select string_agg(convert_from(header, 'utf8'), '') from envelope where kind = 'case'")
    assert '"delivery"' not in headers, "the case has no part with it"
    ((everything,),) = city(
        world, "select coalesce(string_agg(row_to_json(a)::text, ''), '') from household.application a"
    )
    assert "演示路" not in everything
    assert "H02" in post(world, "list").stdout

    await world.walk(world.script("wang", "C08", values=values(OTHER)))
    await in_the_city(world, "select 1 from case_file where service = 'C08' and state = 'decided'")
    await in_the_city(world, "select 1 from delivery where state = 'replaced'")
    (old, new) = city(world, DELIVERIES)
    assert [(row[1], row[3]) for row in (old, new)] == [("replaced", case_key), ("waiting", case_key)]

    folder = str(world.stage.folder / "hub" / "keys")
    opened = post(world, "label", new[0], "--keys", folder)
    assert opened.stdout.splitlines()[1:] == ["13900000001", OTHER], opened.output
    assert post(world, "label", key, "--keys", folder).exit_code == 1, "what was replaced is opened for nobody"
    assert city(world, "select count(*) from event where kind = 'address_opened'") == [(1,)]
    assert post(world, "sent", new[0], "EX123456789CN").exit_code == 1, "what is not made cannot be posted"
    city(world, "update case_file set state = 'decided' where key = %s returning 1", case_key)
    assert post(world, "sent", new[0], "EX123456789CN").exit_code == 0
    asked = world.pages().count("delivery")
    await world.walk(world.script("wang", "C08", values=values(ADDRESS)))
    assert world.pages()[-8:].count("express") == 1, "what the post has is told"
    assert world.pages().count("delivery") == asked, "and cannot be changed"


@pytest.mark.attack(11)
async def test_who_has_nothing_to_be_posted_is_told_so_and_files_nothing(world: World) -> None:
    await world.walk(world.script("zhao", "C08", values=values(ADDRESS)))
    assert "express_none" in world.pages()
    assert world.of("case") == []


async def test_an_appointment_is_booked_shown_to_its_person_and_cancelled(world: World) -> None:
    await world.walk(world.script("li", "C04", values={"counter": "traffic"}))
    (slip,) = world.slips()
    found = re.search(r"预约号 +(C\d{3})", slip)
    assert found, slip
    assert "已办结" in slip
    await in_the_city(world, "select 1 from appointment where state = 'kept' and ticket = %s", found[1])
    cancels = {"slot_mine": "cancel", "slot_cancel": "cancel"}
    await world.walk(world.script("li", "C04", values={"counter": "traffic"}, actions=cancels))
    assert "slot_cancelled" in world.pages()
    assert city(world, "select state from appointment where ticket = %s order by state", found[1]) == [("cancelled",)]
    assert city(world, "select state from case_file where service = 'C04'") == [("withdrawn",)]


async def test_a_plate_number_is_kept_for_who_files_it_and_given_back_by_who_goes(world: World) -> None:
    held = "select 1 from traffic.plate_number where vin is not null and kept_to is null"
    leaves = {"T20/sign": "exit", "confirm_exit": "exit"}
    machine = world.machine(Walking(world.script("sun", "T20", actions=leaves), None, None))
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        await comes_true(lambda: city(world, held), "a number is held")
        await comes_true(lambda: world.of("wiped") and not city(world, held), "it is given back with the visit")
        machine.stop()
    assert world.of("case") == []
    await world.walk(world.script("sun", "T20"))
    (slip,) = world.slips()
    number = re.search(r"选定号码 +(通A·\w{5})", slip)
    assert number, slip
    kept = "select 1 from traffic.plate_number where number = %s and vin is not null and kept_to is not null"
    await in_the_city(world, kept, number[1])
    assert city(world, held) == []
