"""A police line is one entry in ``lines.toml``: nothing else in the house lists them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kiosk import lobby
from kiosk.catalogue.loader import CatalogueError, load
from kiosk.hub_link.state import LinkState
from kiosk.journey import told
from kiosk.machine import Machine
from kiosk.messages.questions import DueAnswer, ProgressState
from kiosk.pages import LineCards, Notice, Settings
from kiosk.visit import Visit
from tests.kiosk.conftest import Finger
from tests.kiosk.journey.conftest import Counter, words

ROOT = Path(__file__).parents[3]
LINE = """
[safety]
name = { zh = "治安管理", en = "Public safety" }
icon = "shield-check"
colour = "#7A1F3D"
order = 25
department = "household"
"""
SERVICE = """
key = "S01"
line = "safety"
name = { zh = "养犬登记", en = "Register a dog" }
icon = "dog"
offline = "info"
item_kind = "at_once"
summary = { zh = "登记您的犬只", en = "Register your dog" }
conditions = [{ zh = "养犬的人", en = "Who keeps a dog" }]
procedure = { zh = "选大小，提交", en = "Choose the size and send it" }
result = { zh = "登记完成", en = "It is registered" }
elder_hint = { zh = "养了狗，来这里登记。", en = "If you keep a dog, register it here." }
phone = "12345"
proxy = "yes"
free_basis = { zh = "登记不收费", en = "Registering is free" }

[[basis]]
law = "《中华人民共和国动物防疫法》"
clause = "第三十条"

[limit_law]
n = 1
unit = "d"

[limit_promise]
n = 0
unit = "wd"

[[steps]]
kind = "choose"
name = "size"
title = { zh = "您的犬只多大？", en = "How large is your dog?" }
label = { zh = "大小", en = "Size" }
[[steps.options]]
id = "small"
label = { zh = "小型犬", en = "Small" }
[[steps.options]]
id = "large"
label = { zh = "大型犬", en = "Large" }
"""


@pytest.fixture
def machine(folder: Path, start: Callable[[], Machine]) -> Machine:
    """With a line of its own, which has one service."""
    with (folder / "lines.toml").open("a", encoding="utf-8") as lines:
        lines.write(LINE)
    (folder / "safety").mkdir()
    (folder / "safety" / "S01.toml").write_text(SERVICE, encoding="utf-8")
    return start()


def cards(machine: Machine) -> list[Any]:
    page = lobby.home_page(machine, Visit(machine, Settings()), card_lies_there=False)
    return next(list(block.cards) for block in page.blocks if isinstance(block, LineCards))


def test_a_new_entry_stands_on_the_home_page_in_its_place(machine: Machine) -> None:
    shown = cards(machine)
    assert [card.line.key for card in shown] == ["traffic", "household", "safety", "exit_entry"]
    safety = shown[2]
    assert (safety.action.label.zh, safety.action.icon, safety.line.colour) == ("治安管理", "shield-check", "#7A1F3D")
    assert [name.zh for name in safety.items] == ["养犬登记"]


async def test_its_service_is_decided_by_its_department_and_walks(
    machine: Machine, finger: Finger, mock_clock: Any
) -> None:
    assert machine.catalogue.services["S01"].department == "household"
    line = lobby.line_page(machine, Visit(machine, Settings()), "safety")
    assert (line.title.en, line.line.colour) == ("Public safety", "#7A1F3D")
    counter = Counter(machine, finger, mock_clock)
    async with counter.doing("S01"):
        page = await counter.first("choose")
        assert page.line.name.zh == "治安管理", "its header"
        counter.last("next", size="small")
    assert "养犬登记" in words(line)
    todo = lobby.todo_page(machine, Visit(machine, Settings()), lobby.Due([]))
    assert "治安管理" in words(todo)


def test_a_department_is_called_as_the_catalogue_calls_it(machine: Machine) -> None:
    machine.link.state = LinkState.ONLINE
    silent = lobby.Due([], DueAnswer([], ["household", "of_tomorrow"]).silent)
    page = lobby.todo_page(machine, Visit(machine, Settings()), silent)
    said = next(block.text for block in page.blocks if isinstance(block, Notice) and "of_tomorrow" in block.text.zh)
    assert "户政部门" in said.zh, "and one that nobody knows stands there as it came"
    state = ProgressState("accepted", "2027-01-12T02:30:00.000Z", "household")
    assert "户政部门" in told.proof_words(state, machine.catalogue).zh


def test_a_service_of_a_line_that_is_not_listed_is_refused(folder: Path) -> None:
    (folder / "safety").mkdir()
    (folder / "safety" / "S01.toml").write_text(SERVICE, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"S01\.toml.*no line safety; lines\.toml has traffic, household"):
        load(folder)


def test_nothing_else_lists_the_lines() -> None:
    """No program, page or text of the machine and no table of the hub names a line, but its department's own folder."""
    word = re.compile(r"\b(?:traffic|household|exit_entry)\b")
    # The database names those whose tables a hub of before has made.
    own = ("kiosk/catalogue/data/", "hub/departments/", "hub/people/", "hub/database.py")
    names = [
        f"{path.relative_to(ROOT)}: {line.strip()[:80]}"
        for package in ("kiosk", "screens", "hub", "devices", "offline_cache", "tools")
        for path in sorted((ROOT / package).rglob("*"))
        if path.suffix in (".py", ".po", ".html", ".sql", ".toml", ".js")
        and not str(path.relative_to(ROOT)).startswith(own)
        for line in path.read_text("utf-8").splitlines()
        if word.search(line) and not line.startswith("msgstr")
    ]
    assert names == []
