"""The simulated document camera behind the camera's own driver: a paper on a dark mat, glare, a covered lens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from devices.camera import status
from devices.camera.driver import CameraSettings, OpenCvCamera
from devices.contract import Deadline, TryAgain
from devices.simulation import ControlClient
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]


class Bench:
    def __init__(self, ready: dict[str, Any]) -> None:
        self.url, self.control = ready["url"], ControlClient(ready["control"])
        self.said: list[Any] = []
        settings = CameraSettings(driver="opencv", kind="document_camera", source=self.url, lost_after_s=60.0)
        self.driver = OpenCvCamera(settings, self.said.append)

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.control.do(verb, **arguments)

    def shows(self, true: Callable[[np.ndarray], bool], what: str) -> np.ndarray:
        """The first picture of which this is true: some older ones are still on their way."""
        return eventually(lambda: [p for p in self._next() if true(p)], what)[0]

    def _next(self) -> list[np.ndarray]:
        """A camera whose picture a busy computer has too late is opened anew, as a machine does."""
        try:
            return [self.driver.read(Deadline(30.0)).value]
        except TryAgain:
            self.driver.pause()
            return []


@pytest.fixture(scope="module")
def process() -> Iterator[Bench]:
    command = [sys.executable, "-m", "devices.camera.sim.document_camera"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as running:
        assert running.stdout
        bench = Bench(json.loads(running.stdout.readline()))
        yield bench
        bench.driver.teardown()
        running.terminate()
        assert running.wait(20) == 0


@pytest.fixture
def bench(process: Bench) -> Bench:
    process.do("reset")
    process.driver.teardown()
    process.said.clear()
    process.driver.setup()
    return process


def paper_share(picture: np.ndarray) -> float:
    """How much of the picture is the biggest light area."""
    _, light = cv2.threshold(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), 128, 255, cv2.THRESH_BINARY)
    outlines, _ = cv2.findContours(light, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return max((cv2.contourArea(outline) for outline in outlines), default=0.0) / light.size


def slant_and_sides(picture: np.ndarray) -> tuple[float, list[int]]:
    """Of the biggest light area: degrees from upright, sides in px, the shorter first."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    _, light = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    outlines, _ = cv2.findContours(light, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    (_, (wide, high), angle) = cv2.minAreaRect(max(outlines, key=cv2.contourArea))
    return min(angle % 90, 90 - angle % 90), sorted((round(wide), round(high)))


def white_share(picture: np.ndarray) -> float:
    return float((picture.min(axis=2) >= 250).mean())


def test_paper_stands_out_from_the_mat_at_its_own_slant(bench: Bench) -> None:
    assert paper_share(bench.shows(lambda p: p.mean() < 60, "the empty mat")) < 0.05
    bench.do("lay", form="a4", lines=["TITLE", "second line"])
    bench.do("turn", deg=10)
    # A picture from before the turn may come first.
    picture = bench.shows(lambda p: paper_share(p) > 0.3 and abs(slant_and_sides(p)[0] - 10) <= 1, "the slanted paper")
    assert picture.shape == (960, 1280, 3)
    assert slant_and_sides(picture)[1] == [pytest.approx(600, abs=8), pytest.approx(848, abs=8)]


def test_glare_is_a_white_spot_and_can_go(bench: Bench) -> None:
    bench.do("lay", form="card")
    clean = bench.shows(lambda p: paper_share(p) > 0.15, "the card")
    bench.do("glare")
    bench.shows(lambda p: white_share(p) > white_share(clean) + 0.005, "the glare")
    bench.do("glare", on=False)
    assert bench.shows(lambda p: white_share(p) < 0.005, "no glare any more").any()


def test_picture_of_a_file_is_laid_down(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "card.png"
    cv2.imwrite(str(file), np.full((300, 480, 3), (30, 200, 30), np.uint8))
    bench.do("picture", path=str(file))
    assert bench.shows(lambda p: p[480, 640, 1] > 150 > p[480, 640, 2] + 50, "the green card").any()


def test_covered_lens_is_told_and_the_mat_alone_is_not_taken_for_it(bench: Bench) -> None:
    bench.shows(lambda p: p.mean() < 60, "the empty mat")
    assert [said.error for said in bench.said] == [""]
    bench.do("dark")
    bench.shows(lambda _: bench.said[-1].error == status.DARK, "the covered lens")
    declared = OpenCvCamera.declarations["document_camera"]
    # Nobody looks through it between two visits: were it trouble, no look would ever find that it is uncovered.
    assert declared.is_usable(bench.said[-1])


def test_unplugged_then_back(bench: Bench) -> None:
    bench.do("unplug")
    with pytest.raises(TryAgain):
        eventually(lambda: bench.driver.read(Deadline(30.0)).value is None, "the end of the pictures")
    bench.driver.teardown()
    bench.do("replug")
    bench.driver.setup()
