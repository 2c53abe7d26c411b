"""The order of the scripted demo with a stand-in for the walk; the virtual screen is a real one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from kiosk.demo import scripted
from kiosk.demo.command import has_screen
from kiosk.demo.stage import Stage
from kiosk.demo.walking import Row, VisitPlan
from kiosk.text import same


class Network:
    def __init__(self) -> None:
        self.done: list[str] = []

    def do(self, verb: str) -> dict[str, Any]:
        self.done.append(verb)
        return {}

    def close(self) -> None:
        pass


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("DISPLAY", os.environ.get("DISPLAY", ""))
    made = Stage(tmp_path)
    made.slips.mkdir()
    (made.slips / "slip-0001.png").write_bytes(b"a slip")
    made.controls["network"] = Network()  # type: ignore[assignment]
    return made


needs_xvfb = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is a Debian package of packages.txt")


@needs_xvfb
def test_offline_visit_has_no_network_and_is_recovered(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network: Network = stage.controls["network"]  # type: ignore[assignment]
    seen: list[tuple[str, str, bool]] = []

    def walk(_: Stage, plan: VisitPlan, pictures: Path | None, __: object) -> list[Row]:
        seen.append((plan.name, network.done[-1], has_screen(os.environ["DISPLAY"])))
        assert pictures is not None
        (pictures / f"{plan.name}.png").write_bytes(b"a page")
        return [Row(service, plan, same("fine"), 1.0) for service in plan.services]

    def recovered(_: Stage, plan: VisitPlan, *__: object) -> list[Row]:
        assert network.done[-1] == "restore"
        return [Row(plan.services[0], plan, same("delivered"), 2.0)]

    monkeypatch.setattr(scripted, "_recovered", recovered)
    output = tmp_path / "output"
    output.mkdir()
    (output / "slip-09.png").write_bytes(b"yesterday's")
    try:
        assert scripted.perform(stage, output, lambda _: None, walk) == 0
    finally:
        stage.end()
    assert seen == [("1-online", "restore", True), ("2-offline", "cut", True), ("3-recovered", "restore", True)]
    pictures = sorted(p.name for p in output.glob("*.png"))
    assert pictures == ["1-online.png", "2-offline.png", "3-recovered.png", "slip-01.png"]
    assert "delivered" in capsys.readouterr().out


@needs_xvfb
def test_one_service_that_did_not_end_makes_the_demo_fail(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk(_: Stage, plan: VisitPlan, *__: object) -> list[Row]:
        return [Row(service, plan, same("?"), 0.0, ok=service != "H13") for service in plan.services]

    monkeypatch.setattr(scripted, "_recovered", lambda _, plan, *__: [Row("T01", plan, same("delivered"), 2.0)])
    try:
        assert scripted.perform(stage, tmp_path / "output", lambda _: None, walk) == 1
    finally:
        stage.end()


@pytest.mark.parametrize("display", ["", ":", ":x", ":8999", "no.such.host.invalid:7.0"])
def test_no_screen_where_no_server_answers(display: str) -> None:
    assert not has_screen(display)


def test_only_the_pictures_of_an_earlier_demo_are_taken_away(tmp_path: Path) -> None:
    names = ["slip-01.png", "1-online/02-home.png", "holiday.png", "1-online/beach.png", "2024/01-beach.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"a picture")
    scripted._emptied(tmp_path)
    assert [name for name in names if (tmp_path / name).exists()] == names[2:]
