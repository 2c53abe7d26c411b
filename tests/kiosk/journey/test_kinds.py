"""What a catalogue may name as a step is a file of kiosk/journey/steps/, and everything in that folder is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.catalogue.kinds import kind_named
from kiosk.catalogue.model import StepSpec
from kiosk.journey import steps

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
