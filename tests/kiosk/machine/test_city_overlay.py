"""What docs/city-overlay.md says, done word for word: differences, check, signature, hub, machine."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from kiosk import config as configuration
from kiosk.config import CatalogueConfig
from tests.catalogues import ROOT
from tests.kiosk.machine.conftest import World
from tests.kiosk.machine.test_added_service import Author, author

__all__ = ["author"]

PAGE = (ROOT / "docs" / "city-overlay.md").read_text("utf-8")
MAKE, CHECK, PUBLISH = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)


async def test_the_page_leads_to_a_slip_that_names_both_versions(author: Author, world: World, tmp_path: Path) -> None:
    author.types(MAKE)
    author.writes(PAGE)
    files = sorted(str(path.relative_to(tmp_path / "city")) for path in (tmp_path / "city").rglob("*.toml"))
    assert files == [
        "common/C10.toml",
        "overlay.toml",
        "parts/exit_entry.toml",
        "parts/traffic.toml",
        "traffic/T01.toml",
    ]
    said = author.types(CHECK)
    assert said.startswith("catalogue 2027.01+1: ")
    assert "T01 checks[0].value: 90 → 60\n" in said
    assert "C10: is gone\n" in said
    closed = re.findall(r"(\w+) applicant\.min_age: 0 → 16\n", said)
    assert closed == ["E01", "E02", "E03", "E04", "E05", "E06", "E07", "E09", "E10", "E11", "E14"]
    assert author.types(PUBLISH).endswith("catalogue 2027.01+1 is in force\n")
    usual = configuration.load(world.stage.config)
    config = msgspec.structs.replace(usual, catalogue=CatalogueConfig(overlay=str(tmp_path / "city")))
    walking = await world.walk(world.script("wang", "T01"), config=config)
    assert walking.unfinished == 0
    (slip,) = world.slips()
    assert "2027.01+1" in slip
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "accepted"], slip
