"""The shipped catalogue, its signature, and what happens to one that was touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec import structs

from kiosk.catalogue import loader
from kiosk.catalogue.kinds import kind_named
from kiosk.catalogue.loader import CatalogueError, load
from kiosk.catalogue.signing import require_signed, sign_folder
from kiosk.cli import main
from kiosk.journey.fields.kinds import FormField
from kiosk.messages.seal import new_sign_key
from kiosk.text import text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(loader.shipped(), tmp_path / "catalogue")
    return tmp_path / "catalogue"


def test_every_service_has_its_steps_and_says_everything_in_both_languages() -> None:
    for service in load().services.values():
        assert service.name.zh
        assert service.name.en
        for spec in service.steps:
            assert type(spec) is kind_named(spec.kind).Spec
        for check in service.checks:
            assert check.public.zh
            assert check.public.en
            assert check.what_to_do.zh
            assert check.what_to_do.en


def test_a_photograph_is_kept_for_those_who_use_it_and_machines_take_their_own() -> None:
    services = load().services
    kept = services["E16"]
    assert "窗口" in kept.what_next.zh
    assert "再拍一次" in kept.what_next.zh
    for service in services.values():
        assert not service.photo_profile or service.has_step("photo"), "no machine finds the kept one"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_two_rows_to_be_looked_at_before_signing_are_called_the_same(language: str) -> None:
    own = [text(f"review.{row}").in_language(language) for row in ("service", "name", "number", "address")]
    for service in load().services.values():
        every = (field for spec in service.steps for field in getattr(spec, "fields", ()))
        fields = [field for field in every if isinstance(field, FormField)]
        # A field that is asked again under another condition keeps its name and its row.
        asked = {field.name: field.label.in_language(language) for field in fields}
        called = [*own, *asked.values()]
        assert sorted(set(called)) == sorted(called), service.key


def test_what_becomes_of_an_old_passport_is_told_to_those_only_who_have_one() -> None:
    told = [key for key, service in load().services.items() if "剪角" in str(service.steps)]
    assert told == ["E02"]


def test_a_key_that_nobody_knows_refuses_the_file_and_is_named(folder: Path) -> None:
    path = folder / "traffic" / "T01.toml"
    path.write_text('colour = "blue"\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"T01.toml.*colour"):
        load(folder)


def test_a_service_in_the_wrong_place_is_refused(folder: Path) -> None:
    (folder / "traffic" / "T01.toml").rename(folder / "traffic" / "T02.toml")
    with pytest.raises(CatalogueError, match="T02"):
        load(folder)


def test_a_signed_catalogue_is_taken_and_one_altered_afterwards_is_refused(folder: Path) -> None:
    pair = new_sign_key()
    sign_folder(folder, pair.private)
    require_signed(folder, pair.public)
    path = folder / "household" / "H13.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("value = 1\n", "value = 12\n"), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"H13.toml: altered"):
        require_signed(folder, pair.public)


def test_a_file_that_was_added_to_a_signed_catalogue_is_refused(folder: Path) -> None:
    pair = new_sign_key()
    sign_folder(folder, pair.private)
    service = (folder / "traffic" / "T01.toml").read_text(encoding="utf-8")
    (folder / "traffic" / "T99.toml").write_text(service.replace('"T01"', '"T99"'), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"T99.toml: altered"):
        require_signed(folder, pair.public)


def test_what_is_used_most_stands_first_in_its_line() -> None:
    catalogue = load()
    service, *_ = catalogue.of_line("traffic")
    rare, usual = (structs.replace(service, key=key, order=order) for key, order in (("A1", 200), ("Z1", 1)))
    more = structs.replace(catalogue, services={"A1": rare, service.key: service, "Z1": usual})
    assert [each.key for each in more.of_line("traffic")] == ["Z1", service.key, "A1"]


def test_a_catalogue_signed_by_somebody_else_is_refused(folder: Path) -> None:
    sign_folder(folder, new_sign_key().private)
    with pytest.raises(CatalogueError):
        require_signed(folder, new_sign_key().public)


def test_an_unsigned_catalogue_is_refused(folder: Path) -> None:
    with pytest.raises(CatalogueError, match="not signed"):
        require_signed(folder, new_sign_key().public)


def test_the_commands_check_list_and_table_work() -> None:
    for arguments in (["catalogue", "check"], ["catalogue", "list"], ["catalogue", "export"], ["journeys", "--table"]):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
        assert "T01" in done.output or "well" in done.output


@pytest.mark.parametrize("key", ["H06", "H07", "E06", "E07", "E08", "E14"])
def test_nothing_is_handed_out_at_once_that_no_step_hands_out(key: str) -> None:
    """A slip that says «it is on your permit» or «the locker opened» sends people off without their document."""
    service = load().services[key]
    promised = {"locker", "at_once"} & set(service.delivery)
    assert not promised or service.has_step("produce") or service.has_step("locker")
