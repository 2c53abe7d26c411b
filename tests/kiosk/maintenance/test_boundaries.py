"""Maintenance cannot reach a citizen's data: what it imports, what it calls, what it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "kiosk" / "maintenance").glob("*.py"))
SECRET = {"kiosk.messages.seal", "kiosk.messages.questions", "kiosk.hub_link.filing", "kiosk.hub_link.client"}
NAMES = {
    *("unseal", "seal", "open", "parcel", "claim", "proof", "filing", "ask", "identity", "portrait", "filed"),
    *("db", "query", "kept_by_card", "kept_by_number", "link_http", "verify_face", "private_key"),
}


def names_used(source: str) -> set[str]:
    """Every attribute that is read and every name that is imported or called."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.add(node.func.id)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
    return found


def modules_named(source: str) -> set[str]:
    """Every module that is imported, whole or in part, also for types only."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_nothing_that_seals_or_opens_is_named_in_maintenance(file: Path) -> None:
    assert modules_named(file.read_text(encoding="utf-8")) & SECRET == set()


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_no_file_of_maintenance_reads_parcels_keys_or_people(file: Path) -> None:
    assert names_used(file.read_text(encoding="utf-8")) & NAMES == set()


def test_the_net_catches_a_file_that_reads_parcels() -> None:
    assert names_used("stay.machine.outbox.parcel(claimed, 'a')") & NAMES == {"parcel"}
    assert names_used("from kiosk.messages.seal import unseal") & NAMES == {"unseal"}
    assert modules_named("from kiosk.messages import seal") & SECRET == {"kiosk.messages.seal"}


def test_every_word_exists_in_both_languages_with_the_same_places() -> None:
    def words(language: str) -> dict[str, set[str]]:
        po = (ROOT / "kiosk" / "locale" / language / "maintenance.po").read_text(encoding="utf-8")
        found = re.findall(r'msgid "(maintenance\.\w+)"\nmsgstr "(.+)"', po)
        return {key: set(re.findall(r"{(\w+)[:}]", message)) for key, message in found}

    assert len(words("zh")) > 150
    assert words("zh") == words("en")


def test_every_code_of_reader_printer_and_camera_has_plain_words() -> None:
    from devices.camera import status as camera
    from devices.id_card_reader.status import MEANINGS
    from devices.receipt_printer.status import _DEVICE
    from kiosk.maintenance import words

    codes = {
        "id_card_reader": {meaning.error for meaning in MEANINGS.values()},
        "receipt_printer": {*_DEVICE, "paper_out", "in_doubt", "no_barrier"},
        "camera": set(camera._STATES) - {""},
        "document_camera": set(camera._STATES) - {""},
    }
    unknown = [
        (kind, code) for kind, own in codes.items() for code in own if f"code {code}" in words.fault(code, kind).en
    ]
    assert unknown == []
