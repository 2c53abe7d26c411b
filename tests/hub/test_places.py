"""Which hall can do what: what machines say of themselves, the city's list, and what a machine makes of the answer."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from hub.cli import main
from kiosk.catalogue.loader import load
from kiosk.clock import Clock
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.messages.fleet import Heartbeat
from kiosk.messages.places import NearbyAnswer, Place
from kiosk.nearby import Nearby
from offline_cache.store import Store
from offline_cache.values import Values
from tests.hub.fixtures import Machine, RunningHub

SERVICES = load().services
FILE = """
[[place]]
name = { zh = "本厅", en = "This hall" }
lat = 30.0
lon = 120.0
machines = ["PL-1", "PL-2"]
[[place]]
name = { zh = "远厅", en = "Far hall" }
lat = 30.1
lon = 120.0
machines = ["PL-4"]
[[place]]
name = { zh = "近厅", en = "Near hall" }
hours = { zh = "每天", en = "every day" }
lat = 30.01
lon = 120.0
machines = ["PL-3"]
counter = ["household"]
"""


@pytest.fixture(scope="module")
def city(hub: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Machine]:
    """Four machines; the second says what it cannot do, the third is of before, the fourth is out of service."""
    file = tmp_path_factory.mktemp("city") / "places.toml"
    file.write_text(FILE, "utf-8")
    done = CliRunner().invoke(main, ["places", str(file), "--by", "test"], env={"TONGBAN_HUB_DSN": hub.dsn})
    assert done.exit_code == 0, done.output
    found = {name: hub.machine(name) for name in ("PL-1", "PL-2", "PL-3", "PL-4")}
    beats = {
        "PL-1": Heartbeat(cannot=[]),
        "PL-2": Heartbeat(cannot=sorted(set(SERVICES) - {"E06", "C01"})),
        "PL-3": Heartbeat(),
        "PL-4": Heartbeat(cannot=[], in_service=False),
    }
    for name, beat in beats.items():
        assert found[name].call("POST", "/v1/heartbeats", msgspec.json.encode(beat)).status_code == 200
    return found


def test_the_nearest_first_with_what_others_there_can_do_now(city: dict[str, Machine]) -> None:
    here, near = city["PL-1"].ask("nearby").places
    assert (here.name["en"], here.distance_m, here.machine) == ("This hall", 0, ("C01", "E06"))
    assert (near.name["en"], near.distance_m, near.machine, near.counter) == ("Near hall", 1112, (), ("household",))
    assert city["PL-3"].ask("nearby").places[0].name["en"] == "Near hall"
    assert "T01" in city["PL-2"].ask("nearby").places[0].machine, "the first machine can do everything"


def test_who_was_not_heard_of_can_do_nothing(hub: RunningHub, city: dict[str, Machine]) -> None:
    hub.sql("update kiosk set seen_at = seen_at - interval '10 minutes' where kiosk_id = 'PL-2' returning 1")
    assert [each.name["en"] for each in city["PL-1"].ask("nearby").places] == ["Near hall"]


HALL = "[[place]]\nname = {zh='x'}\n"
UNREADABLE = (
    HALL + 'phone = "110\\n119"',
    HALL + f'phone = "{"1" * 65}"',
    HALL + "lat = 116.4\nlon = 39.9",  # the two in each other's place
    HALL + 'counter = ["a\\nb"]',
    HALL + f"counter = {[f'{n}' for n in range(51)]}",
    "[[place]]\nname = {}",
)


@pytest.mark.usefixtures("city")
def test_a_hall_that_no_machine_can_read_costs_them_no_other(hub: RunningHub, city: dict[str, Machine]) -> None:
    """As a hub of before has taken it."""
    before = city["PL-3"].ask("nearby").places
    wrong = [
        {"name": {"zh": "x"}, "phone": "1\n2"},
        {"name": {"zh": "y"}, "counter": ["traffic"], "lat": -89, "lon": -60},
    ]
    hub.sql("update setting set value = value || %s::jsonb where name = 'places' returning 1", json.dumps(wrong))
    found = city["PL-3"].ask("nearby").places
    assert [*found] == [*before, Place({"zh": "y"}, counter=("traffic",))]
    hub.sql("update setting set value = value - 3 - 3 where name = 'places' returning 1")


@pytest.mark.parametrize("said", ["[[place]]\nnam = 1", "place = 3", HALL + "lat = 999.0", "\x00", *UNREADABLE])
@pytest.mark.usefixtures("city")
def test_a_file_that_is_none_is_told_in_one_line_and_the_old_one_stays(
    hub: RunningHub, tmp_path: Path, said: str
) -> None:
    file = tmp_path / "places.toml"
    file.write_text(said, "utf-8")
    done = CliRunner().invoke(main, ["places", str(file)], env={"TONGBAN_HUB_DSN": hub.dsn})
    assert done.exit_code == 1
    assert len(done.output.strip().splitlines()) == 1, done.output
    assert len(hub.sql("select jsonb_array_elements(value) from setting where name = 'places'")) == 3


QINGXI = Place(
    {"zh": "清溪所", "en": "Qingxi"}, hours={"zh": "每天", "en": "daily"}, distance_m=320, counter=("household",)
)
ANSWER = NearbyAnswer([QINGXI, Place({"zh": "市厅"}, distance_m=2150, machine=("H03", "E06"))])


async def test_the_nearest_place_in_words_and_the_hour_of_what_is_not_of_now() -> None:
    online, answers = [True], [Answered(ANSWER), Unreachable("offline")]

    async def ask(_question: Any) -> Any:
        return answers.pop(0)

    nearby = Nearby(Clock(date(2027, 1, 12)), ask, lambda: online[0])
    assert not nearby.words(SERVICES["H03"])
    await nearby.look()
    assert nearby.words(SERVICES["H03"]).zh == "最近能办：清溪所（约 300 米）的窗口，每天。"
    assert nearby.words(SERVICES["E06"]).en == "Nearest: the machine at 市厅 (about 2.1 km)."
    assert not nearby.words(SERVICES["T01"])
    await nearby.look()
    assert nearby.places == ANSWER.places, "without an answer the last one stays"
    online[0] = False
    assert f"（{nearby.hour()} 的情况）" in nearby.words(SERVICES["E06"]).zh


async def test_a_machine_that_is_started_anew_without_a_network_still_knows_it(tmp_path: Path) -> None:
    clock = Clock(date(2027, 1, 12))
    store = Store.open(tmp_path / "store.db", now=clock.now, ballast_mb=0, free_floor_mb=0)
    values = Values(store)

    async def ask(_question: Any) -> Any:
        return Answered(ANSWER)

    await Nearby(clock, ask, lambda: True, values).look()
    for online in (False, True):
        again = Nearby(clock, ask, lambda online=online: online, values)
        assert again.places == ANSWER.places
        assert f"（{again.hour()} 的情况）" in again.words(SERVICES["E06"]).zh, "not said as of now before it was asked"
    later = Nearby(Clock(date(2027, 1, 13)), ask, lambda: False, values)
    assert later.hour().startswith("2027-01-12 ")
    values.put("nearby", "places", b"[[of another version]]")
    assert Nearby(clock, ask, lambda: True, values).places == []
    store.close()
