"""The hub judges by the signed catalogue that it was given, and gives the same to machines."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hub import published
from hub.published import InForce, Published
from kiosk.catalogue.kinds import any_kind
from kiosk.catalogue.loader import parse, read_folder
from kiosk.catalogue.signing import sign_folder
from kiosk.messages.encoding import canonical_json
from kiosk.messages.seal import new_sign_key, verify
from tests.catalogues import city, copied, example, signed, write
from tests.forking import forked
from tests.hub.fixtures import ROOT, Machine, RunningHub
from tests.waiting import HANG_S, eventually

LATER = example().replace('["normal", "overdue", "unreviewed", "full_points"]', '["overdue"]')
"""Of the same service another rule: nobody whose licence is normal may have it."""


def command(hub: RunningHub, *words: str, keys: bool = True) -> subprocess.CompletedProcess[str]:
    folder = ["--keys", str(hub.data / "keys")] if keys else []
    return forked("hub", "catalogue", *words, "--dsn", hub.dsn, *folder)


def publish(hub: RunningHub, folder: Path) -> subprocess.CompletedProcess[str]:
    return command(hub, "publish", str(folder), "--by", "chief")


def own_key(hub: RunningHub) -> str:
    return (hub.data / "keys" / "sign.key").read_text().strip()


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def served(machine: Machine) -> dict[str, Any]:
    return machine.call("GET", "/v1/catalogue").json()


def in_force(machine: Machine, version: str) -> None:
    eventually(lambda: served(machine)["manifest"]["version"] == version, f"catalogue {version} in force")


def test_a_service_of_a_published_catalogue_is_judged_without_a_restart_and_by_the_newest_one(
    hub: RunningHub, machine: Machine, tmp_path: Path
) -> None:
    machine.file_case("zhao", "T90", "T90-before")
    machine.wait_for("T90-before", "not_accepted")
    machine.file_case("zhao", "T90", "T90-by-a-newer-one", version="2027.02")
    waits = "select 1 from procrastinate_jobs where task_name = 'ask_department' and status = 'todo' and priority = -1"
    eventually(lambda: hub.sql(waits), "it waits, an hour or until another catalogue is in force")
    first = signed(copied(tmp_path / "a", traffic__T90=example()), own_key(hub))
    done = publish(hub, first)
    assert (done.returncode, done.stdout) == (0, "catalogue 2027.02 is in force\n"), done.stderr
    in_force(machine, "2027.02")
    machine.wait_for("T90-by-a-newer-one", "accepted")
    machine.file_case("zhao", "T90", "T90-after")
    machine.wait_for("T90-after", "accepted")
    assert publish(hub, signed(copied(tmp_path / "b", "2027.03", traffic__T90=LATER), own_key(hub))).returncode == 0
    in_force(machine, "2027.03")
    machine.file_case("li", "T90", "T90-later")
    machine.wait_for("T90-later", "not_accepted")
    assert machine.case("T90-later").states[-1].reasons == ["licence_free"]
    machine.file_case("chen", "T90", "T90-filed-by-the-old-one", version="2027.02")
    machine.wait_for("T90-filed-by-the-old-one", "accepted")


def test_a_new_day_is_looked_at_without_a_restart_and_a_case_of_yesterday_keeps_its_rules(
    hub: RunningHub, tmp_path: Path
) -> None:
    today, tomorrow = date(2027, 6, 30), date(2027, 7, 1)
    dated = example().replace("icon =", "valid_from = 2027-07-01\nicon =", 1)
    files = read_folder(copied(tmp_path / "dated", traffic__T90=dated))
    now = Published(0, parse(tmp_path, files, any_kind, today), files)
    in_force = InForce(now, today)

    async def story() -> None:
        async with await psycopg.AsyncConnection.connect(hub.dsn) as conn:
            await conn.execute("delete from published_catalogue")
            await in_force.look(conn, today)
            assert in_force.now is now, "nothing is read twice"
            await in_force.look(conn, tomorrow)
            assert "T90" in in_force.now.catalogue.services
            assert "T90" not in (await in_force.of_case(conn, "2027.02", today)).services
            assert await in_force.of_case(conn, "2029.01", today) is in_force.now.catalogue, (
                "of which nobody here knows"
            )
            await conn.rollback()

    asyncio.run(story())


@pytest.mark.attack(3)
def test_a_version_is_read_once_for_all_days_on_which_it_is_the_same(
    hub: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which day it was filed on, the machine says: one case for each day would have each of them read everything."""
    today, read = date(2027, 6, 30), list[date]()
    dated = example().replace("icon =", "valid_from = 2027-05-01\nvalid_to = 2027-05-31\nicon =", 1)
    files = read_folder(copied(tmp_path / "dated", traffic__T90=dated))
    in_force = InForce(Published(0, parse(tmp_path, files, any_kind, today), files), today)

    def counted(folder: Path, files: Any, type_of: Any, day: date) -> Any:
        read.append(day)
        return parse(folder, files, type_of, day)

    async def story() -> list[date]:
        async with await psycopg.AsyncConnection.connect(hub.dsn) as conn:
            days = [today - timedelta(days=n) for n in range(93)]
            found = {day: await in_force.of_case(conn, "2027.02", day) for day in days}
            return [day for day, catalogue in found.items() if "T90" in catalogue.services]

    monkeypatch.setattr(published, "parse", counted)
    held = asyncio.run(story())
    assert (held[-1], held[0], len(held)) == (date(2027, 5, 1), date(2027, 5, 31), 31)
    assert len(read) == 3, "before it, while it held, and after it"


def test_what_is_served_is_what_was_published_signed_for_the_machine_that_asks(
    hub: RunningHub, machine: Machine
) -> None:
    answer = served(machine)
    assert answer["files"]["traffic/T90.toml"] == LATER
    signature = answer["manifest"].pop("signature")
    verify(canonical_json(answer["manifest"]), signature, hub.said["verify_key"])


def test_the_same_again_changes_nothing_and_another_one_needs_another_version(hub: RunningHub, tmp_path: Path) -> None:
    again = signed(copied(tmp_path / "again", "2027.03", traffic__T90=LATER), own_key(hub))
    assert publish(hub, again).returncode == 0
    assert hub.sql("select count(*) from published_catalogue") == [(2,)]
    other = signed(copied(tmp_path / "other", "2027.03", traffic__T90=example()), own_key(hub))
    assert "another catalogue of version 2027.03 is in force" in refused(publish(hub, other))


def test_the_city_goes_back_only_by_its_signed_word(hub: RunningHub, machine: Machine, tmp_path: Path) -> None:
    old = copied(tmp_path / "old", "2027.02", traffic__T90=example())
    assert "older than 2027.03, which is in force" in refused(publish(hub, signed(old, own_key(hub))))
    assert publish(hub, signed(old, own_key(hub), instead_of="2027.03")).returncode == 0
    in_force(machine, "2027.02")
    assert served(machine)["manifest"]["instead_of"] == "2027.03", "so that machines take it too"


@pytest.mark.attack(12)
def test_what_nobody_signed_or_somebody_else_or_was_altered_is_refused(hub: RunningHub, tmp_path: Path) -> None:
    before = hub.sql("select count(*) from published_catalogue")
    folder = copied(tmp_path / "new", "2027.09")
    assert "not signed" in refused(publish(hub, folder))
    assert "manifest.json" in refused(publish(hub, signed(folder, new_sign_key().private)))
    signed(folder, own_key(hub))
    path = folder / "household" / "H13.toml"
    write(path, path.read_text("utf-8").replace("value = 1\n", "value = 12\n"))
    assert "H13.toml: altered since it was signed" in refused(publish(hub, folder))
    assert hub.sql("select count(*) from published_catalogue") == before


def test_one_with_mistakes_and_one_that_this_hubs_departments_cannot_carry_out_are_refused(
    hub: RunningHub, tmp_path: Path
) -> None:
    folder = copied(tmp_path / "new", "2027.09", traffic__T90=example())
    signed(folder, own_key(hub))
    departments = folder / "departments.toml"
    text = departments.read_text("utf-8")
    write(departments, text.replace("[traffic.effects]\n", '[traffic.effects]\nlicence_ended = "it ends"\n'))
    write(folder / "traffic" / "T90.toml", example().replace("order = 20\n", 'order = 20\neffect = "licence_ended"\n'))
    signed(folder, own_key(hub))
    told = refused(publish(hub, folder))
    assert "traffic/T90.toml: effect: traffic on this hub has licence_renewed" in told
    assert "not licence_ended; install it first" in told


def test_what_a_city_has_otherwise_is_judged_by_and_served_as_one(
    hub: RunningHub, machine: Machine, tmp_path: Path
) -> None:
    base = signed(copied(tmp_path / "base", "2027.02", traffic__T90=example()), own_key(hub))
    own = city(tmp_path / "own", "1", "2027.02", traffic__T90='[[checks]]\nid = "licence_free"\nvalue = ["overdue"]')
    sign_folder(own, own_key(hub), base=base)
    assert "for: was written for '2027.02', and" in refused(publish(hub, own)), "not for the shipped one"
    done = command(hub, "publish", str(own), "--base", str(base), "--by", "chief")
    assert (done.returncode, done.stdout) == (0, "catalogue 2027.02+1 is in force\n"), done.stderr
    in_force(machine, "2027.02+1")
    assert "overlay.toml" not in served(machine)["files"], "a machine needs to know of no overlay"
    machine.file_case("wang", "T90", "T90-city", version="2027.02+1")
    machine.wait_for("T90-city", "not_accepted")
    assert machine.case("T90-city").states[-1].reasons == ["licence_free"]
    machine.file_case("sun", "T90", "T90-before-the-citys", version="2027.02")
    machine.wait_for("T90-before-the-citys", "accepted")


def test_a_hub_that_starts_anew_has_it_and_its_list_says_who_published_when(hub: RunningHub, machine: Machine) -> None:
    assert hub.stop() == 0
    hub.start(int(hub.url.rpartition(":")[2]))
    assert served(machine)["manifest"]["version"] == "2027.02+1"
    done = command(hub, "list", "--json", keys=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"by":"chief"') == 4
    events = hub.sql("select actor, data->>'before', data->>'version' from event where kind = 'catalogue_published'")
    assert events[0] == ("supervisor:chief", "2027.01", "2027.02")
    assert "2027.02" in command(hub, "list", keys=False).stdout


def test_a_hub_does_not_start_with_one_that_has_mistakes_and_says_so_in_one_line(
    hub: RunningHub, machine: Machine
) -> None:
    """As after an update of the program that checks more."""
    newest = "select id from published_catalogue order by id desc limit 1"
    changed = f"update published_catalogue set files = files || %s where id = ({newest})"
    with psycopg.connect(hub.dsn) as conn:
        conn.execute(changed, ['{"traffic/T90.toml": "key = 1"}'])
    line = [sys.executable, "-m", "hub", "serve", "--dsn", hub.dsn, "--keys", str(hub.data / "keys"), "--port", "0"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=False, timeout=HANG_S)
    told = refused(done)
    assert "published catalogue/traffic/T90.toml:1: " in told
    assert "more: kiosk catalogue check" in told
    assert served(machine)["manifest"]["version"] == "2027.02+1", "a hub that runs goes on with what it has"
