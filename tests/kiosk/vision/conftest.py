"""The simulated camera as a process of its own, and the photos of the people before it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devices.camera.driver import CameraSettings
from devices.camera.sim.people import card_photo, faces_of
from devices.simulation import ControlClient
from kiosk.vision.client import Challenge, FaceProgress
from tests.waiting import HANG_S

ROOT = Path(__file__).parents[3]
PEOPLE = ROOT / "hub" / "people" / "people.toml"


@dataclass
class Camera:
    """A running sim: ``do`` speaks to it, ``settings`` point a driver at it."""

    url: str
    control: ControlClient

    def do(self, verb: str, **arguments: object) -> dict:
        return self.control.do(verb, **arguments)

    def settings(self, **changes: object) -> CameraSettings:
        return CameraSettings(driver="opencv", source=self.url, **changes)

    def citizen(
        self, challenge: Challenge, side: str | None = None, *, turns: bool = True
    ) -> Callable[[FaceProgress], None]:
        """A person who does what the screen says; ``side`` makes them turn elsewhere."""
        done: list[str] = []

        def follow(progress: FaceProgress) -> None:
            if progress.instruction in done or not turns:
                return
            done.append(progress.instruction)
            if progress.instruction.startswith("turn_"):
                self.do("turn", to=side or challenge.side)
            elif progress.instruction == "back_to_centre":
                self.do("turn", to="centre")

        follow.told = done
        return follow


@pytest.fixture(scope="session")
def camera_process() -> Iterator[Camera]:
    command = [sys.executable, "-m", "devices.camera.sim", "--people", str(PEOPLE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        ready = json.loads(process.stdout.readline())
        assert (ready["ready"], ready["device"]) == (True, "camera")
        yield Camera(ready["url"], ControlClient(ready["control"]))
        process.terminate()
        assert process.wait(HANG_S) == 0


@pytest.fixture
def camera(camera_process: Camera) -> Camera:
    for verb in ("replug", "thaw", "light", "live", "nobody", "closer"):
        camera_process.do(verb)
    camera_process.do("noise", level=1.0)
    return camera_process


@pytest.fixture(scope="session")
def photos() -> dict[str, bytes]:
    faces = faces_of(PEOPLE)
    return {person: card_photo(faces[person]) for person in ("zhao", "li", "wang")}
