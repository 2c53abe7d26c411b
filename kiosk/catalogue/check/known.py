"""What the program has that a catalogue may name: icons and devices."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_CHARMAPS = ("phosphor-charmap-*.json", "materialdesignicons6-webfont-charmap-*.json")
_BY_CONTRACT = frozenset({
    "id_card_reader", "receipt_printer", "camera", "document_camera", "code_scanner", "io_board", "lock_board",
    "card_dispenser", "travel_document_reader", "page_printer", "fingerprint_reader", "endorsement_writer",
    "licence_printer", "vehicle_licence_printer", "plate_printer", "permit_maker",
})  # fmt: skip
"""CONTRACTS §1; a driver from elsewhere may bring any of them."""


@cache
def icons() -> frozenset[str]:
    """The names of all pictures that a page can draw. Found without importing the package, which brings a toolkit."""
    found: set[str] = set()
    for folder in _folders("qtawesome"):
        for pattern in _CHARMAPS:
            for file in (folder / "fonts").glob(pattern):
                found |= json.loads(file.read_bytes()).keys()
    return frozenset(found)


@cache
def devices() -> frozenset[str]:
    """The names of devices: those of the contract, and of each folder that has a driver."""
    return _BY_CONTRACT | {file.parent.name for folder in _folders("devices") for file in folder.glob("*/driver.py")}


def _folders(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(place) for place in spec.submodule_search_locations or []] if spec else []
