"""An older catalogue, rightly signed once, is not brought back by whoever kept a copy; the city may go back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from kiosk.catalogue import loader
from kiosk.catalogue.loader import CatalogueError
from kiosk.catalogue.signing import is_older, may_come, require_signed, sign_folder
from kiosk.cli import main
from kiosk.config import load
from kiosk.machine import Machine
from kiosk.messages.encoding import canonical_json
from kiosk.messages.seal import new_sign_key, sign
from tests.kiosk.conftest import Finger, toml

pytestmark = pytest.mark.attack(12)
CITY = new_sign_key()


@pytest.fixture
def version(tmp_path: Path) -> Callable[..., Path]:
    """Makes a signed catalogue of a version and gives its folder."""

    def make(number: str, instead_of: str = "") -> Path:
        folder = tmp_path / f"catalogue {number} {instead_of}"
        shutil.copytree(loader.shipped(), folder)
        head = folder / "catalogue.toml"
        head.write_text(head.read_text("utf-8").replace('"2027.01"', f'"{number}"'), "utf-8")
        sign_folder(folder, CITY.private, instead_of=instead_of)
        return folder

    return make


def start(tmp_path: Path, catalogue: Path) -> str:
    """Starts the machine with this catalogue; the version that it has then."""
    path = tmp_path / "kiosk.toml"
    path.write_text(toml(tmp_path, catalogue={"path": str(catalogue)}, hub={"verify_key": CITY.public}), "utf-8")
    machine = Machine(load(path), Finger())
    machine.store.close()
    return machine.catalogue.version


async def test_a_machine_takes_a_newer_version_and_no_older_one(tmp_path: Path, version: Callable[..., Path]) -> None:
    first, second = version("2027.02"), version("2027.10")
    assert start(tmp_path, first) == "2027.02"
    assert start(tmp_path, second) == "2027.10"
    with pytest.raises(CatalogueError, match=r"2027.02 is older than 2027.10.*--instead-of 2027.10"):
        start(tmp_path, first)
    assert start(tmp_path, second) == "2027.10", "and the store is free after the refusal"


async def test_the_city_goes_back_by_its_signed_word_from_this_version_only(
    tmp_path: Path, version: Callable[..., Path]
) -> None:
    back = version("2027.02", instead_of="2027.10")
    start(tmp_path, version("2027.11"))
    with pytest.raises(CatalogueError, match=r"older than 2027\.11"):
        start(tmp_path, back)
    assert start(tmp_path, version("2027.02", instead_of="2027.11")) == "2027.02"
    assert start(tmp_path, version("2027.10")) == "2027.10"
    assert start(tmp_path, back) == "2027.02"


def test_going_back_cannot_be_written_into_a_manifest_that_says_otherwise(version: Callable[..., Path]) -> None:
    folder = version("2027.02")
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version"', '"instead_of": "2027.10",\n"version"', 1))
    with pytest.raises(CatalogueError):
        require_signed(folder, CITY.public, newest="2027.10")


def test_the_version_that_counts_is_that_of_the_files(version: Callable[..., Path]) -> None:
    folder = version("2027.02")
    files = loader.read_folder(folder)
    digests = loader.digests_of(files)
    signature = sign(canonical_json({"version": "2027.99", "files": digests}), CITY.private)
    (folder / "manifest.json").write_bytes(msgspec.json.encode(loader.Manifest("2027.99", digests, signature)))
    with pytest.raises(CatalogueError, match=r"signed as version 2027\.99"):
        require_signed(folder, CITY.public)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        *(("2027.1", "2027.2"), ("2027.9", "2027.10"), ("2027.01", "2027.02"), ("2026.12", "2027.01")),
        *(("2027.01", "2027.01+1"), ("2027.01+9", "2027.01+10"), ("2027.01+9", "2027.01.1"), ("2027.01+9", "2027.02")),
        *(("2027.01", "2027.01.1"), ("v9", "v10"), ("2027-01", "2027-02"), ("1", "2")),
    ],
)
def test_versions_are_ordered_by_the_numbers_in_them(older: str, newer: str) -> None:
    assert is_older(older, newer)
    assert not is_older(newer, older)
    assert not is_older(newer, newer)


@pytest.mark.parametrize(
    ("version", "believed"),
    [
        *(("2027.03", True), ("2028.01", True), ("2027.02+zz", True), ("2029.01", False), ("2027.02", False)),
        *(("2026.12", False), ("zz", False), ("", False), ("2027.zz", False), ("v2028", False), ("+9", False)),
    ],
)
def test_a_newer_version_is_believed_in_when_it_is_near(version: str, believed: bool) -> None:
    assert may_come(version, "2027.02") == believed


def test_the_city_signs_for_going_back_by_command(tmp_path: Path, version: Callable[..., Path]) -> None:
    folder = version("2027.02")
    key = tmp_path / "city.key"
    key.write_text(CITY.private)
    words = ["catalogue", "sign", str(folder), "--key", str(key), "--instead-of", "2027.10"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert require_signed(folder, CITY.public, newest="2027.10").version == "2027.02"
