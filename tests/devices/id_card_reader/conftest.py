"""A people file of synthetic persons, a reader on a pty, and drivers with and without their supervisor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from devices.contract import Deadline
from devices.id_card_reader.driver import SamVReader, SamVSettings
from devices.supervisor import Supervisor
from devices.vocabulary import DeviceStatus

PEOPLE = Path(__file__).with_name("people.toml")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    Image.new("RGB", (102, 126), (200, 120, 60)).save(tmp_path / "li.webp", quality=5)
    path = tmp_path / "people.toml"
    path.write_bytes(PEOPLE.read_bytes())
    return path


@pytest.fixture
def reader_sim(start_sim: Callable[..., Any], people: Path, tmp_path: Path) -> Callable[..., Any]:
    """Start the reader sim behind ``tmp_path/reader``; without device times unless asked for."""

    def start(*arguments: str) -> Any:
        quick = ["--find-ms", "0", "--select-ms", "0", "--read-ms", "0"]
        return start_sim(
            "id_card_reader", "--people", str(people), "--link", str(tmp_path / "reader"), *quick, *arguments
        )

    return start


@pytest.fixture
def make_reader(tmp_path: Path) -> Iterator[Callable[..., SamVReader]]:
    """A driver that is set up, without a supervisor; its statuses are in ``.said``."""
    readers: list[SamVReader] = []

    def make(**settings: Any) -> SamVReader:
        said: list[DeviceStatus] = []
        reader = SamVReader(SamVSettings(driver="sam_v", port=str(tmp_path / "reader"), **settings), said.append)
        reader.said = said
        readers.append(reader)
        reader.setup()
        return reader

    yield make
    for reader in readers:
        reader.teardown()


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    """A running supervisor of the reader; its statuses are in ``.said``."""
    running: list[Supervisor] = []

    def start(**settings: Any) -> Supervisor:
        said: list[DeviceStatus] = []
        wanted = SamVSettings(driver="sam_v", port=str(tmp_path / "reader"), **settings)
        supervisor = Supervisor(
            "id_card_reader",
            lambda publish: SamVReader(wanted, publish),
            on_status=lambda _, status: said.append(status),
            now=lambda: datetime.now(UTC),
            backoff_base_s=0.05,
            backoff_cap_s=0.2,
        )
        supervisor.said = said
        running.append(supervisor)
        supervisor.start()
        return supervisor

    yield start
    for supervisor in running:
        supervisor.stop()


@pytest.fixture
def within() -> Callable[[float], Deadline]:
    return Deadline
