"""A city says only what it has otherwise: each difference takes its place, or is told with its file, line and field."""

from __future__ import annotations

from datetime import date
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from kiosk.catalogue import loader
from kiosk.catalogue.check import faults
from kiosk.catalogue.loader import CatalogueError
from kiosk.catalogue.overlay import overlaid
from kiosk.catalogue.signing import read_signed, require_not_older, sign_folder
from kiosk.cli import main
from kiosk.messages.seal import new_sign_key
from kiosk.toml_file import as_toml, parse_toml
from tests.catalogues import city
from tests.kiosk.catalogue.test_parts import PARTED

CITY = new_sign_key()
KEYS = {"std": CITY.public}
BASE, OWN = Path("base"), Path("city")
TODAY = date(2027, 1, 12)
HEAD = 'version = "3"\nfor = "2027.01"\n'
T01 = "services.T01."


def told(head: str = HEAD, **files: str) -> tuple[dict[str, bytes], list[str]]:
    """The files of the parted catalogue with these differences, and every mistake."""
    own = {f"{name.replace('__', '/')}.toml": text.encode() for name, text in {"overlay": head, **files}.items()}
    both = overlaid(BASE, loader.read_folder(PARTED), OWN, own)
    return dict(both.files), [str(each) for each in both.faults or faults(both.files, day=TODAY, origins=both.origins)]


def at(found: Any, path: str) -> Any:
    return reduce(lambda part, key: part[int(key) if key.isdigit() else key], path.split("."), found)


CHANGES = [
    # the city's file, what stands there, the place, what it is then
    ("traffic/T01", 'phone = "12345"', "phone", "12345"),
    ("traffic/T01", 'name = { zh = "换证" }', "name", {"zh": "换证", "en": "Renew driving licence"}),
    ("traffic/T01", "[applicant]\nmin_age = 20", "applicant.min_age", 20),
    ("traffic/T01", "[applicant]\nmin_age = 20", "applicant.cards.1", "hk_macao_taiwan"),
    ("traffic/T01", '[[checks]]\nid = "window_open"\nvalue = 60\n[due]\nwhen = []', "checks.0.value", 60),
    ("traffic/T01", '[[checks]]\nuse = "medical_recent"\nvalue = 3', "checks.6.value", 3),
    ("traffic/T01", '[[checks]]\nid = "medical_recent"\nvalue = 3', "checks.6.value", 3),
    ("traffic/T01", '[[checks]]\nid = "window_not_over"\nremove = true', "checks.1.id", "licence_normal"),
    ("traffic/T01", '[[fees]]\nuse = "licence"\namount_fen = 1500', "fees.0.amount_fen", 1500),
    ("traffic/T01", '[[fees]]\namount_fen = 500\nbasis = "x"\nwhen = { zh = "领", en = "then" }', "fees.1.basis", "x"),
    ("traffic/T01", "[[fees]]\nuse = 'licence'\nremove = true\n[free_basis]\nzh = '免'\nen = 'free'", "fees", ()),
    ("traffic/T01", "[due]\nremove = true", "due", None),
    ("traffic/T01", 'remove = ["what_next_offline"]', "what_next_offline.zh", ""),
    ("traffic/T01", "what_next_offline = { remove = true }", "what_next_offline.zh", ""),
    ("traffic/T01", 'due.when = [{ fact = "expires_on", op = "days_ahead_at_most", value = 30 }]', "due.when.0.value", 30),
    ("traffic/T01", 'due.when = [{ fact = "expires_on", op = "days_ahead_at_most", value = 30 }]', "due.when.1.value", 12),
    ("traffic/T01", 'conditions = [{ zh = "有证", en = "A licence" }]', "conditions.0.zh", "有证"),
    ("traffic/T01", 'devices = ["camera"]', "devices.0", "camera"),
    ("traffic/T01", 'procedure = { use = "here" }\n', "procedure.zh", "在本机"),
    ("traffic/T01", '[[steps]]\nuse = "contact"\nbefore = "collect_licence"', "steps.3.kind", "form"),
    ("traffic/T01", 'offline = "live"\nremove = ["what_next_offline"]', "offline", "live"),
    ("parts/traffic", "[fees.licence]\namount_fen = 800", "fees.0.amount_fen", 800),
    ("traffic/T01", "[[limit_law]]\nn = 1\nunit = 'd'\nvalid_to = 2027-02-28\n[[limit_law]]\nn = 3\nunit = 'd'\nvalid_from = 2027-03-01", "limit_law.n", 1),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "path", "value"), CHANGES)
def test_a_difference_takes_its_place(file: str, text: str, path: str, value: Any) -> None:
    parts = {"parts__city": '[texts.here]\nzh = "在本机"\nen = "Here"'} if "here" in text else {}
    files, wrong = told(**{file.replace("/", "__"): text}, **parts)
    assert [each for each in wrong if "says no when" not in each] == []
    found = loader.parse(BASE, files, day=TODAY)
    assert found.version == "2027.01+3"
    assert at(msgspec.to_builtins(found.services["T01"]), path) == value


def test_a_city_has_services_of_its_own_and_leaves_others_out() -> None:
    own = loader.read_folder(PARTED)["common/C03.toml"].decode().replace('"C03"', '"C90"')
    files, wrong = told(common__C90=own, exit_entry__E13="remove = true", lines="[exit_entry]\nremove = true")
    assert wrong == []
    found = loader.parse(BASE, files, day=TODAY)
    assert "C90" in found.services
    assert "exit_entry" not in found.lines


MISTAKES = [
    # the city's file, what stands there, what is told
    ("overlay", 'version = "3"\nfor = "2026.12"', "city/overlay.toml:2: for: was written for '2026.12', and base is 2027.01; look"),
    ("overlay", 'version = "3"', "city/overlay.toml:1: for: missing; look whether it still fits, and write for ="),
    ("overlay", 'for = "2027.01"', "city/overlay.toml:1: version: missing; write one like"),
    ("overlay", 'version = "a+1"\nfor = "2027.01"', "city/overlay.toml:1: version: 'a+1' is no version of an overlay"),
    ("overlay", 'version = 3\nfor = "2027.01"', "city/overlay.toml:1: version: 3 is no version of an overlay"),
    ("overlay", HEAD + 'form = "x"', "city/overlay.toml:3: form: unknown key; remove it, or is it for?"),
    ("overlay", HEAD + "x = y", "city/overlay.toml:3: "),
    ("catalogue", 'version = "9"', "city/catalogue.toml:1: version: is made of that of both; count up"),
    ("catalogue", 'help_phone = "-"', "city/catalogue.toml:1: help_phone: no telephone number"),
    ("traffic/T1", "order = 3", "city/traffic/T1.toml:1: base has no traffic/T1.toml, and this is no whole one"),
    ("traffic/T01", "\nofline = 'live'", "city/traffic/T01.toml:2: ofline: unknown key; remove it, or is it offline?"),
    ("traffic/T01", '[[checks]]\nid = "windw_open"\nvalue = 6', "city/traffic/T01.toml:1: checks[0].fact: missing, and there is no 'windw_open' to take it from; is it window_open?"),
    ("traffic/T01", '[[checks]]\nid = "windw_open"\nremove = true', "city/traffic/T01.toml:1: checks[0]: there is no windw_open to take out; is it window_open?"),
    ("traffic/T01", '[[steps]]\nuse = "aply"', "city/traffic/T01.toml:2: steps[0].use: no part steps.aply; is it apply?"),
    ("traffic/T01", '[[steps]]\nuse = "contact"\nbefore = "aply"', "city/traffic/T01.toml:3: steps[0].before: there is no 'aply'; is it apply?"),
    ("traffic/T01", 'remove = ["phones"]', "city/traffic/T01.toml:1: remove[0]: there is no 'phones' to take out"),
    ("traffic/T01", "remove = 3", "city/traffic/T01.toml:1: remove: 3 is no list of keys; write true for the whole"),
    ("traffic/T01", "[pauses]\nremove = true", "city/traffic/T01.toml:1: pauses: there is no pauses to take out"),
    ("traffic/T01", 'due.when = [{ fact = "expires_on", value = 3 }]', "city/traffic/T01.toml:1: due.when[0]: 2 are called expires_on: which of them?; write its"),
    ("traffic/T01", '[[checks]]\nid = "window_open"\nvalue = "soon"', "city/traffic/T01.toml:3: checks[0].value: 'soon' is no number of days"),
    ("traffic/T01", '[[checks]]\nid = "window_open"\nvalue = 60', "base/traffic/T01.toml:54: due.when[0].value: due for some whom the check window_open refuses"),
    ("traffic/T01", "order = 'a'", "city/traffic/T01.toml:1: order: 'a' is not a whole number"),
    ("traffic/T01", 'name = { en = "换证" }', "city/traffic/T01.toml:1: name.en: has Chinese characters"),
    ("parts/city", '[checks.mine]\nid = "x"', "city/parts/city.toml:1: checks.mine: is used by nothing"),
    ("notes", "a = 1", "city/notes.toml:1: belongs to nothing"),
    ("lines", "[traffic]\nicon = 'carr'", "city/lines.toml:2: traffic.icon: no icon 'carr'; is it car?"),
    ("common/C01", "a = " + "[" * 5000, "city/common/C01.toml:1: nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "line"), MISTAKES)
def test_a_mistake_is_told_where_the_city_wrote_it(file: str, text: str, line: str) -> None:
    _, wrong = told(**({"head": text} if file == "overlay" else {file.replace("/", "__"): text}))
    assert any(each.startswith(line) for each in wrong), wrong


def test_what_a_city_no_longer_uses_of_the_parts_may_stay_there() -> None:
    assert told(traffic__T01="[[fees]]\nuse = 'licence'\nremove = true\n[free_basis]\nzh = '免'\nen = 'free'")[1] == []


def test_tables_are_the_same_when_they_are_written_and_read_again() -> None:
    tables = {
        "text": 'a"b\\c\n\t\x7f\u001b人𠮷', "a b": {"c.d": [1, -2.5, True, {"e": date(2027, 2, 28)}], "": {}},
        "list": [], "tables": [{"x": [{"y": ["z"]}]}, {}], "big": 2**63 - 1, "inf": float("inf"),
    }  # fmt: skip
    assert parse_toml(BASE, as_toml(tables)) == tables
    for name, raw in loader.read_folder(loader.shipped()).items():
        assert parse_toml(BASE, as_toml(parse_toml(BASE, raw))) == parse_toml(BASE, raw), name


def test_commands_take_an_overlay_where_they_take_a_catalogue(tmp_path: Path) -> None:
    own = city(tmp_path / "city", traffic__T01="[[checks]]\nid = 'window_open'\nvalue = 30\n[due]\nremove = true")
    (tmp_path / "key").write_text(CITY.private)
    said = {}
    for words in (["check"], ["list"], ["export"], ["sign", "--key", str(tmp_path / "key")]):
        done = CliRunner().invoke(main, ["catalogue", words[0], str(own), *words[1:]])
        assert done.exit_code == 0, done.output
        said[words[0]] = done.output
    assert said["check"].startswith("catalogue 2027.01+3: ")
    changed = CliRunner().invoke(main, ["catalogue", "diff", str(loader.shipped()), str(own)]).output
    assert "T01 checks[0].value: 90 → 30" in changed
    assert read_signed(loader.shipped(), KEYS, overlay=own).catalogue.version == "2027.01+3"
    refused = CliRunner().invoke(main, ["catalogue", "check", str(own), "--base", str(PARTED)])
    assert (refused.exit_code, "city/traffic/T01.toml" in refused.output) == (0, False), "the same version of another"


def test_an_overlay_with_a_mistake_is_not_signed(tmp_path: Path) -> None:
    own = city(tmp_path / "city", traffic__T01="ofline = 'live'")
    with pytest.raises(CatalogueError, match=r"city/traffic/T01\.toml:1: ofline: unknown key"):
        sign_folder(own, CITY.private)
    assert not (own / loader.MANIFEST).exists()


def altered(own: Path) -> None:
    (own / "traffic" / "T01.toml").write_text("order = 12")


def linked(own: Path) -> None:
    (own / "traffic" / "T02.toml").symlink_to("/etc/hostname")


def open_to_others(own: Path) -> None:
    (own / "traffic" / "T01.toml").chmod(0o666)


def with_more(own: Path) -> None:
    (own / "common").mkdir()
    (own / "common" / "C01.toml").write_text("remove = true")


def of_another_version(own: Path) -> None:
    (own / "overlay.toml").write_text(HEAD.replace("3", "4"))


@pytest.mark.attack(12)
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        *((altered, "T01.toml: altered since it was signed"), (linked, "T02.toml: a link, not a regular file")),
        *(
            (open_to_others, "T01.toml"),
            (with_more, "C01.toml: altered"),
            (of_another_version, "overlay.toml: altered"),
        ),
        (lambda own: (own / "manifest.json").unlink(), "not signed"),
        (lambda own: (own / "overlay.toml").unlink(), "no overlay.toml in it"),
        (lambda own: sign_folder(own, new_sign_key().private), "manifest.json: "),
    ],
)
def test_an_overlay_that_is_not_as_the_city_signed_it_is_refused_whole(tmp_path: Path, harm: Any, said: str) -> None:
    own = city(tmp_path / "city", traffic__T01="order = 11")
    sign_folder(own, CITY.private)
    assert read_signed(loader.shipped(), KEYS, overlay=own).catalogue.services["T01"].order == 11
    harm(own)
    with pytest.raises(CatalogueError, match=said):
        read_signed(loader.shipped(), KEYS, overlay=own)


@pytest.mark.attack(12)
def test_an_overlay_is_no_catalogue_and_a_catalogue_no_overlay(tmp_path: Path) -> None:
    own = city(tmp_path / "city", traffic__T01="order = 11")
    sign_folder(own, CITY.private)
    with pytest.raises(CatalogueError, match="no such file"):
        read_signed(own, KEYS)
    with pytest.raises(CatalogueError, match=r"no overlay\.toml"):
        read_signed(loader.shipped(), KEYS, overlay=loader.shipped())


@pytest.mark.attack(12)
def test_nobody_goes_back_by_leaving_the_overlay_away(tmp_path: Path) -> None:
    own = city(tmp_path / "city")
    sign_folder(own, CITY.private)
    bare = read_signed(loader.shipped(), KEYS)
    with pytest.raises(CatalogueError, match=r"2027\.01 is older than 2027\.01\+3"):
        require_not_older(own, bare, "2027.01+3")
    sign_folder(own, CITY.private, instead_of="2027.01+4")
    require_not_older(own, read_signed(loader.shipped(), KEYS, overlay=own), "2027.01+4")
