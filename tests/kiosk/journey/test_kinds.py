"""What a catalogue may name as a step is a file of kiosk/journey/steps/, and everything in that folder is one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kiosk.catalogue import loader
from kiosk.catalogue.kinds import kind_named
from kiosk.catalogue.loader import CatalogueError
from kiosk.catalogue.model import StepSpec
from kiosk.journey import steps
from tests.catalogues import PLAIN

KINDS = sorted(path.stem for path in Path(steps.__path__[0]).glob("[!_]*.py"))
HELPERS = sorted(path.stem for path in Path(steps.__path__[0]).parent.glob("[!_]*.py"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_the_folder_is_a_step_kind(kind: str) -> None:
    module = kind_named(kind)
    assert issubclass(module.Spec, StepSpec)
    assert callable(module.step)


@pytest.mark.parametrize("name", [*HELPERS, "reason", "kiosk", "__init__", "steps.choose", "..engine", ""])
def test_nothing_else_can_be_named(name: str) -> None:
    with pytest.raises(LookupError, match="no step kind"):
        kind_named(name)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "review"', 'kind = "engine"', r"no step kind 'engine'.*\$\.steps\[5\]\.kind"),
        ('name = "delivery"', 'nom = "delivery"', r"`nom` - at `\$\.steps\[3\]`"),
        ("max_length = 11", 'max_length = "11"', r"\$\.steps\[4\]\.fields\[0\]\.max_length"),
        ('kind = "sign"', 'kind = "sign"\ntitle = { zh = "x", en = "x" }', r"`title` - at `\$\.steps\[6\]`"),
        ('kind = "sign"', "", r"`kind` - at `\$\.steps\[6\]`"),
    ],
)
def test_a_step_that_its_kind_does_not_know_is_named_by_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(PLAIN, folder)
    path = folder / "traffic" / "T01.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogueError, match=said):
        loader.load(folder)
