"""The stage with the real hub and the real emulators; only ``kiosk enrol`` is a stand-in here."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.config import load
from kiosk.demo import stage as stage_module
from kiosk.demo.children import ChildError
from kiosk.demo.stage import Stage, staged
from tests.quick import as_a_technician_does


@pytest.fixture
def folder() -> Iterator[Path]:
    # pytest's own folders are longer than a Unix socket's path may be.
    made = Path(tempfile.mkdtemp(prefix="tb-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def stand_in(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def processes_of(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command_line = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command_line:
            found.append(command_line)
    return found


def test_stage_has_hub_network_and_devices_and_leaves_no_process_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol = stand_in(tmp_path / "kiosk", f'echo "$@" "$TONGBAN_CONFIG" >> {tmp_path}/asked; cat >> {tmp_path}/said')
    own_command = stage_module.command
    monkeypatch.setattr(stage_module, "command", lambda name: enrol if name == "kiosk" else own_command(name))
    monkeypatch.setattr(stage_module, "_kiosk", as_a_technician_does)
    said: list[str] = []
    with staged(folder, said.append) as stage:
        assert said == ["hub", "devices", "enrol"]
        config = load(stage.config)
        assert {*config.devices} == {"id_card_reader", "receipt_printer", "camera", *stage_module.BENCH}
        assert config.hub.url == stage.ready["network"]["url"] != stage.ready["hub"]["url"]
        code = stage.ready["hub"]["enrolment_code"]
        asked = (tmp_path / "asked").read_text().split("\n")
        assert asked[1].startswith("staff add --role guide --ref guide")
        assert asked[0].split() == ["enrol", "--hub", config.hub.url, str(stage.config)]
        assert (tmp_path / "said").read_text().startswith(code), "no secret is an argument"
        assert stage.controls["id_card_reader"].do("place", card="zhao")["card"] == "zhao"
        assert len(processes_of(folder)) >= 5
    assert processes_of(folder) == []


def test_enrolment_that_fails_ends_everything_and_says_why(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = stand_in(tmp_path / "kiosk", "echo 'the code was used already' >&2; exit 1")
    own_command = stage_module.command
    monkeypatch.setattr(stage_module, "command", lambda name: refused if name == "kiosk" else own_command(name))
    with pytest.raises(ChildError, match="the code was used already"), staged(folder, lambda _: None):
        pytest.fail("the stage must not open")
    assert processes_of(folder) == []


def test_enrolment_that_hangs_is_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = stand_in(tmp_path / "kiosk", "exec sleep 600")
    monkeypatch.setattr(stage_module, "command", lambda _: hanging)
    monkeypatch.setattr(stage_module, "ENROL_S", 0.05)
    with pytest.raises(ChildError, match="kiosk enrol did not end within"):
        stage_module._kiosk(Stage(folder), "enrol")


def test_hub_that_cannot_start_is_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = stand_in(tmp_path / "hub", "echo 'no room for the database' >&2; exit 1")
    monkeypatch.setattr(stage_module, "command", lambda _: broken)
    with (
        pytest.raises(ChildError, match=r"hub ended with code 1: no room for the database"),
        staged(folder, lambda _: None),
    ):
        pytest.fail("the stage must not open")
    assert (folder / "hub.log").is_file()
