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

PEOPLE = """
[[person]]
id = "li"
photo = "li.webp"
[person.card]
kind = "resident"
name = "李秀兰"
sex = "2"
nation = "11"
birth = "19910822"
address = "通办省远山县清溪镇新桥村8组"
number = "990201199108220249"
authority = "远山县公安局"
valid_from = "20190603"
valid_to = "20390603"
added_addresses = ["通办市试点区演示路12号", "通办市试点区示范街6号"]

[[person]]
id = "wang"
[person.card]
kind = "resident"
name = "王𠮷䶮㛃"
sex = "1"
nation = "59"
birth = "19850506"
address = "通办省石㟰县大𡎚乡3号"
number = "990102198505060310"
authority = "石㟰县公安局"
valid_from = "20160120"
valid_to = "长期"

[[person]]
id = "ho"
[person.card]
kind = "hk_macao_taiwan"
name = "何嘉敏"
sex = "2"
birth = "19890910"
address = "通办市试点区滨海路66号"
number = "998100198909100221"
authority = "通办市公安局"
valid_from = "20240418"
valid_to = "20290418"
pass_number = "H99000223"
times_issued = "01"

[[person]]
id = "smith"
[person.card]
kind = "foreigner_2017"
name = "史密斯"
english_name = "SMITH, JOHN TEST"
sex = "1"
nation = "GBR"
birth = "19800517"
number = "GBR990180051702"
authority = "9900"
valid_from = "20190108"
valid_to = "20290107"
version = "01"

[[person]]
id = "garcia"
[person.card]
kind = "foreigner_2023"
name = "加西亚"
english_name = "GARCIA LOPEZ DE LA FUENTE, MARIA TEST"
sex = "2"
nation = "ESP"
birth = "19850723"
number = "99072419850723002X"
valid_from = "20240320"
valid_to = "20340319"
times_issued = "01"
old_number_link = "001"

[[person]]
id = "forged"
[person.card]
kind = "resident"
name = "假数据"
sex = "1"
nation = "01"
birth = "19900101"
address = "通办市"
number = "990201199108220249"
authority = "通办市公安局"
valid_from = "20190603"
valid_to = "20390603"
"""


@pytest.fixture
def people(tmp_path: Path) -> Path:
    Image.new("RGB", (102, 126), (200, 120, 60)).save(tmp_path / "li.webp", quality=5)
    path = tmp_path / "people.toml"
    path.write_text(PEOPLE, encoding="utf-8")
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
