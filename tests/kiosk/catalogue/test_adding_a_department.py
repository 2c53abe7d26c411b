"""docs/adding-a-department.md, followed: a new department is asked, decides, is due and shown; nothing else changes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import msgspec
import pytest

from kiosk import lobby
from kiosk.machine import Machine
from kiosk.messages import content
from kiosk.messages.questions import DueAnswer
from kiosk.pages import Settings
from kiosk.visit import Visit
from tests.hub.fixtures import RunningHub, case_form, cluster, database, hub, number_of
from tests.kiosk.journey.conftest import ZHAO, words
from tests.waiting import eventually

__all__ = ["cluster", "database", "hub"]

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "adding-a-department.md"
BLOCK = re.compile(r"^`([\w./-]+)`(?:, at its end)?:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def followed(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's files beside a copy of the catalogue, its package installed where a hub started now finds it."""
    for place, text in BLOCK.findall(PAGE.read_text("utf-8")):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n{text}")
    head = folder / "catalogue.toml"
    head.write_text(head.read_text("utf-8").replace('version = "2027.01"', 'version = "2027.01.1"'), "utf-8")
    run("pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(tmp_path / "site"),
        str(tmp_path / "lost-property"))  # fmt: skip
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    return folder


def run(module: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def publish(hub: RunningHub, folder: Path) -> None:
    """As the page says."""
    keys = hub.data / "keys"
    assert "all well" in run("kiosk", "catalogue", "check", str(folder))
    run("kiosk", "catalogue", "sign", str(folder), "--key", str(keys / "sign.key"))
    run("hub", "catalogue", "publish", str(folder), "--keys", str(keys), "--dsn", hub.dsn)


def test_a_department_that_was_made_by_the_page_works_on_a_hub_that_already_ran(
    hub: RunningHub, followed: Path, start: Callable[[], Machine]
) -> None:
    before = hub.machine()
    before.file_case("zhao", "T01", "T-before")
    before.wait_for("T-before", "accepted")
    assert hub.stop() == 0
    hub.start()
    machine = hub.machine()
    for person in ("zhao", "wang"):
        row = "insert into lost_property.thing (id_number, kept_until) values (%s, '2027-02-01') returning id"
        hub.sql(row, number_of(person))
    # A machine may have the new catalogue before its hub has: its case waits and is not refused.
    form = content.decode_content("case", case_form("wang", "L01", "L-early"))
    early = msgspec.structs.replace(form, catalogue_version="2027.01.1")
    machine.deliver(machine.envelope("case", content.encode_content(early)))
    waits = "select count(*) from procrastinate_jobs where task_name = 'ask_department' and attempts > 0"
    eventually(lambda: hub.sql(waits) == [(1,)], "the case of tomorrow's service was looked at")
    assert machine.states("L-early") == ["delivered"]
    publish(hub, followed)
    machine.wait_for("L-early", "accepted")

    # Asked: a person for whom something waits, and one for whom nothing does.
    person = {"service": "L01", "id_number": number_of("zhao")}
    eventually(lambda: machine.status_of("eligibility", **person) == 200, "the hub judges by what was published")
    zhao = machine.ask("eligibility", **person)
    assert (zhao.facts, zhao.failed) == ({"things_waiting": 1, "kept_until": "2027-02-01"}, [])
    assert machine.ask("eligibility", service="L01", id_number=number_of("li")).failed == ["things_waiting"]

    # Due, and shown at a machine with that catalogue.
    due: DueAnswer = machine.ask("due", id_number=number_of("zhao"))
    assert {item.service: item.due_on for item in due.items} == {"L01": date(2027, 2, 1), "E13": date(2027, 9, 30)}
    shown = shown_at(start(), due)
    assert "有 1 件失物等您领回，保管到 2027-02-01" in shown
    assert "领回失物" in shown

    # Decided: accepted with its effect, once; and then refused, because nothing waits any more.
    machine.file_case("zhao", "L01", "L-1")
    machine.wait_for("L-1", "accepted")
    case = machine.case("L-1")
    assert [(each.state, each.by) for each in case.states] == [("delivered", "hub"), ("accepted", "lost_property")]
    assert hub.sql("select handed_out from lost_property.thing") == [(True,), (True,)]
    machine.file_case("zhao", "L01", "L-2")
    machine.wait_for("L-2", "not_accepted")
    assert machine.case("L-2").states[-1].reasons == ["things_waiting"]
    assert "L01" not in [item.service for item in machine.ask("due", id_number=number_of("zhao")).items]

    # Everybody else is as before.
    assert hub.sql("select count(*) from traffic.application") == [(1,)]
    assert machine.ask("documents", id_number=number_of("zhao")).documents


def shown_at(machine: Machine, due: DueAnswer) -> str:
    visit = Visit(machine, Settings())
    visit.card = ZHAO
    rooms = [lobby.line_page(machine, visit, line) for line in machine.catalogue.lines]
    return "\n".join(map(words, [lobby.todo_page(machine, visit, lobby.Due(due.items, due.silent)), *rooms]))


def test_a_package_that_cannot_be_loaded_refuses_the_start_in_one_line(
    followed: Path, tmp_path: Path, database: str
) -> None:
    (tmp_path / "site" / "lost_property" / "__init__.py").write_text("import nothing_of_this_name\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "hub", "gaps", "--dsn", database], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "lost_property:DEPARTMENT (tongban.departments): ModuleNotFoundError" in done.stderr


def test_the_page_names_what_there_is() -> None:
    for place in re.findall(r"`((?:tests|hub|docs)/[\w./]+\.\w+)`", PAGE.read_text("utf-8")):
        assert (ROOT / place).is_file(), place
