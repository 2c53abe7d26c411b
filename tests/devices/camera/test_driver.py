"""The camera driver on real sources: MJPEG over HTTP, a clip, an image sequence, nothing at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from devices.camera import driver as camera_driver
from devices.camera import status
from devices.camera.driver import CameraSettings, OpenCvCamera
from devices.contract import Deadline, Permanent, TryAgain
from devices.simulation import ControlClient, SimError
from devices.vocabulary import Completion, DeviceState
from tests.waiting import HANG_S, eventually

ROOT = Path(__file__).parents[3]
PEOPLE = """
[[person]]
id = "anna"
[person.face]
seed = 8
sex = "female"
age = 30
[[person]]
id = "bert"
[person.face]
seed = 3
sex = "male"
age = 43
[[person]]
id = "faceless"
"""


class Sim:
    def __init__(self, ready):
        self.url, self.control = ready["url"], ControlClient(ready["control"])

    def do(self, verb, **arguments):
        return self.control.do(verb, **arguments)


@pytest.fixture(scope="module")
def sim_process(tmp_path_factory):
    people = tmp_path_factory.mktemp("people") / "people.toml"
    people.write_text(PEOPLE, "utf-8")
    command = [sys.executable, "-m", "devices.camera.sim", "--people", str(people)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        yield Sim(json.loads(process.stdout.readline()))
        process.terminate()
        assert process.wait(HANG_S) == 0


@pytest.fixture
def sim(sim_process):
    for verb in ("replug", "thaw", "light", "live", "nobody", "closer"):
        sim_process.do(verb)
    sim_process.do("noise", level=1.0)
    return sim_process


def driver(source, **changes):
    said = []
    camera = OpenCvCamera(CameraSettings(driver="opencv", source=source, **changes), said.append)
    camera.said = said
    return camera


def picture(camera):
    done = camera.read(Deadline(3.0))
    assert done.ok
    return done.value


def until_fault(camera, count=200):
    for _ in range(count):
        camera.read(Deadline(3.0))
    raise AssertionError("no fault came")


def test_stream_gives_pictures_and_one_status(sim):
    camera = driver(sim.url)
    camera.setup()
    assert picture(camera).shape == (480, 640, 3)
    assert not np.array_equal(picture(camera), picture(camera)), "a sensor's noise never repeats"
    assert [s.device for s in camera.said] == [DeviceState.ONLINE]
    camera.teardown()


def test_who_reads_seldom_sees_what_is_now_and_not_what_was(sim):
    camera = driver(sim.url)
    camera.setup()
    moment = threading.Event()
    for _ in range(60):
        picture(camera)
        moment.wait(0.1)
    sim.do("dark")
    behind = next(number for number in range(200) if picture(camera).mean() < 20)
    assert behind < 25, "every second picture was left out on the way"
    camera.teardown()


def test_unplugged_while_reading_then_back_at_the_same_address(sim):
    camera = driver(sim.url)
    camera.setup()
    sim.do("unplug")
    with pytest.raises(TryAgain) as lost:
        until_fault(camera)
    assert lost.value.error == status.LOST
    camera.teardown()
    with pytest.raises(TryAgain) as absent:
        camera.setup()
    assert absent.value.error == status.ABSENT
    sim.do("replug")
    camera.setup()
    assert picture(camera).any()
    camera.teardown()


def test_paused_camera_lets_go_of_the_stream_and_still_notices_loss(sim):
    camera = driver(sim.url)
    camera.setup()
    camera.pause()
    camera.idle()
    sim.do("unplug")
    with pytest.raises(TryAgain):
        camera.idle()


def test_stalled_stream_ends_after_the_read_timeout(sim):
    camera = driver(sim.url, read_timeout_ms=300)
    camera.setup()
    sim.do("stall")
    with pytest.raises(TryAgain) as lost:
        until_fault(camera)
    assert lost.value.error == status.LOST
    camera.teardown()


def test_frozen_picture_is_a_fault_until_it_moves_again(sim):
    camera = driver(sim.url, lost_after_s=0.3)
    camera.setup()
    sim.do("freeze")
    with pytest.raises(TryAgain) as frozen:
        until_fault(camera)
    assert frozen.value.error == status.FROZEN
    with pytest.raises(TryAgain) as still:
        camera.setup()
    assert still.value.error == status.FROZEN
    sim.do("thaw")
    camera.setup()
    assert camera.said[-1].device is DeviceState.ONLINE
    camera.teardown()


def test_covered_lens_is_online_and_said(sim):
    camera = driver(sim.url)
    camera.setup()
    sim.do("dark")
    eventually(lambda: picture(camera) is not None and camera.said[-1].error, "a word on the covered lens")
    assert (camera.said[-1].device, camera.said[-1].error) == (DeviceState.ONLINE, status.DARK)
    camera.teardown()


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.avi"
    out = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20, (64, 48))
    for shade in (40, 90, 140):
        frame = np.full((48, 64, 3), shade, np.uint8)
        frame[:8, :8] = 250
        out.write(frame)
    out.release()
    return path


def test_clip_plays_over_and_over(clip):
    camera = driver(str(clip), fps=200)
    camera.setup()
    shades = [int(picture(camera)[30, 30].mean()) for _ in range(6)]
    assert len({round(s, -1) for s in shades}) == 3
    assert shades[0] == shades[3]
    camera.teardown()


@pytest.mark.parametrize(("degrees", "corner"), [(0, (2, 2)), (90, (2, -3)), (180, (-3, -3)), (270, (-3, 2))])
def test_picture_is_turned_upright_clockwise(clip, degrees, corner):
    camera = driver(str(clip), fps=200, rotate_deg=degrees)
    camera.setup()
    assert picture(camera)[corner].mean() > 200
    camera.teardown()


def test_image_sequence(tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number:04d}.jpg"), np.full((48, 64, 3), 60 * number + 30, np.uint8))
    camera = driver(str(tmp_path / "%04d.jpg"), fps=200)
    camera.setup()
    assert picture(camera).shape == (48, 64, 3)
    camera.teardown()


@pytest.mark.parametrize("source", [77, "77", "/dev/video77", "no-such-clip.avi", "http://127.0.0.1:9/x.mjpg"])
def test_nothing_there_is_tried_again(source):
    with pytest.raises(TryAgain) as absent:
        driver(source).setup()
    assert absent.value.error == status.ABSENT
    assert status.camera_status(absent.value.error).device is DeviceState.NO_DEVICE


def test_address_without_a_host_is_permanent():
    with pytest.raises(Permanent):
        driver("http:///x.mjpg").setup()


def test_read_after_its_deadline_is_a_timeout(sim):
    camera = driver(sim.url)
    assert camera.read(Deadline(0.0)).code is Completion.TIME_OUT


@pytest.mark.parametrize("changes", [{"rotate_deg": 45}, {"sauce": 0}, {"fps": "fast"}])
def test_wrong_settings_are_refused(changes):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"driver": "opencv", "source": 0, **changes}, CameraSettings)


def test_sim_answers_state_and_help_and_refuses_strangers(sim):
    sim.do("person", id="anna")
    sim.do("turn", to="left")
    state = sim.do("state")
    assert (state["person"], state["people"]) == ("anna", ["anna", "bert"])
    assert "two_people" in sim.do("help")["verbs"]
    for verb, arguments in (("person", {"id": "nobody-known"}), ("turn", {"to": "up"}), ("clip", {"path": "none.avi"})):
        with pytest.raises(SimError):
            sim.do(verb, **arguments)


def test_sim_plays_a_clip_and_returns_to_the_scene(sim, clip):
    camera = driver(sim.url)
    sim.do("clip", path=str(clip))
    camera.setup()
    assert picture(camera)[400, 300].std() < 6
    sim.do("live")
    sim.do("person", id="bert")
    eventually(lambda: picture(camera)[200:300, 280:360].std() > 10, "a face in place of the clip")
    camera.teardown()


class Opened:
    """What OpenCV is asked to open, in order; nothing opens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[Any, Any]] = []
        real = camera_driver._opencv()
        stand_in = SimpleNamespace(**{name: getattr(real, name) for name in dir(real) if name.startswith("CAP_")})
        stand_in.VideoCapture = self.video_capture
        monkeypatch.setattr(camera_driver, "_opencv", lambda: stand_in)
        self.v4l2 = real.CAP_V4L2

    def video_capture(self, source: Any, backend: Any = None, *_: Any) -> Any:
        self.asked.append((source, backend))
        return SimpleNamespace(isOpened=lambda: False, release=lambda: None)


def test_link_to_a_device_is_a_camera_and_is_followed_at_every_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No camera is here: terminals are character devices too, and a link is moved from one to the other."""
    opened = Opened(monkeypatch)
    first, second = os.openpty(), os.openpty()
    link = tmp_path / "usb-camera-video-index0"
    camera = driver(str(link))
    with pytest.raises(TryAgain) as away:
        camera.setup()
    assert away.value.error == status.ABSENT
    for pair in (first, second):
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(pair[1]))
        with pytest.raises(TryAgain) as fault:
            camera.setup()
        assert fault.value.error == status.LOST
        assert opened.asked.pop() == (os.ttyname(pair[1]), opened.v4l2)
    assert opened.asked == [], "never tried as a clip"
    link.unlink()
    with pytest.raises(TryAgain) as gone:
        camera.idle()
    assert gone.value.error == status.ABSENT
    for end in (*first, *second):
        os.close(end)


@pytest.mark.parametrize(
    ("source", "device"),
    [
        (0, "/dev/video0"),
        ("3", "/dev/video3"),
        ("/dev/video7", "/dev/video7"),
        ("/dev/v4l/by-id/usb-none-index0", "/dev/v4l/by-id/usb-none-index0"),
        ("/dev/null", "/dev/null"),
        ("３", None),
        ("clip.avi", None),
        ("seq/%04d.jpg", None),
        ("http://127.0.0.1/x", None),
    ],
)
def test_what_is_a_local_camera(source: Any, device: str | None) -> None:
    found = driver(source).local_device
    assert (str(found) if found else None) == device


@pytest.mark.attack(1)
def test_a_pipe_in_place_of_a_clip_does_not_hold_the_worker(tmp_path):
    os.mkfifo(tmp_path / "clip.mp4")
    with pytest.raises(TryAgain):
        driver(str(tmp_path / "clip.mp4")).setup()
    (tmp_path / "folder").mkdir()
    with pytest.raises(TryAgain):
        driver(str(tmp_path / "folder")).setup()
