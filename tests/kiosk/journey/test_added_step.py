"""What docs/adding-a-step.md says, done word for word: the file, the service, the check, the walk."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.catalogue import loader
from kiosk.cli import main
from kiosk.journey import steps
from kiosk.journey.table import row
from kiosk.pages import Facts, Paragraph
from tests.catalogues import PLAIN
from tests.kiosk.journey.conftest import ZHAO, Counter, words

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "adding-a-step.md").read_text(encoding="utf-8")
(FILE,), (STEP,) = (re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL) for kind in ("python", "toml"))
NEXT = '[[steps]]\nkind = "form"'


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's file beside the other kinds, and a catalogue with the page's step in T01."""
    kinds = tmp_path / "steps"
    kinds.mkdir()
    (kinds / "pledge.py").write_text(FILE, encoding="utf-8")
    monkeypatch.setattr(steps, "__path__", [*steps.__path__, str(kinds)])
    monkeypatch.setattr(steps, "pledge", None, raising=False)
    importlib.invalidate_caches()
    folder = tmp_path / "catalogue"
    shutil.copytree(PLAIN, folder)
    path = folder / "traffic" / "T01.toml"
    service = path.read_text(encoding="utf-8")
    assert service.count(NEXT) == 1
    path.write_text(service.replace(NEXT, f"{STEP}\n{NEXT}"), encoding="utf-8")
    yield folder
    sys.modules.pop("kiosk.journey.steps.pledge", None)


def check(folder: Path) -> str:
    return CliRunner().invoke(main, ["catalogue", "check", str(folder)]).output


def test_the_check_knows_the_step_by_its_own_file(added: Path) -> None:
    assert check(added) == "catalogue 2027.01: 6 services, all well\n"
    path = added / "traffic" / "T01.toml"
    right = path.read_text(encoding="utf-8")
    for old, new, said in (
        ('words = { zh = "我在', 'wrods = { zh = "我在', "steps[4].wrods: unknown key"),
        ('"answers.delivery"', '"answers.delivry"', "steps[4].only_if.fact"),
        ('value = "hall" }', 'value = "hal" }', "answers.delivery is never 'hal'"),
        ('"answers.delivery"', '"card.hair"', "sends a fact 'card.hair'"),
        ('[[steps]]\nkind = "identify"\n', "", "nobody is known who pledges"),
    ):
        assert old in right
        path.write_text(right.replace(old, new), encoding="utf-8")
        assert said in check(added), said


def test_the_table_of_journeys_has_it(added: Path) -> None:
    service = loader.load(added).services["T01"]
    shown = row(service, service.steps[4])
    assert shown[:3] == ("pledge", "请您承诺 Please pledge", "answers.delivery is hall")
    assert shown[3:6] == ("needs none", "uses none", "asked once")


async def test_it_is_asked_reviewed_and_left_out_as_the_page_says(added: Path, counter: Counter) -> None:
    service = loader.load(added).services["T01"]
    keep = ("identify", "choose", "pledge", "review")
    counter.visit.card = ZHAO
    counter.machine.catalogue.services["T01"] = type(service)(
        **{name: getattr(service, name) for name in service.__struct_fields__ if name != "steps"},
        steps=tuple(step for step in service.steps if step.kind in keep),
    )
    async with counter.doing("T01"):
        await counter.first("choose")
        page = await counter.touch("next", "pledge", delivery="hall")
        assert [block.text.zh for block in page.blocks if isinstance(block, Paragraph)] == [
            "我在 30 天内到本大厅领取新证并交回旧证。"
        ]
        await counter.touch("back", "choose")
        await counter.touch("next", "pledge", delivery="hall")
        page = await counter.touch("next", "review")
        (facts,) = [block for block in page.blocks if isinstance(block, Facts)]
        (pledged,) = [fact for fact in facts.rows if fact.label.zh == "承诺"]
        assert pledged.value.zh == "我承诺"
        assert pledged.action is not None
        await counter.touch(pledged.action.id, "pledge")
        await counter.touch("back", "choose")
        page = await counter.touch("next", "review", delivery="window")
        assert "我承诺" not in words(page)
        await counter.touch("back", "choose")
        counter.last("back")
