"""The machine's key at rest: a store from before is sealed at its next start; the commands around it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner, Result

from kiosk import config as configuration
from kiosk import doctor, running
from kiosk.cli import main
from kiosk.clock import Clock
from kiosk.hub_link.identity import Identity
from kiosk.machine import Machine
from kiosk.maintenance import facts
from kiosk.pages import Facts
from kiosk.status_socket import ask
from offline_cache.store import Store
from offline_cache.values import Values
from offline_cache.vault import SEALED
from tests.kiosk.conftest import Finger, toml

pytestmark = [
    pytest.mark.attack(8),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("systemd-creds") is None,
        reason="sealing to the host needs root and systemd-creds (Debian package systemd)",
    ),
]
PLACE = ("identity", "sign_key_std")


@pytest.fixture
def config(hub: Any, tmp_path: Path) -> Path:
    path = tmp_path / "kiosk.toml"
    keys = {"seal_key": hub.seal_keys.public, "verify_key": hub.sign_keys.public}
    path.write_text(toml(tmp_path, hub={"url": hub.url, **keys}))
    return path


@pytest.fixture
def kiosk(config: Path) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(main, ["--config", str(config), *words], input="GOOD")


@pytest.fixture
def unsealed(tmp_path: Path) -> bytes:
    """The key of a store as the version before has left it."""
    store = Store.open(tmp_path / "store.sqlite", now=Clock().now, ballast_mb=0, free_floor_mb=0)
    with closing(store):
        Identity.load(Values(store), "k-0001")
        return Values(store).get(*PLACE)


def built(config: Path) -> Machine:
    return Machine(configuration.load(config), Finger())


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_key_of_a_store_from_before_is_sealed_at_the_next_start(config: Path, tmp_path: Path, unsealed: bytes) -> None:
    assert unsealed in bytes_of(tmp_path), "so it lay there"
    machine = built(config)
    assert machine.identity.private_key.encode() == unsealed, "the same machine to the hub"
    assert unsealed not in bytes_of(tmp_path)
    assert machine.values.get(*PLACE).startswith(SEALED)
    machine.store.close()
    assert unsealed not in bytes_of(tmp_path)
    with closing(built(config).store):
        pass


def test_start_on_another_computer_is_refused_in_one_line_and_changes_nothing(
    config: Path, kiosk: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(config).store.close()
    sealed = (tmp_path / "store.sqlite.cred").read_bytes()
    monkeypatch.setenv("SYSTEMD_CREDENTIAL_SECRET", str(tmp_path.with_suffix(".other") / "secret"))
    for words in (("walk", str(config)), ("queue", "import", str(config)), ("enrol", "--hub", "http://127.0.0.1:9")):
        done = kiosk(*words)
        assert done.exit_code == 1, done.output
    assert "does not open here" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "store.sqlite.cred").read_bytes() == sealed
    monkeypatch.undo()
    built(config).store.close()


def test_enrolment_with_a_new_key_is_the_way_out(
    config: Path, hub: Any, kiosk: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    enrol = ("enrol", "--hub", hub.url, "--new-key")
    with closing(built(config).store):
        pass
    done = kiosk(*enrol)
    assert (done.exit_code, "the key of this machine opens" in done.stderr) == (1, True)
    monkeypatch.setenv("SYSTEMD_CREDENTIAL_SECRET", str(tmp_path / "other.secret"))
    done = kiosk(*enrol)
    assert done.exit_code == 0, done.output
    machine = built(config)
    assert hub.machines["k-0001"] == machine.identity.public_key
    machine.store.close()


def test_seal_prints_what_the_unit_needs(kiosk: Callable[..., Result], tmp_path: Path) -> None:
    for _ in range(2):
        done = kiosk("seal")
        assert done.exit_code == 0, done.output
        assert "sealed with: host" in done.output
        assert f"LoadCredentialEncrypted=tongban.seal:{tmp_path}/store.sqlite.cred" in done.output


async def test_doctor_says_what_seals(config: Path) -> None:
    machine = built(config)
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        told = await ask(machine.config.machine.status_socket, "doctor", timeout_s=60)
        machine.stop()
    assert told["protection"]["secrets"] == "host"
    assert "sealing" not in told["protection"]["missing"]


def test_clear_key_is_named_where_nothing_can_seal(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "systemd-creds" else which(name))
    machine = built(config)
    found = doctor.protection_facts(machine)
    machine.store.close()
    assert found["secrets"] == "none"
    assert found["missing"][0] == "sealing"
    rows = Facts(title=facts.text("maintenance.program"), rows=facts._protection(found)).rows
    assert rows[0].value.zh.startswith("明文存放")
    assert all(row.value.en and row.value.zh for row in rows)
