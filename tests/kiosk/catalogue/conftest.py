"""A catalogue folder of one's own, and a machine that was started with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk import config as configuration
from kiosk.catalogue import loader
from kiosk.catalogue.signing import sign_folder
from kiosk.machine import Machine
from kiosk.messages.seal import new_sign_key
from tests.kiosk.conftest import Finger, accepted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalogue."""
    shutil.copytree(loader.shipped(), tmp_path / "catalogue")
    return tmp_path / "catalogue"


@pytest.fixture
def start(folder: Path, config_file: Callable[..., Path], finger: Finger) -> Iterator[Callable[[], Machine]]:
    """Signs the folder as it is now and builds a real machine with it."""
    built: list[Machine] = []

    def begin() -> Machine:
        city = new_sign_key()
        sign_folder(folder, city.private)
        path = config_file(catalogue={"path": str(folder)}, hub={"verify_key": city.public})
        built.append(Machine(configuration.load(path), finger))
        accepted(built[-1])
        return built[-1]

    yield begin
    for machine in built:
        machine.store.close()
