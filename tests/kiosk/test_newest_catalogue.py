"""The machine's catalogue changes at midnight and when the city has a newer one, and never under somebody's hands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from kiosk import config as configuration
from kiosk import running
from kiosk.catalogue.loader import read_folder, version_of
from kiosk.catalogue.signing import manifest_of
from kiosk.clock import Clock
from kiosk.machine import Machine
from kiosk.messages.encoding import canonical_json
from kiosk.messages.seal import new_sign_key
from kiosk.newest_catalogue import ASK_S
from offline_cache.errors import StoreFull
from tests.catalogues import city, copied, signed, write
from tests.kiosk.conftest import Finger, accepted

CITY = new_sign_key()
EVENING = datetime(2027, 6, 30, 15, 59, tzinfo=UTC)
"""A minute to midnight in the hall."""


class Hall:
    """A machine with a catalogue of the city's, whose clock stands where the test says."""

    def __init__(self, config_file: Callable[..., Path], finger: Finger, folder: Path) -> None:
        self.passed = timedelta()
        self._make, self._finger = config_file, finger
        self.catalogue = {"path": str(folder)}
        self.alarms: list[tuple[str, str]] = []
        self.tags: list[str] = []

    def passed_s(self) -> float:
        return self.passed.total_seconds()

    def start(self) -> Machine:
        path = self._make(catalogue=self.catalogue, hub={"verify_key": CITY.public})
        clock = Clock(wall=lambda: EVENING + self.passed, ticks=self.passed_s)
        clock.monotonic = self.passed_s
        self.machine = Machine(configuration.load(path), self._finger, clock=clock)
        accepted(self.machine)
        self.machine.catalogue_in_force.on_alarm = lambda *said: self.alarms.append(said)
        return self.machine

    def answers(self, folder: Path, key: str = CITY.private, instead_of: str = "") -> None:
        """What the hub says from now on; asked again at once."""
        files = {name: raw for name, raw in read_folder(folder).items() if name != "manifest.json"}
        manifest = msgspec.to_builtins(manifest_of(version_of(files), files, key, instead_of=instead_of))
        texts = {name: raw.decode() for name, raw in files.items()}
        self.says(canonical_json({"manifest": manifest, "files": texts}))

    def says(self, raw: bytes) -> None:
        async def fetch(tag: str) -> bytes | None:
            self.tags.append(tag)
            return None if tag == tag_of(raw) else raw

        self.machine.catalogue_in_force.fetch = fetch
        self.passed += timedelta(seconds=ASK_S)

    async def look(self) -> str:
        await self.machine.catalogue_in_force.look()
        return self.machine.catalogue.version


def tag_of(raw: bytes) -> str:
    """As the hub names what it serves (docs/hub-api.md)."""
    return f'"{sha256(raw).hexdigest()}"'


@pytest.fixture
def dated(tmp_path: Path) -> Path:
    folder = copied(tmp_path / "city")
    write(
        folder / "common" / "C03.toml",
        "valid_from = 2027-07-01\n" + (folder / "common" / "C03.toml").read_text("utf-8"),
    )
    return signed(folder, CITY.private)


@pytest.fixture
def hall(config_file: Callable[..., Path], finger: Finger, dated: Path) -> Any:
    built = Hall(config_file, finger, dated)
    yield built
    built.machine.store.close()


async def test_it_switches_at_midnight_and_a_visit_in_progress_keeps_its_version(
    hall: Hall, finger: Finger, autojump_clock: Any
) -> None:
    machine = hall.start()
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        await finger.until("home")
        finger.touch("service:C01")
        while finger.page is None or finger.page.kind == "home":
            await trio.sleep(0.1)
        hall.passed += timedelta(minutes=2)
        await machine.catalogue_in_force.look()
        assert machine.clock.today() == date(2027, 7, 1)
        assert "C03" not in machine.catalogue.services, "under nobody's hands"
        finger.touch("back")
        await finger.until("home")
        machine.stop()
        await machine.ended.wait()
    assert hall.alarms == []


async def test_between_visits_the_new_day_comes_by_itself(hall: Hall) -> None:
    machine = hall.start()
    await hall.look()
    assert "C03" not in machine.catalogue.services
    hall.passed += timedelta(minutes=2)
    machine.is_quiet = False
    await hall.look()
    assert "C03" not in machine.catalogue.services
    machine.is_quiet = True
    machine.catalogue_in_force.take()
    assert "C03" in machine.catalogue.services
    assert machine.catalogue.version == "2027.02", "the same version"


async def test_what_a_city_has_otherwise_is_in_force_on_its_days(hall: Hall, tmp_path: Path) -> None:
    own = city(tmp_path / "own", traffic__T01="phone = '0991'", common__C01="valid_from = 2027-07-01")
    hall.catalogue = {"overlay": str(signed(own, CITY.private))}
    machine = hall.start()
    assert (machine.catalogue.version, machine.catalogue.services["T01"].phone) == ("2027.01+3", "0991")
    assert "C01" not in machine.catalogue.services
    hall.passed += timedelta(minutes=2)
    assert await hall.look() == "2027.01+3"
    assert "C01" in machine.catalogue.services


@pytest.mark.attack(5)
async def test_what_a_stranger_once_said_keeps_no_later_catalogue_of_the_hub_away(hall: Hall, tmp_path: Path) -> None:
    """The header with the tag is signed by nobody: what was read is named by its own digest."""
    hall.start()
    newer = copied(tmp_path / "newer", "2027.03")
    hall.answers(newer, new_sign_key().private)
    assert await hall.look() == "2027.02"
    hall.answers(newer)
    assert await hall.look() == "2027.03"
    hall.passed += timedelta(seconds=ASK_S)
    assert await hall.look() == "2027.03"
    first, second, third = hall.tags
    assert first == ""
    assert len({first, second, third}) == 3
    assert await hall.machine.catalogue_in_force.fetch(third) is None, "as the hub itself would answer"  # type: ignore[misc]


async def test_a_newer_one_of_the_hubs_is_taken_and_still_there_after_a_restart(hall: Hall, tmp_path: Path) -> None:
    hall.start()
    hall.answers(copied(tmp_path / "newer", "2027.03"))
    assert await hall.look() == "2027.03"
    hall.machine.store.close()
    assert hall.start().catalogue.version == "2027.03"
    hall.answers(copied(tmp_path / "older", "2027.01.9"))
    assert await hall.look() == "2027.03", "an older one is left where it is"
    hall.answers(copied(tmp_path / "back", "2027.02.5"), instead_of="2027.03")
    assert await hall.look() == "2027.02.5", "but for the city's word"
    assert hall.alarms == []


async def test_one_that_could_not_be_kept_is_asked_for_again(
    hall: Hall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub was told that the machine has it: until the next start, or the next version, it never came again."""

    def full(*_value: object) -> None:
        raise StoreFull("no room")

    machine = hall.start()
    hall.answers(copied(tmp_path / "newer", "2027.03"))
    with monkeypatch.context() as disk:
        disk.setattr(machine.values, "put", full)
        assert await hall.look() == "2027.02"
    hall.passed += timedelta(seconds=ASK_S)
    assert await hall.look() == "2027.03"


@pytest.mark.attack(12)
@pytest.mark.parametrize("wrong", ["key", "altered", "nonsense", "mistake"])
async def test_what_is_not_the_citys_or_has_a_mistake_is_refused_whole(hall: Hall, tmp_path: Path, wrong: str) -> None:
    hall.start()
    folder = copied(tmp_path / "newer", "2027.03")
    if wrong == "mistake":
        path = folder / "traffic" / "T01.toml"
        write(path, path.read_text("utf-8").replace('kind = "', 'kind = "no', 1).replace('use = "', 'use = "no', 1))
    if wrong == "nonsense":
        hall.says(b"[" * 100_000)
    else:
        hall.answers(folder, new_sign_key().private if wrong == "key" else CITY.private)
    if wrong == "altered":
        raw = await hall.machine.catalogue_in_force.fetch("")  # type: ignore[misc]
        hall.says(raw.replace(b"12389", b"12388"))
    assert await hall.look() == "2027.02"
    assert [what for what, _ in hall.alarms] == ["catalogue"]
    assert len(hall.alarms[0][1].splitlines()) == 1
    hall.passed += timedelta(seconds=ASK_S)
    await hall.look()
    assert len(hall.alarms) == 1, "said once"
