"""What ends a walk: no page after the last one for long, however slow the others were; and it says where."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from kiosk.citizen import Citizen, Control, Script
from kiosk.pages import Notice, Page
from kiosk.text import same, text
from tests.matrix.walk import walking
from tests.matrix.walk.walking import Walker, walk
from tests.waiting import HANG_S

PAGES = ("home", "todo", "face_notice", "form", "review")


def sought(label: str) -> Any:
    def by(script: Script) -> Walker:
        walker = Walker(script, None, None)
        walker.sought = label
        return walker

    return by


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine that takes long for each page, and shows none after the last one."""
    shown: list[str] = []

    async def run(_machine: Any, **_more: Any) -> None:
        for kind in PAGES:
            shown.append(kind)
            await trio.sleep(0.9 * HANG_S)
        while True:
            shown.append("still_there")
            await trio.sleep(0.1 * HANG_S)

    monkeypatch.setattr(walking.running, "run", run)
    return SimpleNamespace(
        stage=SimpleNamespace(slips=tmp_path),
        people=lambda: [{"id": "wang"}],
        script=lambda *_said, **_more: Script(),
        socket=str,
        machine=lambda _presenter: None,
        pages=lambda: shown,
        lines=[],
    )


def home(*words: str) -> Page:
    return Page(kind="home", title=same("home"), blocks=tuple(Notice(level="warn", text=text(each)) for each in words))


def test_a_card_that_was_put_down_too_early_is_lifted_when_the_page_asks_for_it_and_put_down_anew() -> None:
    place = Control(page="home", socket="reader", do="place", arguments={"card": "wang"})
    someone = Citizen(Script(control=(place,)))
    asked = home("home.offline", "home.take_card")
    looks = [someone.controls(page) for page in (home(), home(), asked, asked, home("home.offline"), home())]
    assert looks == [[place], [], [Control(page="home", socket="reader", do="lift")], [], [place], []]


@pytest.mark.parametrize(("label", "why"), [("下一步", "sought 下一步"), ("", "it should go on by itself")])
async def test_a_walk_that_gets_on_is_not_ended_and_one_that_does_not_says_where(
    world: Any, autojump_clock: Any, label: str, why: str
) -> None:
    began = trio.current_time()
    row = await walk(world, "T07", "wang", {}, sought(label))
    assert row.result == f"hangs at review: {why}"
    assert trio.current_time() - began >= (0.9 * (len(PAGES) - 1) + 1) * HANG_S
