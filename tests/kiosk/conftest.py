"""A real machine with a real store for tests of the kiosk; hub and devices are absent unless a test brings them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from devices.simulation import ControlClient
from kiosk import config as configuration
from kiosk import standing
from kiosk.machine import Machine
from kiosk.messages.fleet import Numbering
from kiosk.messages.seal import new_seal_key, new_sign_key
from kiosk.pages import Answer, Page, Settings
from offline_cache.vault import credential_path, make, may_make
from tests.waiting import HANG_S, given_up

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def parts_failed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What runs beside the visits is begun anew when it fails; in a test that is never passed over."""
    failed: list[str] = []
    log = standing.log
    told = SimpleNamespace(error=lambda event, **said: (failed.append(str(said)), log.error(event, **said)))
    monkeypatch.setattr(standing, "log", told)
    yield failed
    assert not failed, "a part of the machine failed"


class Finger:
    """A presenter driven by the test: pages come out of ``pages``, answers go in by ``touch``."""

    def __init__(self) -> None:
        self.on_touch: Callable[[], None] = lambda: None
        self.page: Page | None = None
        self.settings = Settings()
        self.typed: dict[str, Any] = {}
        self.history: list[str] = []
        self.ticks: list[float] = []
        self.forgotten = 0
        self._answer: Answer | None = None
        self._changed = trio.Event()

    async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await trio.sleep_forever()

    async def show(self, page: Page, settings: Settings) -> Answer:
        self.page, self.settings, self._answer = page, settings, None
        self.history.append(page.kind)
        self._poke()
        while self._answer is None:
            await self._changed.wait()
        return self._answer

    def update(self, page: Page) -> None:
        self.page = page
        self._poke()

    def values(self) -> dict[str, Any]:
        return dict(self.typed)

    def tick(self, left_s: float, total_s: float) -> None:
        self.ticks.append(left_s)

    def forget(self, then: Page | None = None) -> None:
        self.page = None
        self.forgotten += 1

    def touch(self, action: str, **values: Any) -> None:
        """Answer the page that is shown."""
        self._answer = Answer(action=action, values=values)
        self._poke()

    async def until(self, kind: str) -> Page:
        """Wait until a page of this kind is shown."""
        while self.page is None or self.page.kind != kind:
            await self.change(f"the page {kind}")
        return self.page

    async def change(self, awaited: str) -> None:
        """Until something else is shown."""
        with given_up(lambda: f"{awaited}; shown: {self.page.kind if self.page else 'nothing'}"):
            await self._changed.wait()

    def _poke(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


def toml(folder: Path, **sections: dict[str, Any]) -> str:
    """A configuration for a machine whose hub is not there; ``sections`` override or add keys."""
    hub_seal, hub_sign = new_seal_key(), new_sign_key()
    tables: dict[str, dict[str, Any]] = {
        "machine": {
            "id": "k-0001",
            "hall": "hall",
            "division": "990101",
            "status_socket": str(folder / "status.sock"),
            "log_folder": str(folder / "logs"),
        },
        "store": {"path": str(folder / "store.sqlite"), "ballast_mb": 1, "free_floor_mb": 1},
        "hub": {"url": "http://127.0.0.1:9", "seal_key": hub_seal.public, "verify_key": hub_sign.public},
        "demo": {"today": "2027-01-12"},
    }
    for name, values in sections.items():
        tables.setdefault(name, {}).update(values)
    return "\n".join(f"[{name}]\n{_keys(values)}" for name, values in tables.items())


def _keys(values: dict[str, Any]) -> str:
    # A JSON string, number or truth value is a TOML one too; a date stands bare.
    return "".join(f"{key} = {value if key == 'today' else json.dumps(value)}\n" for key, value in values.items())


@pytest.fixture
def config_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes kiosk.toml with the given changes and gives its path."""

    def write(**sections: dict[str, Any]) -> Path:
        path = tmp_path / "kiosk.toml"
        path.write_text(toml(tmp_path, **sections), encoding="utf-8")
        return path

    return write


def accepted(machine: Machine) -> None:
    """As after its enrolment: the hub has said the machine's number."""
    machine.numbers.heard(Numbering(1))


@pytest.fixture
def start_sim(tmp_path: Path) -> Iterator[Callable[..., tuple[dict[str, Any], ControlClient]]]:
    """Start a sim as its own process: what it said when ready, and its control."""
    running: list[tuple[subprocess.Popen[str], ControlClient]] = []

    def start(device: str, *arguments: str, name: str = "") -> tuple[dict[str, Any], ControlClient]:
        control = tmp_path / f"{name or device}.control"
        command = [sys.executable, "-m", f"devices.{device}.sim", "--control", str(control), *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        running.append((process, ControlClient(control)))
        return json.loads(process.stdout.readline()), running[-1][1]

    yield start
    for process, client in running:
        client.close()
        process.terminate()
        process.wait(HANG_S)
        process.stdout.close()


@pytest.fixture
def finger() -> Finger:
    return Finger()


@pytest.fixture(scope="session")
def credential(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a machine makes at its first start, really made: four processes that hundreds of tests need not run."""
    path = tmp_path_factory.mktemp("credential") / "store.cred"
    if may_make():
        make(path)
    return path


@pytest.fixture
def machine(config_file: Callable[..., Path], finger: Finger, credential: Path) -> Any:
    """A real machine, built but not running: store, outbox, catalogue, link (its hub is not there), no devices."""
    config = configuration.load(config_file())
    if credential.exists():
        shutil.copy(credential, credential_path(Path(config.store.path)))
    built = Machine(config, finger)
    accepted(built)
    yield built
    built.store.close()
