"""What docs/adding-a-service.md says, done word for word: the file, the check, the signature, the hub, the machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from kiosk import config as configuration
from kiosk.catalogue import loader
from kiosk.config import CatalogueConfig, Config
from offline_cache.store import Store
from offline_cache.values import Values
from tests.catalogues import PAGE, example, write
from tests.kiosk.machine.conftest import World
from tests.kiosk.machine.test_common import Looking
from tests.kiosk.machine.test_end_to_end import number_of
from tests.waiting import HANG_S, eventually

COPY, CHECK, PUBLISH, _ = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)


class Author:
    """Somebody who has the page, the commands and the hub's keys."""

    def __init__(self, world: World, folder: Path) -> None:
        self.hub, self.folder = world.stage.folder / "hub", folder
        self._store = configuration.load(world.stage.config).store.path
        self.dsn: str = world.stage.ready["hub"]["dsn"]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path, "TONGBAN_HUB_DSN": self.dsn}

    def types(self, commands: str) -> str:
        """What a block of the page says when it is typed; the two folders are where they are."""
        commands = commands.replace("kiosk/catalogue/data", str(loader.shipped()))
        commands = re.sub(r"\bkeys(?=/| |$)(?<!--keys)", str(self.hub / "keys"), commands, flags=re.MULTILINE)
        done = subprocess.run(
            ["bash", "-ec", commands],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=HANG_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def writes(self, page: str) -> None:
        """Each file of a page: the block behind the line that names it."""
        for name, text in re.findall(
            r"(?i)\bin (city/\S+\.toml|it the file overlay\.toml)[^`]*:\n\n```toml\n(.*?)```", page, re.DOTALL
        ):
            write(self.folder / name.replace("it the file ", "city/"), text)

    def takes_all_back(self) -> None:
        """At the hub, and at the machine, which goes back to no older one by itself."""
        with psycopg.connect(self.dsn) as conn:
            conn.execute("delete from published_catalogue")
        store = Store.open(self._store, now=lambda: datetime.now(UTC), ballast_mb=0, free_floor_mb=0)
        values = Values(store)
        for name in values.names("catalogue"):
            values.delete("catalogue", name)
        store.close()

    def waits_for_the_hub(self) -> None:
        """A running process looks for what was published once a second or two."""
        with psycopg.connect(self.dsn) as conn:
            ((number,),) = conn.execute("select max(id) from published_catalogue").fetchall()
        log, said = self.hub.with_suffix(".log"), f'"published": {number}, '
        eventually(lambda: said in log.read_text("utf-8"), "the hub to have what was published")

    def record(self, person: dict[str, Any]) -> Any:
        with psycopg.connect(self.dsn) as conn:
            number = person["card"]["number"]
            return conn.execute("select expires_on from traffic.licence where id_number = %s", [number]).fetchone()


@pytest.fixture
def author(world: World, tmp_path: Path) -> Iterator[Author]:
    """Begins and ends with the catalogue that comes with the program: the hub is that of all stories."""
    author = Author(world, tmp_path)
    author.takes_all_back()
    yield author
    author.takes_all_back()


@pytest.fixture
def city(author: Author, world: World, tmp_path: Path) -> tuple[Author, Config]:
    """The catalogue of the page in force at the hub, and the configuration of a machine that reads it."""
    author.types(COPY)
    write(tmp_path / "city" / "traffic" / "T90.toml", example())
    assert author.types(CHECK).endswith(" services, all well\n")
    assert author.types(PUBLISH).endswith("catalogue 2027.02 is in force\n")
    author.waits_for_the_hub()
    usual = configuration.load(world.stage.config)
    return author, msgspec.structs.replace(usual, catalogue=CatalogueConfig(path=str(tmp_path / "city")))


async def test_the_example_is_filed_decided_and_shown_and_no_licence_becomes_older(
    world: World, city: tuple[Author, Config]
) -> None:
    author, config = city
    zhao = next(person for person in world.people() if person["id"] == "zhao")
    before = author.record(zhao)
    looking = Looking(world, "progress")
    walking = await world.walk(world.script("zhao", "T90", "C01", values={"delivery": "hall"}), config=config)
    assert walking.unfinished == 0
    (slip,) = world.slips()
    for wanted in ("驾驶证遗失补证", "交通管理", "已受理", "承诺办结    2027-01-12", "2027.02"):
        assert wanted in slip
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "accepted"]
    assert number_of(slip) in looking.numbers[0]
    shown = next(b for page in looking.found for b in page.blocks if getattr(b, "number", "") == number_of(slip))
    assert "驾驶证遗失补证" in shown.title.zh
    assert [stage.label.zh for stage in shown.stages if stage.state == "now"] == ["已受理"]
    assert author.record(zhao) == before, "a new paper, the same licence"


async def test_who_may_not_have_it_is_told_what_is_missing(world: World, city: tuple[Author, Config]) -> None:
    author, config = city
    with psycopg.connect(author.dsn) as conn:
        conn.execute("update traffic.licence set state = 'seized' where id_number like %s", ["%0155"])
    looking = Looking(world, "not_yet")
    await world.walk(world.script("zhao", "T90", actions={"not_yet": "leave"}), config=config)
    (page,) = looking.found
    assert "驾驶证当前状态不能补领" in msgspec.json.encode(page).decode()
    assert world.of("case") == []
